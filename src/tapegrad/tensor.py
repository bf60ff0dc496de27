"""What a Tensor can do: NumPy's operators and methods, each one line over an op; NumPy's protocols; creation.

`TensorMethods` is the base class of `Tensor` for type checkers and documentation. It stands above the ops,
which stand above the bare Tensor, so its methods are installed at the end of this file.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from ._dtype import get_default_dtype
from ._rows import Rows
from ._tape import Entry, Tensor, Watch, backward, keep_gradient, keeps_gradient, leaf, mode, wrap
from .errors import BackwardError, DTypeError, LostGradientError, ShapeError
from .ops import elementwise, indexing, product, reduction
from .ops import shape as shaping
from .ops._numpy import call_function, call_ufunc
from .primitive import primitive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Self

    from numpy.typing import DTypeLike

    Axis = int | tuple[int, ...] | None


# Unlike np.equal, these have an answer for strings, too.
_equal = primitive(operator.eq, name="equal", broadcasts=True)
_not_equal = primitive(operator.ne, name="not_equal", broadcasts=True)


def _reflected(op: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda self, other: op(other, self)


def _in_place(op: Callable[[Any, Any], Any], symbol: str) -> Callable[[Any, Any], Any]:
    """`x += y` gives `x` a new array of its own shape and dtype, as NumPy's would have; no array is written to.

    So every name of `x` sees the sum, as in NumPy, but what was sliced or reshaped from `x` keeps its value. A scalar,
    such as a sum gives, is immutable in NumPy and here: `x` becomes another tensor.
    """

    def method(self: Tensor, other: Any) -> Tensor:
        recorded = self._entry is not None
        if recorded and self.is_leaf and mode.recording:
            raise BackwardError(
                f"x {symbol} y: x is a leaf that requires a gradient, and changing it would lose track of it; "
                f"write y = x {symbol[:-1]} ... for a new tensor, or update x inside `with tapegrad.no_grad():`"
            )
        if recorded and not self.is_leaf and not mode.recording:
            raise LostGradientError(
                f"x {symbol} y: x was recorded, and under no_grad its gradient would no longer be that of its value; "
                f"write y = x {symbol[:-1]} ... for a new tensor"
            )
        out = op(self, other)
        mutable = isinstance(self._array, np.ndarray)
        if not mutable and not (recorded and self.is_leaf):
            return out  # type: ignore[no-any-return]
        if out.shape != self.shape:
            raise ShapeError(f"x {symbol} y: the result has shape {out.shape}, but x has shape {self.shape}")
        if out.dtype != self.dtype:
            if not np.can_cast(out.dtype, self.dtype, "same_kind"):
                raise DTypeError(f"x {symbol} y: the result is {out.dtype}, which x, {self.dtype}, cannot hold")
            out = shaping.astype(out, self.dtype)
        keep = keeps_gradient(out)
        if not self.is_leaf and keeps_gradient(self):  # whose gradient will be that of the new value
            keep, self._watch(symbol).tensor = True, None
        array = np.asarray(out._array) if mutable else out._array
        if mode.tracer is not None:
            mode.tracer.assigns(self, out, array)
        self._array = array
        if not (self.is_leaf and self.requires_grad):
            self._entry = out._entry
            if keep:
                keep_gradient(self)
        return self

    return method


class TensorMethods:
    """The methods of a Tensor; those of NumPy's arrays have NumPy's names and meanings."""

    __slots__: tuple[str, ...] = ()  # Tensor has them

    _array: Any
    _entry: Entry | None
    _grad: Tensor | Rows | None

    # Arithmetic

    __add__ = elementwise.add
    __radd__ = _reflected(elementwise.add)
    __iadd__ = _in_place(elementwise.add, "+=")
    __sub__ = elementwise.subtract
    __rsub__ = _reflected(elementwise.subtract)
    __isub__ = _in_place(elementwise.subtract, "-=")
    __mul__ = elementwise.multiply
    __rmul__ = _reflected(elementwise.multiply)
    __imul__ = _in_place(elementwise.multiply, "*=")
    __truediv__ = elementwise.divide
    __rtruediv__ = _reflected(elementwise.divide)
    __itruediv__ = _in_place(elementwise.divide, "/=")
    __floordiv__ = elementwise.floor_divide
    __rfloordiv__ = _reflected(elementwise.floor_divide)
    __ifloordiv__ = _in_place(elementwise.floor_divide, "//=")
    __mod__ = elementwise.remainder
    __rmod__ = _reflected(elementwise.remainder)
    __imod__ = _in_place(elementwise.remainder, "%=")
    __pow__ = elementwise.operator_pow
    __rpow__ = _reflected(elementwise.operator_pow)
    __ipow__ = _in_place(elementwise.operator_pow, "**=")
    __matmul__ = product.matmul
    __rmatmul__ = _reflected(product.matmul)
    __imatmul__ = _in_place(product.matmul, "@=")
    __neg__ = elementwise.negative
    __pos__ = elementwise.positive
    __abs__ = elementwise.abs

    def __divmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return other // self, other % self

    # Comparison and logic: without a gradient

    __eq__ = _equal
    __ne__ = _not_equal
    __lt__ = elementwise.less
    __le__ = elementwise.less_equal
    __gt__ = elementwise.greater
    __ge__ = elementwise.greater_equal
    __and__ = elementwise.bitwise_and
    __rand__ = _reflected(elementwise.bitwise_and)
    __iand__ = _in_place(elementwise.bitwise_and, "&=")
    __or__ = elementwise.bitwise_or
    __ror__ = _reflected(elementwise.bitwise_or)
    __ior__ = _in_place(elementwise.bitwise_or, "|=")
    __xor__ = elementwise.bitwise_xor
    __rxor__ = _reflected(elementwise.bitwise_xor)
    __ixor__ = _in_place(elementwise.bitwise_xor, "^=")
    __invert__ = elementwise.bitwise_invert
    __lshift__ = elementwise.bitwise_left_shift
    __rlshift__ = _reflected(elementwise.bitwise_left_shift)
    __ilshift__ = _in_place(elementwise.bitwise_left_shift, "<<=")
    __rshift__ = elementwise.bitwise_right_shift
    __rrshift__ = _reflected(elementwise.bitwise_right_shift)
    __irshift__ = _in_place(elementwise.bitwise_right_shift, ">>=")
    __hash__ = object.__hash__  # by identity, as for every object whose == is elementwise

    def __contains__(self, value: Any) -> bool:
        self._read("value in t")
        return bool(np.any(self._array == value))

    # Elements

    __getitem__ = indexing.getitem

    def __setitem__(self, key: Any, value: Any) -> None:
        recorded = self._entry is not None or (isinstance(value, Tensor) and value._entry is not None)
        if recorded and mode.recording:
            raise LostGradientError(
                "t[key] = value: item assignment cannot be recorded; write t = tapegrad.index_update(t, key, value), "
                "or tapegrad.index_add(t, key, value) for +=, which give a new tensor"
            )
        if self._entry is not None and not self.is_leaf:
            raise LostGradientError(
                "t[key] = value: t was recorded, and its gradient would no longer be that of its value; "
                "assign to t.detach() or use tapegrad.index_update"
            )
        for part in (self, value, *(key if isinstance(key, tuple) else (key,))):
            if isinstance(part, Tensor):
                part._read("t[key] = value")
        array = np.array(self._array, copy=True)
        array[indexing.plain_key(key)] = value._array if isinstance(value, Tensor) else value
        self._array = array
        if mode.tracer is not None:
            mode.tracer.constant(array)
            mode.tracer.made(self)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self._array)

    def __iter__(self) -> Iterator[Tensor]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d tensor; t.item() gives its number")
        return (self[i] for i in range(len(self._array)))

    # Shape

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each dimension."""
        return self._array.shape  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._array.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._array.size  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the elements."""
        return self._array.dtype  # type: ignore[no-any-return]

    @property
    def nbytes(self) -> int:
        """The bytes that the elements take."""
        return self._array.nbytes  # type: ignore[no-any-return]

    @property
    def T(self) -> Tensor:
        """The tensor with its dimensions in reverse order."""
        return shaping.permute_dims(self)  # type: ignore[no-any-return]

    @property
    def mT(self) -> Tensor:
        """The tensor with its last two dimensions exchanged."""
        return shaping.matrix_transpose(self)  # type: ignore[no-any-return]

    def astype(self, dtype: DTypeLike, copy: bool = True) -> Tensor:
        """The elements as another dtype. `copy` is NumPy's, and changes nothing: a Tensor is not written into."""
        return shaping.astype(self, dtype)  # type: ignore[no-any-return]

    def reshape(self, *sizes: Any) -> Tensor:
        """The same elements in another shape, given as a tuple or as numbers."""
        return shaping.reshape(self, sizes[0] if len(sizes) == 1 else sizes)  # type: ignore[no-any-return]

    def transpose(self, *axes: Any) -> Tensor:
        """The dimensions in the order `axes`, given as a tuple or as numbers; reversed without any."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
        return shaping.permute_dims(self, order)  # type: ignore[no-any-return]

    ravel = shaping.ravel
    flatten = shaping.ravel
    swapaxes = shaping.swapaxes
    squeeze = shaping.squeeze
    repeat = indexing.repeat
    take = indexing.take
    copy = shaping.copy
    clip = elementwise.clip
    round = elementwise.round
    dot = product.dot

    # Reductions

    sum = reduction.sum
    mean = reduction.mean
    prod = reduction.prod
    max = reduction.max
    min = reduction.min
    any = reduction.any
    all = reduction.all
    argmax = reduction.argmax
    argmin = reduction.argmin

    def var(self, *args: Any, **kwargs: Any) -> Tensor:
        """The variance, with the parameters of `np.var`, among them `axis`, `ddof` and `keepdims`."""
        return np.var(self, *args, **kwargs)  # type: ignore[no-any-return]

    def std(self, *args: Any, **kwargs: Any) -> Tensor:
        """The standard deviation, with the parameters of `np.std`, among them `axis`, `ddof` and `keepdims`."""
        return np.std(self, *args, **kwargs)  # type: ignore[no-any-return]

    # Out of the tape

    def numpy(self) -> np.ndarray[Any, Any]:
        """The value as a read-only NumPy array. It stays as it is, whatever becomes of the tensor."""
        self._read("t.numpy()")
        view = np.asarray(self._array).view()
        view.flags.writeable = False
        return view

    def item(self, *index: Any) -> Any:
        """The value of a one-element tensor, or of the element at `index`, as a Python number."""
        self._read("t.item()")
        return np.asarray(self._array).item(*index)

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers."""
        self._read("t.tolist()")
        return np.asarray(self._array).tolist()

    def detach(self) -> Tensor:
        """The same value, as a tensor that nothing was recorded for."""
        if mode.tracer is not None:
            mode.tracer.meets(self)  # type: ignore[arg-type]
        return wrap(self._array)

    def nonzero(self) -> tuple[np.ndarray[Any, Any], ...]:
        """The places of the elements that are not zero, one array a dimension, to index with."""
        self._read("t.nonzero()")
        return np.asarray(self._array).nonzero()

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        self._read("np.asarray(t)")
        self._no_loss("np.asarray(t), or storing t in an array,")
        return np.array(self.numpy(), dtype, copy=copy)  # read-only, unless it is a copy

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        return call_function(func, args, kwargs)

    def __float__(self) -> float:
        self._read("float(t)")
        self._no_loss("float(t), or a function of math,")
        return float(self._array)

    def __int__(self) -> int:
        self._read("int(t)")
        self._no_loss("int(t)")
        return int(self._array)

    def __complex__(self) -> complex:
        self._read("complex(t)")
        self._no_loss("complex(t)")
        return complex(self._array)

    def __index__(self) -> int:
        self._read("an index")
        return operator.index(self._array)

    def __bool__(self) -> bool:
        self._read("bool(t), as in `if t:`,")
        return bool(self._array)

    def _read(self, how: str) -> None:
        """What is read into Python while a program is traced would be frozen there."""
        if mode.tracer is not None:
            mode.tracer.reads(self, how)

    def _no_loss(self, what: str) -> None:
        if self._entry is not None and mode.recording:
            raise LostGradientError(
                f"{what} would lose the gradient of a recorded tensor. For the bare value use t.item(), t.numpy() or "
                "t.detach(); to go on computing use np.exp or tapegrad.exp instead of math.exp, tapegrad.stack to "
                "collect tensors in one, tapegrad.index_update instead of a[i] = t"
            )

    # Gradients

    @property
    def grad(self) -> Tensor | None:
        """What backward passes have added up for this tensor; None before the first, settable."""
        if mode.tracer is not None:
            mode.tracer.gradient(self, cleared=False)
        return wrap(self._grad.dense()) if isinstance(self._grad, Rows) else self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            if np.shape(value) != self.shape:
                raise ShapeError(f"grad: expected the tensor's shape {self.shape}, got {np.shape(value)}")
            if not isinstance(value, Tensor):
                value = _made(np.array(value, self.dtype))
            elif value.dtype != self.dtype:
                value = shaping.astype(value, self.dtype)
        if mode.tracer is not None:
            mode.tracer.gradient(self, cleared=True)
        self._grad = value  # type: ignore[misc]

    @property
    def requires_grad(self) -> bool:
        """Whether what is computed from this tensor is recorded."""
        return self._entry is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value == (self._entry is not None):
            return
        if not value and not self.is_leaf:
            raise BackwardError(
                "requires_grad = False: this tensor was computed from others; t.detach() lets go of them"
            )
        self._entry = leaf(self) if value else None  # type: ignore[arg-type,misc]

    @property
    def is_leaf(self) -> bool:
        """Whether this tensor was made by the user, not by a recorded op."""
        return self._entry is None or self._entry.op is None

    def backward(self, gradient: Any = None, retain_graph: bool = False, create_graph: bool = False) -> None:
        """Add the gradient of this tensor, times `gradient`, to the `.grad` of every leaf it was computed from.

        `gradient` has this tensor's shape, and may be left out for a single number. `retain_graph` keeps what the
        rules need for another pass; `create_graph` records the rules, so that gradients can be differentiated.
        Raises BackwardError when nothing was recorded, no cotangent is given, or the graph was released.
        """
        backward(self, gradient, retain_graph, create_graph)  # type: ignore[arg-type]

    def retain_grad(self) -> None:
        """Keep this tensor's gradient in `.grad` too, although it is not a leaf."""
        self._watch("retain_grad")
        keep_gradient(self)  # type: ignore[arg-type]

    def register_hook(self, hook: Callable[[Tensor], Any]) -> Callable[[], None]:
        """Call `hook(gradient)` in each backward pass; what it gives, unless None, takes the gradient's place.

        Gives a function that removes the hook.
        """
        hooks = self._watch("register_hook").hooks
        hooks.append(hook)

        def remove() -> None:
            if hook in hooks:
                hooks.remove(hook)

        return remove

    def _watch(self, what: str) -> Watch:
        entry = self._entry
        if entry is None:
            raise BackwardError(f"{what}: nothing is recorded for this tensor, so no gradient will come by")
        if entry.watch is None:
            entry.watch = Watch()
        return entry.watch

    def assign_(self, value: Any) -> Self:
        """Give this tensor a new value of the same shape, cast to its dtype; it stays a leaf, and earlier arrays stay.

        Raises BackwardError for a tensor that was computed from others, and LostGradientError for a recorded value.
        """
        if not self.is_leaf:
            raise BackwardError("assign_: this tensor was computed from others, so its value is not free to change")
        if isinstance(value, Tensor) and value._entry is not None and mode.recording:
            raise LostGradientError("assign_: the value was recorded, and its gradient would be lost; pass v.detach()")
        if not isinstance(value, Tensor):
            value = _made(np.array(value, self.dtype))
        if value.shape != self.shape:
            raise ShapeError(f"assign_: expected shape {self.shape}, got {value.shape}")
        if value.dtype != self.dtype:
            value = shaping.astype(value, self.dtype)
        if mode.tracer is not None:
            mode.tracer.assigns(self, value, value._array)
        self._array = value._array
        return self

    # Copies and text

    def __copy__(self) -> Tensor:
        return self.__deepcopy__({})

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        self._must_be_leaf("copy.deepcopy")
        new = wrap(self._array)
        new.requires_grad = self.requires_grad
        new._grad = wrap(self._grad._array) if isinstance(self._grad, Tensor) else self._grad
        return new

    def __reduce__(self) -> Any:
        self._must_be_leaf("pickle")
        return _rebuild, (np.asarray(self._array), self.requires_grad)

    def _must_be_leaf(self, what: str) -> None:
        if not self.is_leaf:
            raise LostGradientError(
                f"{what}: this tensor was computed from others, which a copy would lose; use t.detach() for its value"
            )

    def __repr__(self) -> str:
        notes = []
        if not self.size and self.ndim != 1:
            notes.append(f"shape={self.shape}")
        if self.dtype not in (get_default_dtype(), np.bool, np.int64):  # what the values look like already
            notes.append(f"dtype={self.dtype}")
        if self._entry is not None:
            notes.append("requires_grad=True" if self._entry.op is None else f"op={self._entry.op.name}")
        values = np.array2string(np.asarray(self._array), separator=", ", prefix="tensor(")
        return f"tensor({', '.join([values, *notes])})"

    def __str__(self) -> str:
        return str(self._array)

    def __format__(self, spec: str) -> str:
        return format(str(self), spec) if self.ndim else format(self.item(), spec)


