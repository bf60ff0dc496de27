"""One kernel made for a run of elementwise steps: a loop in which what a step hands to the next stays in registers.

The machine of `machine.py` runs the same instructions without compiling anything, but each of its steps reads and
writes its numbers. Here the instructions become LLVM's, for one number, in a loop that LLVM is told to vectorise, and
to work on several vectors at once: the polynomial of an exp is a long chain, each of whose links waits for the one
before. The results have the machine's bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from . import instructions as to
from . import scalar
from .arrays import LINE
from .jit import LANES, called
from .jobs import SIZE, taken
from .memory import prefetch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_AT_ONCE = 8  # vectors; fewer leave the processor waiting, more do not fit
_STEP = _AT_ONCE * LANES  # numbers
_AHEAD = 4 * _STEP  # numbers, from where on a step fetches what later ones need: at a new page the processor does not
_INDEX, _NUMBER = ir.IntType(64), ir.FloatType()

# The instruction for one number, from LLVM's builder and the operands.
_STEPS: dict[int, Callable[..., Any]] = {
    to.ADD: lambda b, x, y: b.fadd(x, y),
    to.SUBTRACT: lambda b, x, y: b.fsub(x, y),
    to.MULTIPLY: lambda b, x, y: b.fmul(x, y),
    to.DIVIDE: lambda b, x, y: b.fdiv(x, y),
    to.MAXIMUM: lambda b, x, y: b.select(_stays(b, ">=", x, y), x, y),
    to.MINIMUM: lambda b, x, y: b.select(_stays(b, "<=", x, y), x, y),
    to.GREATER: lambda b, x, y: b.uitofp(b.fcmp_ordered(">", x, y), _NUMBER),
    to.GREATER_EQUAL: lambda b, x, y: b.uitofp(b.fcmp_ordered(">=", x, y), _NUMBER),
    to.LESS: lambda b, x, y: b.uitofp(b.fcmp_ordered("<", x, y), _NUMBER),
    to.LESS_EQUAL: lambda b, x, y: b.uitofp(b.fcmp_ordered("<=", x, y), _NUMBER),
    to.NEGATIVE: lambda b, x: b.fneg(x),
    to.ABSOLUTE: lambda b, x: b.call(b.module.declare_intrinsic("llvm.fabs", [_NUMBER]), [x]),
    to.SQRT: lambda b, x: b.call(b.module.declare_intrinsic("llvm.sqrt", [_NUMBER]), [x]),
    to.SQUARE: lambda b, x: b.fmul(x, x),
    to.RELU: lambda b, x: b.select(_stays(b, ">", x, _NUMBER(0.0)), x, _NUMBER(0.0)),
}
_FUNCTIONS = {to.EXP: scalar.exp, to.LOG: scalar.log, to.TANH: scalar.tanh, to.SIGMOID: scalar.sigmoid}


def _stays(builder: Any, than: str, x: Any, y: Any) -> Any:
    """Whether of two numbers the first is taken: it compares so, or is no number."""
    return builder.or_(builder.fcmp_ordered(than, x, y), builder.fcmp_unordered("uno", x, x))


def kernel(code: Any, numbers: Sequence[float]) -> Callable[..., None]:
    """A kernel for a table of instructions on whole arrays and single numbers.

    It takes the addresses of arrays as the machine does, the numbers of a job, and the numbers in all; `numbers` are
    those of Python. It is not kept on disk.
    """
    write = _loop(code.tolist(), numbers)

    @called
    def execute(state, jobs, bases, block, total):
        for job in taken(state, jobs):
            end = min((job + 1) * block, total)
            for first in range(job * block, end, _STEP):
                write(bases, first, min(first + _STEP, end))

    execute(np.zeros(SIZE, np.int64), 0, np.zeros(1, np.int64), 0, 0)  # compiles it
    return execute  # type: ignore[no-any-return]


def _loop(code: list[list[int]], numbers: Sequence[float]) -> Any:
    """The loop from the `first` number to the `last`, as a function for compiled code."""
    slots = sorted({row[field] for row in code for field in (to.OUT, to.A, to.B)} - {to.BUFFER, to.NUMBERS})

    @intrinsic
    def loop(typing: Any, bases: Any, first: Any, last: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            addresses = make_array(signature.args[0])(context, builder, arguments[0]).data
            pointers = [
                builder.inttoptr(builder.load(builder.gep(addresses, [_INDEX(slot)])), _NUMBER.as_pointer())
                for slot in slots
            ]
            for pointer in pointers:
                for line in range(0, _STEP, LINE // 4):
                    prefetch(builder, builder.gep(pointer, [builder.add(arguments[1], _INDEX(_AHEAD + line))]))
            function = _function(builder.module, len(slots))
            inside = ir.IRBuilder(function.append_basic_block())
            *arrays, start, end = function.args
            places = dict(zip(slots, arrays, strict=True))
            _write_loop(inside, start, end, lambda i: _write(context, inside, i, code, numbers, places))
            builder.call(function, [*pointers, *arguments[1:]])
            return context.get_dummy_value()

        return types.void(bases, first, last), generate

    return loop


def _function(module: Any, arrays: int) -> Any:
    """A function of so many arrays, of which none overlaps with another, and of two indices."""
    kind = ir.FunctionType(ir.VoidType(), [_NUMBER.as_pointer()] * arrays + [_INDEX] * 2)
    function = ir.Function(module, kind, module.get_unique_name("fused"))
    function.linkage = "internal"
    for argument in function.args[:arrays]:
        argument.add_attribute("noalias")
    return function


def _write_loop(builder: Any, start: Any, end: Any, body: Callable[[Any], None]) -> None:
    """A loop over indices, with what LLVM is told about it."""
    before, after = builder.block, builder.append_basic_block()
    inside = builder.append_basic_block()
    builder.cbranch(builder.icmp_signed("<", start, end), inside, after)
    builder.position_at_end(inside)
    i = builder.phi(_INDEX)
    body(i)
    following = builder.add(i, _INDEX(1))
    i.add_incoming(start, before)
    i.add_incoming(following, builder.block)
    again = builder.cbranch(builder.icmp_signed("<", following, end), inside, after)
    module = builder.module
    wishes = [
        module.add_metadata([ir.MetaDataString(module, f"llvm.loop.{name}"), value])
        for name, value in (
            ("vectorize.enable", ir.IntType(1)(1)),
            ("vectorize.width", ir.IntType(32)(LANES)),
            ("interleave.count", ir.IntType(32)(_AT_ONCE)),
        )
    ]
    loop = module.add_metadata([ir.MetaDataString(module, f"loop {following.name}"), *wishes])
    loop.operands = (loop, *wishes)  # LLVM knows a loop by a list that begins with itself
    again.set_metadata("llvm.loop", loop)
    builder.position_at_end(after)
    builder.ret_void()


def _write(
    context: Any, builder: Any, i: Any, code: list[list[int]], numbers: Sequence[float], arrays: dict[int, Any]
) -> None:  # fmt: skip
    """All steps for the number at `i` of whole arrays, and the only one of arrays of one number."""
    made: dict[tuple[int, int], Any] = {}

    def operand(row: list[int], field: int) -> Any:
        slot, start, step = row[field : field + 3]
        if slot == to.NUMBERS:
            return _NUMBER(numbers[start // to.CHUNK])
        if (slot, start) not in made:
            made[slot, start] = builder.load(builder.gep(arrays[slot], [i if step else _INDEX(0)]))
        return made[slot, start]

    for row in code:
        step = row[to.CODE]
        operands = [operand(row, to.A), operand(row, to.B)][: 2 if step < to.NEGATIVE else 1]
        value = _STEPS[step](builder, *operands) if step in _STEPS else _called(context, builder, step, operands)
        made[row[to.OUT], row[to.OUT_START]] = value
        if row[to.OUT] != to.BUFFER:
            builder.store(value, builder.gep(arrays[row[to.OUT]], [i]))


def _called(context: Any, builder: Any, step: int, operands: list[Any]) -> Any:
    """A compiled function of one number, which LLVM puts into the loop."""
    function = _FUNCTIONS[step]
    signature = (types.float32,)
    function.compile(signature)
    compiled = function.overloads[signature]
    context.active_code_library.add_linking_library(compiled.library)
    _, result = context.call_internal_no_propagate(builder, compiled.fndesc, compiled.signature, operands)
    return result
