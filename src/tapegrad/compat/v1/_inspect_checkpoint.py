"""Printing what a checkpoint has: `tensorflow.python.tools.inspect_checkpoint`."""

from __future__ import annotations

import math
from typing import Any

from ._checkpoint_reader import NewCheckpointReader

__all__ = ["print_tensors_in_checkpoint_file"]


def print_tensors_in_checkpoint_file(
    file_name: Any,
    tensor_name: str | None,
    all_tensors: bool,
    all_tensor_names: bool = False,
    count_exclude_pattern: str = "",
) -> None:
    """Print one variable, or all of them with their values or without."""
    reader = NewCheckpointReader(file_name)
    shapes = reader.get_variable_to_shape_map()
    names = sorted(shapes) if all_tensors or all_tensor_names or not tensor_name else [tensor_name]
    for name in names:
        if name not in shapes:
            print(f"Tensor {name} not found in checkpoint")
            continue
        value = reader.get_tensor(name)
        print(f"tensor: {name} ({value.dtype}) {list(shapes[name])}")
        if all_tensors or tensor_name:
            print(value)
    print(f"# Total number of params: {sum(math.prod(shape) for shape in shapes.values())}")
