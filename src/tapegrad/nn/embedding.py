"""Embeddings: a learned vector for each of a vocabulary's words, one by one or added up in bags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..ops._windows import per_dimension
from ..ops.embeddings import embedding, embedding_bag
from . import init
from .module import Module

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


class _Table(Module):
    """What both have in common: `weight`, a row for each id, which starts normal as PyTorch's does."""

    def _set(self, num_embeddings: int, embedding_dim: int, dtype: DTypeLike | None) -> None:
        name = type(self).__name__
        (self.num_embeddings,) = per_dimension(name, "num_embeddings", num_embeddings, 1)
        (self.embedding_dim,) = per_dimension(name, "embedding_dim", embedding_dim, 1)
        self.weight = init.normal((num_embeddings, embedding_dim), dtype=dtype)
        self.weight.requires_grad = True

    def extra_repr(self) -> str:
        return f"{self.num_embeddings}, {self.embedding_dim}"


class Embedding(_Table):
    """The row of `weight` (num_embeddings, embedding_dim) of each id: (...) -> (..., embedding_dim).

    The gradient keeps only the rows seen. Raises IndexError for an id that is no row, DTypeError for ids that are no
    integers.
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, dtype: DTypeLike | None = None) -> None:
        self._set(num_embeddings, embedding_dim, dtype)

    def forward(self, ids: Any) -> Any:
        return embedding(self.weight, ids)


class EmbeddingBag(_Table):
    """The mean or the sum, as `mode` says, of the rows of each bag: ids (N,), offsets (B,) -> (B, embedding_dim).

    Bag `i` are `ids[offsets[i] : offsets[i + 1]]`; without offsets `ids` are (B, N), a bag a row. It is what a Linear
    layer gives of counts of words, without the matrix of counts, and its gradient keeps only the rows seen. Raises
    what `tapegrad.embedding_bag` does.
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, mode: str = "mean", dtype: DTypeLike | None = None
    ) -> None:
        if mode not in ("sum", "mean"):
            raise ValueError(f"EmbeddingBag: expected mode 'sum' or 'mean', got {mode!r}")
        self._set(num_embeddings, embedding_dim, dtype)
        self.mode = mode

    def forward(self, ids: Any, offsets: Any = None) -> Any:
        return embedding_bag(self.weight, ids, offsets, self.mode)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, mode={self.mode!r}"
