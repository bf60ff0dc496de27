"""TensorArray: places for tensors, which loops write and read one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..._tape import Tensor as Value
from ...ops.shape import concat, stack
from . import _dtypes as dtypes
from ._arguments import plain
from ._infer import Kind, constant_value, kind_of
from ._nodes import convert, node
from ._shapes import Sizes, sizes_of

if TYPE_CHECKING:
    from ._operation import Tensor

_FLOW = Kind((), np.dtype(object))  # the value behind a flow is a tuple, of which nothing but its existence is known


def _is_flow(*_: Any, **__: Any) -> Kind:
    return _FLOW


class TensorArray:
    """`size` places for tensors of one dtype. What writes gives a new TensorArray, which must be used from there on."""

    def __init__(
        self,
        dtype: Any,
        size: Any = None,
        dynamic_size: bool | None = None,
        clear_after_read: Any = None,
        tensor_array_name: str | None = None,
        handle: Any = None,
        flow: Any = None,
        infer_shape: bool = True,
        element_shape: Any = None,
        colocate_with_first_write_call: bool = True,
        name: str | None = None,
    ) -> None:
        self.dtype = dtypes.as_dtype(dtype)
        self.dynamic_size = bool(dynamic_size)
        self._shape: Sizes = sizes_of(element_shape)
        self._written: list[Tensor] = []  # an example of an element; shared with what writing gives
        self._rows: list[Tensor] = []  # a tensor whose rows are elements
        self._count: int | None = None
        if flow is not None:
            self.flow: Tensor = flow
            return
        if size is None:
            raise ValueError("Size must be provided if handle is not provided")
        length = convert(size, dtypes.int32)
        known = constant_value(length)
        self._count = int(known) if known is not None and not self.dynamic_size else None
        self.flow = node("TensorArrayV3", _places, [length], name or tensor_array_name, sample=_is_flow)

    @property
    def handle(self) -> Tensor:
        """What stands for it in the graph."""
        return self.flow

    @property
    def element_shape(self) -> Any:
        """The shape of its elements, as far as it is known."""
        from ._shapes import TensorShape

        return TensorShape(self._element().sizes)

    def with_flow(self, flow: Tensor) -> TensorArray:
        """The same places with other values, those of `flow`."""
        other = TensorArray(self.dtype, dynamic_size=self.dynamic_size, flow=flow)
        other._shape, other._written, other._rows, other._count = self._shape, self._written, self._rows, self._count
        return other

    def _element(self) -> Kind:
        sizes = self._shape
        if sizes is None and self._written:
            sizes = kind_of(self._written[0]).sizes
        elif sizes is None and self._rows:
            whole = kind_of(self._rows[0]).sizes
            sizes = None if whole is None else whole[1:]
        return Kind(sizes, self.dtype.dtype)

    def _stacked(self, *_: Any) -> Kind:
        element = self._element()
        return Kind(None if element.sizes is None else (self._count, *element.sizes), element.dtype)

    def identity(self) -> TensorArray:
        """The same."""
        return self.with_flow(self.flow)

    def write(self, index: Any, value: Any, name: str | None = None) -> TensorArray:
        """With `value` at the place `index`."""
        tensor = convert(value, self.dtype)
        self._written.append(tensor)
        flow = node(
            "TensorArrayWriteV3", _write, [self.flow, index, tensor], name, sample=_is_flow, grows=self.dynamic_size
        )
        return self.with_flow(flow)

    def read(self, index: Any, name: str | None = None) -> Tensor:
        """The tensor at the place `index`."""
        return node("TensorArrayReadV3", _read, [self.flow, index], name, sample=lambda *_: self._element())  # type: ignore[no-any-return]

    def stack(self, name: str | None = None) -> Tensor:
        """All tensors along a new first dimension."""
        return node("TensorArrayGatherV3", _stack, [self.flow], name, sample=self._stacked)  # type: ignore[no-any-return]

    pack = stack  # its name before TensorFlow 1.0

    def gather(self, indices: Any, name: str | None = None) -> Tensor:
        """The tensors at some places along a new first dimension."""
        element = self._element
        return node(  # type: ignore[no-any-return]
            "TensorArrayGatherV3", _stack, [self.flow, indices], name,
            sample=lambda flow, at: Kind(None if (e := element()).sizes is None else (len(at), *e.sizes), e.dtype),
        )  # fmt: skip

    def concat(self, name: str | None = None) -> Tensor:
        """All tensors joined along their first dimension."""
        element = self._element
        return node(  # type: ignore[no-any-return]
            "TensorArrayConcatV3", lambda flow: _joined(flow), [self.flow], name,
            sample=lambda _: Kind(None if not (e := element()).sizes else (None, *e.sizes[1:]), e.dtype),
        )  # fmt: skip

    def unstack(self, value: Any, name: str | None = None) -> TensorArray:
        """With the rows of `value` at all places."""
        rows = convert(value, self.dtype)
        self._rows.append(rows)
        flow = node("TensorArrayScatterV3", _unstack, [self.flow, rows], name, sample=_is_flow)
        return self.with_flow(flow)

    unpack = unstack  # its name before TensorFlow 1.0

    def scatter(self, indices: Any, value: Any, name: str | None = None) -> TensorArray:
        """With the rows of `value` at the places `indices`."""
        rows = convert(value, self.dtype)
        self._rows.append(rows)
        inputs = [self.flow, rows, indices]
        flow = node("TensorArrayScatterV3", _scatter, inputs, name, sample=_is_flow, grows=self.dynamic_size)
        return self.with_flow(flow)

    def split(self, value: Any, lengths: Any, name: str | None = None) -> TensorArray:
        """With parts of `value`, of `lengths` rows each."""
        flow = node(
            "TensorArraySplitV3", _split, [self.flow, convert(value, self.dtype), lengths], name, sample=_is_flow
        )
        return self.with_flow(flow)

    def size(self, name: str | None = None) -> Tensor:
        """How many places there are."""
        return node(  # type: ignore[no-any-return]
            "TensorArraySizeV3", lambda flow: np.int32(len(flow)), [self.flow], name,
            sample=lambda _: Kind((), np.dtype(np.int32)),
        )  # fmt: skip

    def close(self, name: str | None = None) -> Any:
        """Nothing: what is not used is given back by itself."""
        from ._variables import no_op

        return no_op(name)

    def __repr__(self) -> str:
        return f"<tf.TensorArray of {self.dtype.name}, flow {self.flow.name!r}>"


def _places(size: Any) -> tuple[None, ...]:
    return (None,) * int(plain(size))


def _write(flow: tuple[Any, ...], index: Any, value: Any, *, grows: bool) -> tuple[Any, ...]:
    place = int(plain(index))
    if grows and place >= len(flow):
        flow += (None,) * (place + 1 - len(flow))
    if not 0 <= place < len(flow):
        raise IndexError(f"Tried to write to index {place} but array is not resizeable and size is: {len(flow)}")
    return (*flow[:place], value, *flow[place + 1 :])


def _read(flow: tuple[Any, ...], index: Any) -> Any:
    place = int(plain(index))
    if not 0 <= place < len(flow):
        raise IndexError(f"Tried to read from index {place} but array size is: {len(flow)}")
    if flow[place] is None:
        raise ValueError(f"Could not read from TensorArray index {place}: nothing was written there")
    return flow[place]


def _stack(flow: tuple[Any, ...], indices: Any = None) -> Any:
    values = flow if indices is None else [flow[int(place)] for place in plain(indices).ravel()]
    if not values:
        raise ValueError("TensorArray has size zero, so there is nothing to stack")
    if any(value is None for value in values):
        place = next(place for place, value in enumerate(values) if value is None)
        raise ValueError(f"Could not read index {place} of the TensorArray: nothing was written there")
    return stack(values) if any(isinstance(value, Value) for value in values) else np.stack(values)


def _joined(flow: tuple[Any, ...]) -> Any:
    return concat(flow, axis=0) if any(isinstance(value, Value) for value in flow) else np.concatenate(flow)


def _unstack(flow: tuple[Any, ...], rows: Any) -> tuple[Any, ...]:
    return tuple(rows[place] for place in range(np.shape(rows)[0]))


def _scatter(flow: tuple[Any, ...], rows: Any, indices: Any, *, grows: bool) -> tuple[Any, ...]:
    for row, place in enumerate(plain(indices).ravel()):
        flow = _write(flow, place, rows[row], grows=grows)
    return flow


def _split(flow: tuple[Any, ...], value: Any, lengths: Any) -> tuple[Any, ...]:
    ends = np.cumsum(plain(lengths).ravel()).tolist()
    return tuple(value[begin:end] for begin, end in zip([0, *ends], ends, strict=False))