def _rebuild(array: np.ndarray[Any, Any], requires_grad: bool) -> Tensor:
    return Tensor(array, requires_grad)


for _name, _method in vars(TensorMethods).items():
    if _name not in {"__annotations__", "__doc__", "__module__", "__qualname__", "__slots__"}:
        setattr(Tensor, _name, _method)


# --------------------------------------------------------------------------------------------------
# Creation


def tensor(data: Any, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """A Tensor with a copy of `data`: an array, a Tensor, a number, or nested lists of these.

    Arrays keep their dtype; Python numbers and lists become the default dtype, float32 unless it was set,
    and booleans stay booleans. Raises LostGradientError for a recorded Tensor (`asarray` keeps it as it is, and
    `t.detach()` lets go of its gradient) and for lists of them (use `tapegrad.stack`), and DTypeError when
    `requires_grad` is asked of what is not floating-point.
    """
    if isinstance(data, Tensor):
        data._no_loss("tapegrad.tensor(t)")
        if mode.tracer is not None:  # which would not see the copy being made
            copied = wrap(shaping.astype(shaping.copy(data.detach()), dtype or data.dtype)._array)
            mode.tracer.made(copied)
            copied.requires_grad = requires_grad
            return copied
    return _made(_converted(data, dtype, copy=True), requires_grad)


def asarray(data: Any, dtype: DTypeLike | None = None) -> Tensor:
    """`data` as a Tensor, sharing memory where that is possible; a Tensor comes back as it is.

    What is shared must not be written to while something recorded with it still waits for its backward pass.
    """
    if isinstance(data, Tensor):
        if mode.tracer is not None:
            mode.tracer.made(data)
        return data if dtype is None or data.dtype == dtype else shaping.astype(data, dtype)
    return _made(_converted(data, dtype, copy=None))


def _converted(data: Any, dtype: DTypeLike | None, copy: bool | None) -> Any:
    if isinstance(data, Tensor):
        data = data._array
    array = np.array(data, dtype, copy=copy)
    if dtype is None and not hasattr(data, "dtype") and array.dtype.kind in "iuf":
        array = array.astype(get_default_dtype())
    if array.dtype.kind not in "biuf":
        raise DTypeError(f"tensor: expected real numbers or booleans, got {array.dtype} from {type(data).__name__}")
    return array


def _made(array: Any, requires_grad: bool = False) -> Tensor:
    made = wrap(array)
    if mode.tracer is not None:
        mode.tracer.constant(array)
        mode.tracer.made(made)
    if requires_grad:
        made._entry = leaf(made)
    return made


def zeros(size: int | Sequence[int], dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """A Tensor of zeros, of the default dtype unless told otherwise."""
    return _made(np.zeros(size, dtype or get_default_dtype()), requires_grad)


def ones(size: int | Sequence[int], dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """A Tensor of ones, of the default dtype unless told otherwise."""
    return _made(np.ones(size, dtype or get_default_dtype()), requires_grad)


def full(size: int | Sequence[int], value: Any, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """A Tensor filled with `value`, of the default dtype unless told otherwise."""
    return _made(np.full(size, value, dtype or get_default_dtype()), requires_grad)


def arange(start: float, stop: float | None = None, step: float = 1, dtype: DTypeLike | None = None) -> Tensor:
    """The numbers from `start` (0 when only one is given) up to, not including, `stop`, in steps of `step`."""
    first, last = (0, start) if stop is None else (start, stop)
    return _made(np.arange(first, last, step, dtype=dtype or get_default_dtype()))


def linspace(start: float, stop: float, count: int, dtype: DTypeLike | None = None) -> Tensor:
    """`count` numbers at equal distances from `start` to `stop`, both included."""
    return _made(np.linspace(start, stop, count, dtype=dtype or get_default_dtype()))


def eye(rows: int, columns: int | None = None, dtype: DTypeLike | None = None) -> Tensor:
    """The matrix with ones on its diagonal and zeros elsewhere."""
    return _made(np.eye(rows, columns, dtype=dtype or get_default_dtype()))
