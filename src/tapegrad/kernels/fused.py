"""One kernel made for a run of elementwise steps: a loop in which what a step hands to the next stays in registers.

The machine of `machine.py` runs the same instructions without compiling anything, but each of its steps reads and
writes its numbers. Here the instructions become LLVM's, for several vectors at once: the polynomial of an exp is a long
chain, each of whose links waits for the one before. The results have the machine's bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from .arrays import LINE
from .instructions import BUFFER, CHUNK, CODE, NUMBERS, OUT, OUT_START, PARTS, SUM_ALL, A, B
from .jit import LANES, uncached
from .jobs import SIZE, taken
from .memory import prefetch
from .steps import Run, in_pairs, operands, write_run
from .values import INDEX, NUMBER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_AT_ONCE = 8  # vectors; fewer leave the processor waiting, more do not fit
_TURN = _AT_ONCE * LANES  # numbers of one turn of the loop
_AHEAD = 4 * _TURN  # numbers, from where on is fetched what is needed soon: at a new page the processor does not


def kernel(code: Any, numbers: Sequence[float], past_caches: bool) -> Callable[..., None]:
    """A kernel for a table of instructions on whole arrays and single numbers.

    It takes the addresses of arrays as the machine does, the numbers of a job, and the numbers in all; `numbers` are
    those of Python. Each thread has `sums` to add up in, PARTS of them for each sum in the table; a sum of each CHUNK
    numbers is a result. Results that go `past_caches` begin at cache lines: where they are larger than the caches,
    nobody finds them there, and a line that is written would be read before. The kernel is not kept on disk.
    """
    write, finish = _loop(code.tolist(), numbers, past_caches), _finish(_sums(code.tolist()))

    @uncached
    def execute(state, jobs, bases, block, total, sums):
        for job in taken(state, jobs):
            end = min((job + 1) * block, total)
            for start in range(job * block, end, CHUNK):
                sums[:] = 0
                stop = min(start + CHUNK, end)
                for first in range(start, stop, _TURN):
                    write(bases, first, min(first + _TURN, stop), sums)
                finish(bases, start, sums)

    execute(np.zeros(SIZE, np.int64), 0, np.zeros(1, np.int64), 0, 0, np.zeros(1))  # compiles it
    return execute  # type: ignore[no-any-return]


def _sums(code: list[list[int]]) -> list[int]:
    """The arrays of the sums of a table of instructions."""
    return [row[OUT] for row in code if row[CODE] == SUM_ALL]


def _loop(code: list[list[int]], numbers: Sequence[float], past_caches: bool) -> Any:
    """The loop from the `first` number to the `last`, as a function for compiled code."""
    totals = _sums(code)
    written = {row[OUT] for row in code} if past_caches else set()
    slots = sorted({row[field] for row in code for field in (OUT, A, B)} - {BUFFER, NUMBERS, *totals})

    @intrinsic
    def loop(typing: Any, bases: Any, first: Any, last: Any, sums: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            start, end = arguments[1:3]
            pointers = [_array(context, builder, signature, arguments, slot) for slot in slots]
            for pointer in (pointer for slot, pointer in zip(slots, pointers, strict=True) if slot not in written):
                for line in range(0, _TURN, LINE // 4):
                    prefetch(builder, builder.gep(pointer, [builder.add(start, INDEX(_AHEAD + line))]))
            places = dict(zip(slots, pointers, strict=True))
            parts = make_array(signature.args[3])(context, builder, arguments[3]).data
            places |= {slot: builder.gep(parts, [INDEX(PARTS * number)]) for number, slot in enumerate(totals)}
            write_run(
                builder, start, end, _AT_ONCE, lambda run: _write(builder, run, code, numbers, places, past_caches)
            )
            return context.get_dummy_value()

        return types.void(bases, first, last, sums), generate

    return loop


def _finish(totals: list[int]) -> Any:
    """What hands on the sums of the numbers from `first` on, as a function for compiled code."""

    @intrinsic
    def finish(typing: Any, bases: Any, first: Any, sums: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            parts = make_array(signature.args[2])(context, builder, arguments[2]).data
            for number, slot in enumerate(totals):
                places = [builder.gep(parts, [INDEX(PARTS * number + part)]) for part in range(PARTS)]
                total = in_pairs([builder.load(place) for place in places], builder.fadd)
                array = _array(context, builder, signature, arguments, slot)
                place = builder.gep(array, [builder.udiv(arguments[1], INDEX(CHUNK))])
                builder.store(builder.fptrunc(total, NUMBER), place)
            return context.get_dummy_value()

        return types.void(bases, first, sums), generate

    return finish


def _array(context: Any, builder: Any, signature: Any, arguments: Any, slot: int) -> Any:
    """Where the array of a slot begins; the first argument has the addresses."""
    addresses = make_array(signature.args[0])(context, builder, arguments[0]).data
    return builder.inttoptr(builder.load(builder.gep(addresses, [INDEX(slot)])), NUMBER.as_pointer())


def _write(
    builder: Any, run: Run, code: list[list[int]], numbers: Sequence[float], arrays: dict[int, Any], past_caches: bool
) -> None:
    """All steps for the numbers of a turn, which may be those of whole arrays, or the one that an array has."""
    made: dict[tuple[int, int], Any] = {}

    def operand(row: list[int], field: int) -> Any:
        slot, start, distance = row[field : field + 3]
        if slot == NUMBERS:
            return run.everywhere(NUMBER(numbers[start // CHUNK]))
        if (slot, start) not in made:
            made[slot, start] = run.get(arrays[slot]) if distance else run.everywhere(builder.load(arrays[slot]))
        return made[slot, start]

    for row in code:
        values = [operand(row, field) for field in (A, B)[: operands(row[CODE])]]
        if row[CODE] == SUM_ALL:
            run.add_up(values[0], arrays[row[OUT]])
            continue
        result = made[row[OUT], row[OUT_START]] = run.step(row[CODE], values)
        if row[OUT] != BUFFER:
            run.put(result, arrays[row[OUT]], past_caches)
