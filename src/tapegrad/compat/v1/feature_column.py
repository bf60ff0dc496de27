"""What a model sees of named features, told by columns: `tf.feature_column`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...ops.product import matmul
from ...ops.shape import concat
from . import _dtypes as dtypes
from ._columns import CategoricalColumn, Column, DenseColumn
from ._columns_categorical import (
    categorical_column_with_hash_bucket,
    categorical_column_with_identity,
    categorical_column_with_vocabulary_file,
    categorical_column_with_vocabulary_list,
    crossed_column,
)
from ._columns_dense import bucketized_column, embedding_column, indicator_column, numeric_column, summed
from ._graph import get_default_graph
from ._initializers import zeros_initializer
from ._math import add_n
from ._missing import not_covered
from ._nodes import node
from ._scopes import get_variable, variable_scope
from ._variables import GraphKeys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._operation import Tensor

__all__ = [
    "bucketized_column", "categorical_column_with_hash_bucket", "categorical_column_with_identity",
    "categorical_column_with_vocabulary_file", "categorical_column_with_vocabulary_list", "crossed_column",
    "embedding_column", "indicator_column", "input_layer", "linear_model", "make_parse_example_spec",
    "numeric_column",
]  # fmt: skip


def input_layer(
    features: Any,
    feature_columns: Any,
    weight_collections: Any = None,
    trainable: bool = True,
    cols_to_vars: Any = None,
    cols_to_output_tensors: Any = None,
) -> Tensor:
    """The numbers of all columns side by side, (N, total), in the order of the columns' names."""
    columns = sorted(_listed(feature_columns), key=lambda column: column.name)
    for column in columns:
        if not isinstance(column, DenseColumn):
            raise ValueError(
                f"Items of feature_columns must be dense, and {column.name} is a category: wrap it with "
                "embedding_column or indicator_column"
            )
    with variable_scope(None, "input_layer"):
        parts = []
        for column in columns:
            with variable_scope(None, column.name):
                before = len(get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES))
                parts.append(column.dense(features))
                if cols_to_vars is not None:
                    made = get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES)[before:]
                    cols_to_vars[column] = made
                if cols_to_output_tensors is not None:
                    cols_to_output_tensors[column] = parts[-1]
        return node("ConcatV2", lambda *values: concat(values, axis=1), parts, "concat")  # type: ignore[no-any-return]


def linear_model(
    features: Any,
    feature_columns: Any,
    units: int = 1,
    sparse_combiner: str = "sum",
    weight_collections: Any = None,
    trainable: bool = True,
    cols_to_vars: Any = None,
) -> Tensor:
    """Sums of all columns' numbers and categories, each times a learned weight, (N, units)."""
    columns = sorted(_listed(feature_columns), key=lambda column: column.name)
    with variable_scope(None, "linear_model"):
        parts: list[Tensor] = []
        for column in columns:
            with variable_scope(None, column.name):
                count = column.buckets if isinstance(column, CategoricalColumn) else column.width
                weights = get_variable(
                    "weights", [count, units], dtypes.float32, zeros_initializer(), trainable=trainable
                )
                if isinstance(column, CategoricalColumn):
                    parts.append(summed(weights, column.ids(features), sparse_combiner))
                else:
                    parts.append(node("MatMul", matmul, [column.dense(features), weights]))
        bias = get_variable("bias_weights", [units], dtypes.float32, zeros_initializer(), trainable=trainable)
        return add_n([*parts, bias], "weighted_sum")


def make_parse_example_spec(feature_columns: Any) -> dict[str, Any]:
    """How the features of columns are parsed from examples, for `tf.parse_example`."""
    spec: dict[str, Any] = {}
    for column in _listed(feature_columns):
        spec |= column.parse_spec()
    return spec


def _listed(columns: Any) -> Sequence[Any]:
    found = list(columns) if isinstance(columns, list | tuple | set) or hasattr(columns, "__next__") else [columns]
    if not found:
        raise ValueError("feature_columns must not be empty.")
    for column in found:
        if not isinstance(column, Column):
            raise ValueError(f"Items of feature_columns must be columns of tf.feature_column, got {column!r}")
    return found


__getattr__ = not_covered(__name__)
