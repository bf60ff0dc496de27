"""Vectors as values in compiled code: neighbouring elements of an array, loaded, compared, chosen and stored at once.

    v = load(x, place, mask)
    store(y, place, choose(exceeds(v, largest), v, largest), mask)

LLVM makes vector instructions of a loop where it can prove that they are the same, and where the loop is long enough
to be worth it. Loops over the channels of a cell are neither, so here the vectors are written down. What a variable
of compiled code holds in such a vector stays in registers.

The mask tells which lanes exist: those outside are not loaded, and not stored. With `everywhere`, which is a constant,
it costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

from . import lanes, values
from .jit import FUSED, LANES
from .memory import place_of

if TYPE_CHECKING:
    from collections.abc import Callable

BYTES = 2 * LANES * 4  # two registers a vector: the loops around short ones would cost more than their work


class Vector(types.Type):
    """As many elements as `BYTES` hold."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        self.lanes = BYTES * 8 // dtype.bitwidth
        super().__init__(f"Vector({dtype}, {self.lanes})")


class Mask(types.Type):
    """One truth value for each lane of a vector."""

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes
        super().__init__(f"Mask({lanes})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        element = ir.FloatType() if kind.dtype.bitwidth == 32 else ir.DoubleType()
        super().__init__(manager, kind, ir.VectorType(element, kind.lanes))  # type: ignore[no-untyped-call]


@register_model(Mask)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, ir.VectorType(ir.IntType(1), kind.lanes))  # type: ignore[no-untyped-call]


# --------------------------------------------------------------------------------------------------
# Masks


@intrinsic
def everywhere(context: Any, array: Any) -> Any:
    """The mask of all lanes of a vector from `array`."""
    kind = Mask(Vector(array.dtype).lanes)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return lanes.everywhere(kind.lanes)

    return kind(array), generate


@intrinsic
def below(context: Any, array: Any, count: Any) -> Any:
    """The mask of the first `count` lanes of a vector from `array`."""
    kind = Mask(Vector(array.dtype).lanes)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return lanes.below(builder, arguments[1], kind.lanes)

    return kind(array, types.intp), generate


# --------------------------------------------------------------------------------------------------
# Between arrays and vectors


@intrinsic
def spread(context: Any, array: Any, number: Any) -> Any:
    """A vector for `array` with `number` in all lanes."""
    kind = Vector(array.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        element = context.cast(builder, arguments[1], number, array.dtype)
        return values.spread(builder, element, kind.lanes)

    return kind(array, number), generate


@intrinsic
def load(context: Any, array: Any, place: Any, mask: Any) -> Any:
    """The elements of the contiguous `array` from `place` on, and 0 outside of the mask."""
    kind = Vector(array.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return lanes.load(builder, place_of(context, builder, signature.args[0], *arguments[:2]), arguments[2])

    return kind(array, types.intp, mask), generate


@intrinsic
def store(context: Any, array: Any, place: Any, vector: Any, mask: Any) -> Any:
    """Write `vector` into the contiguous `array` from `place` on, except outside of the mask."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, mask = arguments[2:]
        lanes.store(builder, value, place_of(context, builder, signature.args[0], *arguments[:2]), mask)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector, mask), generate


# --------------------------------------------------------------------------------------------------
# Arithmetic and choices


def _lanewise(emit: Callable[[Any, Any, Any], Any], result: Callable[[Any], Any]) -> Any:
    """A function for compiled code of two vectors, lane by lane."""

    @intrinsic
    def operation(context: Any, x: Any, y: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return emit(builder, *arguments)

        return result(x)(x, y), generate

    return operation


def _bits(builder: Any, x: Any) -> Any:
    size = BYTES * 8 // x.type.count
    return builder.bitcast(x, ir.VectorType(ir.IntType(size), x.type.count))


def _vector(x: Any) -> Any:
    return x


def _mask(x: Any) -> Any:
    return Mask(x.lanes)


add = _lanewise(lambda builder, x, y: builder.fadd(x, y), _vector)
subtract = _lanewise(lambda builder, x, y: builder.fsub(x, y), _vector)
multiply = _lanewise(lambda builder, x, y: builder.fmul(x, y), _vector)
divide = _lanewise(lambda builder, x, y: builder.fdiv(x, y), _vector)
# Whether x is larger than y, NaN being larger than any number; and whether both have the same bits.
exceeds = _lanewise(
    lambda builder, x, y: builder.and_(builder.fcmp_unordered(">", x, y), builder.fcmp_ordered("ord", y, y)), _mask
)
equals = _lanewise(lambda builder, x, y: builder.icmp_unsigned("==", _bits(builder, x), _bits(builder, y)), _mask)


relu_gradient = _lanewise(lanes.relu_gradient, _vector)  # `x * (y > 0)`


@intrinsic
def relu(context: Any, x: Any) -> Any:
    """`x` where that is above 0, or no number, and 0 elsewhere."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return lanes.relu(builder, *arguments)

    return x(x), generate


@intrinsic
def multiply_add(context: Any, x: Any, y: Any, z: Any) -> Any:
    """`x * y + z`, rounded once where the processor can."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        a, b, c = arguments
        if not FUSED:
            return builder.fadd(builder.fmul(a, b), c)
        name = f"llvm.fma.v{a.type.count}{a.type.element.intrinsic_name}"
        kind = ir.FunctionType(a.type, [a.type] * 3)
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)  # type: ignore[no-untyped-call]

    return x(x, y, z), generate


@intrinsic
def choose(context: Any, mask: Any, x: Any, y: Any) -> Any:
    """`x` where the mask is true, else `y`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.select(*arguments)

    return x(mask, x, y), generate
