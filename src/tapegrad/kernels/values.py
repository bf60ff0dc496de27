"""Numbers of a compiled function while it is being written: Python's operators on them write LLVM's instructions.

What takes part in many loops is written like this, as a function of `Value`. Compiled by numba, it would be typed and
optimised by itself first and then again in each place, and LLVM might leave a call in the loop, which keeps it from
using vectors.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils

INDEX, NUMBER, BITS = ir.IntType(64), ir.FloatType(), ir.IntType(32)


def size_of(scalar: Any) -> int:
    """The bytes of one of LLVM's two kinds of numbers."""
    return 4 if isinstance(scalar, ir.FloatType) else 8


def spread(builder: Any, value: Any, lanes: int) -> Any:
    """A value in all lanes of a vector."""
    nothing = ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined)
    first = builder.insert_element(nothing, value, BITS(0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(BITS, lanes), [0] * lanes))


class Value:
    """A float32 or a vector of them, or whether something is so, which `choose` asks.

    Python's numbers take part as float32, in all lanes.
    """

    def __init__(self, builder: Any, value: Any, flags: tuple[str, ...] = ()) -> None:
        self.builder = builder
        self.value = value
        self._flags = flags

    def contracted(self) -> Value:
        """The same number, whose products may be added without being rounded first; so may what is made of it."""
        return Value(self.builder, self.value, ("contract",))

    def new(self, value: Any) -> Value:
        """A Value of one of LLVM's, with the flags of this."""
        return Value(self.builder, value, self._flags)

    def operand(self, other: Any) -> Any:
        """A value of LLVM for a Value, or for a number of Python."""
        return other.value if isinstance(other, Value) else self.constant(NUMBER(float(other)))

    def constant(self, value: Any) -> Any:
        """One of LLVM's constants, in as many lanes as this has."""
        kind = self.value.type
        return spread(self.builder, value, kind.count) if isinstance(kind, ir.VectorType) else value

    def as_kind(self, scalar: Any) -> Any:
        """LLVM's type of as many of a kind as this has lanes."""
        kind = self.value.type
        return ir.VectorType(scalar, kind.count) if isinstance(kind, ir.VectorType) else scalar

    def __add__(self, other: Any) -> Value:
        return self.new(self.builder.fadd(self.value, self.operand(other), flags=self._flags))

    def __sub__(self, other: Any) -> Value:
        return self.new(self.builder.fsub(self.value, self.operand(other), flags=self._flags))

    def __rsub__(self, other: Any) -> Value:
        return self.new(self.builder.fsub(self.operand(other), self.value, flags=self._flags))

    def __mul__(self, other: Any) -> Value:
        return self.new(self.builder.fmul(self.value, self.operand(other), flags=self._flags))

    def __truediv__(self, other: Any) -> Value:
        return self.new(self.builder.fdiv(self.value, self.operand(other), flags=self._flags))

    def __rtruediv__(self, other: Any) -> Value:
        return self.new(self.builder.fdiv(self.operand(other), self.value, flags=self._flags))

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Value:
        return self.new(self.builder.fneg(self.value))

    def __abs__(self) -> Value:
        return self._called("llvm.fabs")

    def sqrt(self) -> Value:
        """The square root."""
        return self._called("llvm.sqrt")

    def _called(self, name: str) -> Value:
        kind = self.value.type
        lanes = f"v{kind.count}" if isinstance(kind, ir.VectorType) else ""
        of = ir.FunctionType(kind, [kind])
        function = cgutils.get_or_insert_function(self.builder.module, of, f"{name}.{lanes}f32")  # type: ignore[no-untyped-call]
        return self.new(self.builder.call(function, [self.value]))

    # Comparisons, which are all false for what is no number

    def __lt__(self, other: Any) -> Value:
        return self.new(self.builder.fcmp_ordered("<", self.value, self.operand(other)))

    def __le__(self, other: Any) -> Value:
        return self.new(self.builder.fcmp_ordered("<=", self.value, self.operand(other)))

    def __gt__(self, other: Any) -> Value:
        return self.new(self.builder.fcmp_ordered(">", self.value, self.operand(other)))

    def __ge__(self, other: Any) -> Value:
        return self.new(self.builder.fcmp_ordered(">=", self.value, self.operand(other)))

    def is_nan(self) -> Value:
        """Whether this is no number."""
        return self.new(self.builder.fcmp_unordered("uno", self.value, self.value))

    def __or__(self, other: Value) -> Value:
        return self.new(self.builder.or_(self.value, other.value))

    def choose(self, x: Any, y: Any) -> Value:
        """`x` where this is so, else `y`."""
        return self.new(self.builder.select(self.value, self.operand(x), self.operand(y)))
