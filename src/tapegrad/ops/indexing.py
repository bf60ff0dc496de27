"""Taking elements out by index, and the two functional forms of item assignment."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._rows import Rows
from .._tape import Pending, Tensor, mode
from ..errors import DTypeError
from ..primitive import constant, primitive, variadic
from ._numpy import speaks_for
from .elementwise import multiply
from .shape import astype, normalized, ravel

__all__ = [
    "index_add",
    "index_update",
    "repeat",
    "take",
    "take_along_axis",
]


def plain_key(key: Any) -> Any:
    """An index without Tensors in it: their arrays serve, since no gradient flows through an index."""
    if isinstance(key, tuple):
        return key if _is_basic(key) else tuple([plain_key(k) for k in key])
    if isinstance(key, Tensor):
        if key._array.dtype.kind not in "iub":
            raise DTypeError(
                f"index: expected integers or booleans, got a tensor of {key._array.dtype}; use astype(int)"
            )
        if mode.tracer is not None:
            mode.tracer.meets(key)
        return key._array
    return key


_BASIC = (slice, int, np.integer)


def _is_basic(key: Any) -> bool:
    """Whether an index names each element at most once, being made of integers, slices, None and Ellipsis."""
    if isinstance(key, tuple):
        for part in key:  # noqa: SIM110  (all() would take as long again as everything else here)
            if not (part is None or part is Ellipsis or isinstance(part, _BASIC)):
                return False
        return True
    return key is None or key is Ellipsis or isinstance(key, _BASIC)


def _add_at(array: Any, key: Any, value: Any) -> None:
    """`array[key] += value`, counting an element as often as `key` names it."""
    if _is_basic(key):
        array[key] += value
    else:
        np.add.at(array, key, value)


# x[key], and its reverse: zeros of x's shape with the gradient put back at `key`


def _scatter_raw(x: Any, *, onto: tuple[int, ...], key: Any) -> Any:
    out = np.zeros(onto, x.dtype)
    if _is_basic(key):
        out[key] = x
    else:
        np.add.at(out, key, x)
    return out


getitem_op = primitive(
    lambda x, *, key: x[key],
    lambda g, shape, key: scatter_op(g, onto=shape, key=key),
    name="getitem",
)
scatter_op = primitive(_scatter_raw, lambda g, key: getitem_op(g, key=key), name="scatter")


# A slice of an array that has a gradient already adds into that, instead of making another array of zeros. Whether the
# pass may write into that gradient or not, the bits are the same: nothing is added to the other elements, not even 0.
def _accumulate(have: Any, g: Any, params: dict[str, Any]) -> Any:
    if mode.tracer is not None:
        parts = have if isinstance(have, _Parts) else _Parts(have.dense() if isinstance(have, Rows) else have)
        parts.add(params["key"], g)
        return parts
    if not isinstance(have, np.ndarray) or isinstance(g, Tensor):
        return index_add_op(have.dense() if isinstance(have, Rows) else have, g, key=params["key"])
    _add_at(have, params["key"], g)
    return have


class _Parts(Pending):
    """A gradient, and what slices add to it: for a loop over an array, one sum of them all and not a copy for each."""

    def __init__(self, have: Any) -> None:
        self._have = have
        self._keys: list[Any] = []
        self._parts: list[Any] = []

    def add(self, key: Any, part: Any) -> None:
        """One more part."""
        self._keys.append(key)
        self._parts.append(part)

    def together(self) -> Any:
        """The gradient."""
        if len(self._parts) == 1:
            return index_add_op(self._have, self._parts[0], key=self._keys[0])
        return add_parts_op(self._have, *self._parts, keys=self._keys)

    def __add__(self, other: Any) -> Any:
        return self.together() + other


getitem_op.op.accumulate = _accumulate


def getitem(x: Any, key: Any) -> Any:
    """`x[key]`, for every kind of index that NumPy knows."""
    for part in key if isinstance(key, tuple) else (key,):
        if isinstance(part, Tensor) and part.dtype.kind == "b":
            part._read("an index of booleans, which decide on the shape of the result,")
    return getitem_op(x, key=key if isinstance(key, int | slice) else plain_key(key))


@speaks_for(np.take, a="x")
def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """The elements of `x` at `indices` along `axis`, or of the flattened `x` for None."""
    if axis is None:
        return getitem_op(ravel(x), key=_integers("take", indices))
    (place,) = normalized(axis, np.ndim(x))
    return getitem_op(_array(x), key=(slice(None),) * place + (_integers("take", indices),))


@speaks_for(np.take_along_axis, arr="x")
def take_along_axis(x: Any, indices: Any, axis: int | None = -1) -> Any:
    """For each line along `axis`, the elements at that line's own `indices`; the other dimensions broadcast."""
    indices = _integers("take_along_axis", indices)
    if axis is None:
        return getitem_op(ravel(x), key=indices)
    (place,) = normalized(axis, np.ndim(x))
    key: list[Any] = [
        np.arange(n).reshape([-1 if j == i else 1 for j in range(np.ndim(x))]) for i, n in enumerate(np.shape(x))
    ]
    key[place] = indices
    return getitem_op(_array(x), key=tuple(key))


