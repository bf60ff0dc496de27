"""Attention: every position of a sequence takes a weighted mean of the values at positions of another, or its own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .._tape import mode
from ..errors import DTypeError, ShapeError
from ..ops._windows import per_dimension
from ..ops.activation import softmax
from ..ops.elementwise import equal, where
from ..ops.reduction import mean
from ..ops.shape import permute_dims, reshape, swapaxes
from ..tensor import zeros
from . import init
from .dropout import dropout
from .linear import Linear, affine
from .module import Module

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from .._tape import Tensor


class MultiHeadAttention(Module):
    """`softmax(q k^T / sqrt(d)) v` in `num_heads` heads, each of `d = embed_dim / num_heads` dimensions.

        attention = nn.MultiHeadAttention(64, 8, batch_first=True)
        out, weights = attention(x, x, x)      # (N, L, 64) -> (N, L, 64), and (N, L, L)

    `query` is (L, N, embed_dim), `key` and `value` are (S, N, embed_dim); with `batch_first` N comes first. Gives
    `out`, shaped as `query`, and the weights (N, L, S), the mean of all heads; or (N, num_heads, L, S) without
    `average_attn_weights`; or None without `need_weights`.

    `key_padding_mask` (N, S) and `attn_mask` (L, S) or (N * num_heads, L, S) are True where a position may *not* be
    looked at; numbers instead of booleans are added to the scores before the softmax. A position that may look at
    none gets zeros from the heads, where PyTorch gives NaN. `dropout` leaves out weights in training.

    The parameters have PyTorch's names and start as PyTorch's do; its weights carry over when they are transposed, as
    in Linear. `in_proj_weight` (embed_dim, 3 * embed_dim) makes queries, keys and values. Raises ShapeError and
    ValueError for what does not fit. Source: Vaswani et al., Attention is all you need, NeurIPS 2017, section 3.2.
    """

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, batch_first: bool = False,
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        (self.embed_dim,) = per_dimension("MultiHeadAttention", "embed_dim", embed_dim, 1)
        (self.num_heads,) = per_dimension("MultiHeadAttention", "num_heads", num_heads, 1)
        if embed_dim % num_heads:
            raise ValueError(f"MultiHeadAttention: embed_dim={embed_dim} does not divide into {num_heads} heads")
        if not 0 <= dropout <= 1:
            raise ValueError(f"MultiHeadAttention: a probability lies between 0 and 1, got dropout={dropout}")
        self.dropout = dropout
        self.batch_first = batch_first
        self.in_proj_weight = init.xavier_uniform((embed_dim, 3 * embed_dim), dtype=dtype)
        self.in_proj_weight.requires_grad = True
        self.in_proj_bias: Tensor | None = zeros(3 * embed_dim, dtype, requires_grad=True) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, dtype)
        if self.out_proj.bias is not None:
            self.out_proj.bias.assign_(np.zeros(embed_dim))

    def forward(
        self, query: Any, key: Any, value: Any, key_padding_mask: Any = None, need_weights: bool = True,
        attn_mask: Any = None, average_attn_weights: bool = True,
    ) -> tuple[Any, Any]:  # fmt: skip
        """`(out, weights)`; see the class."""
        for name, x in (("query", query), ("key", key), ("value", value)):
            if np.ndim(x) != 3 or np.shape(x)[2] != self.embed_dim:
                dimensions = "(N, length, " if self.batch_first else "(length, N, "
                raise ShapeError(
                    f"MultiHeadAttention: expected {name} as {dimensions}{self.embed_dim}), got shape {np.shape(x)}"
                )
        q, k, v = self._projected(query, key, value)
        (count, _, length, width), source = np.shape(q), np.shape(k)[2]
        if np.shape(k) != np.shape(v) or np.shape(k)[0] != count:
            raise ShapeError(
                f"MultiHeadAttention: expected as many sequences in query, key and value, and key and value of one "
                f"length, got shapes {np.shape(query)}, {np.shape(key)} and {np.shape(value)}"
            )
        scores = q * (1 / math.sqrt(width)) @ swapaxes(k, 2, 3)
        blocked: Any = False
        heads = (count, self.num_heads, length, source)
        masks: list[tuple[str, Any, dict[tuple[int, ...], tuple[int, ...]]]] = [
            ("key_padding_mask", key_padding_mask, {(count, source): (count, 1, 1, source)}),
            (
                "attn_mask",
                attn_mask,
                {(length, source): (1, 1, length, source), (count * self.num_heads, length, source): heads},
            ),
        ]
        for name, mask, shapes in masks:
            if mask is not None:
                forbidden, added = _read_mask(name, mask, shapes)
                blocked = blocked | forbidden
                scores = scores if added is None else scores + added
        if blocked is not False:
            # The lowest finite number instead of -inf: where all is blocked, the softmax is no NaN, and then zero.
            scores = where(blocked, np.finfo(scores.dtype).min, scores)
        weights = softmax(scores)
        if blocked is not False:
            weights = where(blocked, 0, weights)
        weights = dropout(weights, self.dropout, self.training)
        out = reshape(permute_dims(weights @ v, (0, 2, 1, 3)), (count, length, self.embed_dim))
        out = self.out_proj(out)
        out = out if self.batch_first else swapaxes(out, 0, 1)
        if not need_weights:
            return out, None
        return out, mean(weights, 1) if average_attn_weights else weights

    def _projected(self, query: Any, key: Any, value: Any) -> tuple[Any, Any, Any]:
        """Queries, keys and values, (N, num_heads, length, d) each."""
        size = self.embed_dim
        if query is key and key is value:
            product = affine(query, self.in_proj_weight, self.in_proj_bias)
            q, k, v = (product[..., place : place + size] for place in (0, size, 2 * size))
        else:
            q, k, v = (
                affine(
                    x,
                    self.in_proj_weight[:, place : place + size],
                    None if self.in_proj_bias is None else self.in_proj_bias[place : place + size],
                )
                for place, x in ((0, query), (size, key), (2 * size, value))
            )
        return self._in_heads(q), self._in_heads(k), self._in_heads(v)

    def _in_heads(self, x: Any) -> Any:
        outer, inner, size = np.shape(x)
        apart = reshape(x, (outer, inner, self.num_heads, size // self.num_heads))
        return permute_dims(apart, (0, 2, 1, 3) if self.batch_first else (1, 2, 0, 3))

    def extra_repr(self) -> str:
        more = f", dropout={self.dropout}" if self.dropout else ""
        more += "" if self.in_proj_bias is not None else ", bias=False"
        return f"{self.embed_dim}, {self.num_heads}{more}{', batch_first=True' if self.batch_first else ''}"


def _read_mask(name: str, mask: Any, shapes: dict[tuple[int, ...], tuple[int, ...]]) -> tuple[Any, Any]:
    """Where a mask forbids to look, and the numbers that it adds elsewhere, None if it has none.

    `shapes` are those that it may have, each with that in which it broadcasts to the scores.
    """
    shape = np.shape(mask)
    if shape not in shapes:
        expected = " or ".join(map(str, shapes))
        raise ShapeError(f"MultiHeadAttention: expected {name} of shape {expected}, got {shape}")
    mask = reshape(mask, shapes[shape])
    if mask.dtype.kind == "b":
        return mask, None
    if mask.dtype.kind != "f":
        raise DTypeError(
            f"MultiHeadAttention: expected {name} of booleans, True where not to look, or of floating-point numbers to "
            f"add to the scores, got {mask.dtype}"
        )
    forbidden = equal(mask, -math.inf)
    none = mode.tracer is None and not forbidden.any()
    return forbidden, mask if none else where(forbidden, 0, mask)