@speaks_for(np.repeat, a="x")
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Each element of `x`, or of the flattened `x` for None, `repeats` times in a row along `axis`."""
    if axis is None:
        x, axis = ravel(x), 0
    (place,) = normalized(axis, np.ndim(x))
    if isinstance(repeats, Tensor):
        repeats._read("np.repeat as often as a Tensor says")
    return take(x, np.repeat(np.arange(np.shape(x)[place]), plain_key(repeats)), place)


def _array(x: Any) -> Any:
    return x if isinstance(x, Tensor) else np.asarray(x)


def _integers(name: str, indices: Any) -> Any:
    array = np.asarray(plain_key(indices))
    if array.dtype.kind not in "iu" and array.size:
        raise DTypeError(f"{name}: indices must be integers, got {array.dtype}")
    return plain_key(astype(indices, np.intp)) if isinstance(indices, Tensor) else array.astype(np.intp)


# Item assignment that gives a new array


def _index_update_raw(x: Any, value: Any, *, key: Any) -> Any:
    out = np.array(x, copy=True)
    out[key] = value
    return out


def _index_add_raw(x: Any, value: Any, *, key: Any) -> Any:
    out = np.array(x, copy=True)
    total = np.result_type(out, value)
    if not np.can_cast(total, out.dtype, "same_kind"):
        raise DTypeError(f"index_add: the sum is {total}, which x, {out.dtype}, cannot hold; convert it with astype")
    _add_at(out, key, value)
    return out


def _last_writer_raw(g: Any, *, key: Any) -> Any:
    writer = np.zeros(g.shape, np.intp)
    order = np.arange(writer[key].size).reshape(writer[key].shape)
    writer[key] = order
    return (writer[key] == order).astype(np.int8)


# 1 for each element of `g[key]` that an assignment leaves there, 0 where a later one overwrites it.
_last_writer = constant(_last_writer_raw, name="last_writer")


def _assigned(g: Any, key: Any) -> Any:
    """The gradient of what was assigned, given that of the result."""
    taken = getitem_op(g, key=key)
    return taken if _is_basic(key) else multiply(taken, _last_writer(g, key=key))


_index_update = primitive(
    _index_update_raw,
    lambda g, key: _index_update(g, 0, key=key),
    _assigned,
    name="index_update",
    broadcasts=True,
)
index_add_op = primitive(
    _index_add_raw,
    lambda g: g,
    lambda g, key: getitem_op(g, key=key),
    name="index_add",
    broadcasts=True,
)


def _add_parts_raw(x: Any, *parts: Any, keys: list[Any]) -> Any:
    out = np.array(x, copy=True)
    for key, part in zip(keys, parts, strict=True):
        _add_at(out, key, part)
    return out


# Several of them, one after the other, for gradients: each part has the shape of what it is added to.
add_parts_op = variadic(
    _add_parts_raw,
    lambda g, index, keys: getitem_op(g, key=keys[index - 1]) if index else g,
    name="add_parts",
)


def index_update(x: Any, key: Any, value: Any) -> Any:
    """A copy of `x` in which `x[key] = value` was done; where `key` names an element twice, the last one stays."""
    return _index_update(x, value, key=plain_key(key))


def index_add(x: Any, key: Any, value: Any) -> Any:
    """A copy of `x` in which `value` was added at `key`, as often as `key` names an element."""
    return index_add_op(x, value, key=plain_key(key))
