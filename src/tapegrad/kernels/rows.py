"""What the machine does to rows of float32: moved, combined, added up, multiplied, by functions written for LLVM.

All that they are given are integers: addresses, distances in numbers, and how many rows and columns there are.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .functions import fold, lower, own, repeat
from .instructions import MAXIMUM, PARTS
from .lanes import below, gather, load, store, zeros
from .steps import STEPS, Run, in_pairs, operands, step, write_run
from .tile import HEIGHTS, call_tile, width
from .values import INDEX, NUMBER, spread

if TYPE_CHECKING:
    from collections.abc import Callable

WIDE = width(4)  # of a tile; as many numbers, of which not all need exist, are a vector
_AT_ONCE = 2  # vectors of an elementwise instruction


def _instruction(write: Callable[..., None]) -> Any:
    """A function for compiled code, of integers; `write` writes it for LLVM, given a builder and their values."""

    @intrinsic
    @functools.wraps(write)  # numba asks for its arguments' names
    def instruction(context: Any, *numbers: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            _call(builder, write, *arguments)
            return context.get_dummy_value()

        return types.void(*[types.intp] * len(numbers)), generate

    return instruction


def _call(builder: Any, write: Callable[..., None], *arguments: Any) -> None:
    """Call what `write` writes."""
    kinds = [INDEX] * len(arguments)
    name = f"tapegrad_{write.__name__.strip('_')}"
    builder.call(own(builder.module, name, kinds, lambda inside, given: write(inside, *given)), arguments)


def _pointer(builder: Any, address: Any, index: Any = None) -> Any:
    """A pointer to the float32 at `index` from an address."""
    start = builder.inttoptr(address, NUMBER.as_pointer())
    return start if index is None else builder.gep(start, [index])


def _part(builder: Any, start: Any, column: Any, mask: Any) -> Any:
    """The numbers from a pointer on that are in the mask, `column` apart from one another, and zeros."""
    lanes = mask.type.count
    kind = ir.VectorType(NUMBER, lanes)
    neighbours, one, others, end = (builder.append_basic_block() for _ in range(4))
    choice = builder.switch(column, others)
    choice.add_case(INDEX(1), neighbours)
    choice.add_case(INDEX(0), one)
    found = []
    builder.position_at_end(neighbours)
    found.append((load(builder, start, mask), neighbours))
    builder.branch(end)
    builder.position_at_end(one)
    found.append((builder.select(mask, spread(builder, builder.load(start), lanes), zeros(kind)), one))
    builder.branch(end)
    builder.position_at_end(others)
    found.append((gather(builder, start, column, mask), others))
    builder.branch(end)
    builder.position_at_end(end)
    result = builder.phi(kind)
    for each in found:
        result.add_incoming(*each)
    return result


def _lanes_of(builder: Any, vector: Any) -> list[Any]:
    return [builder.extract_element(vector, INDEX(lane)) for lane in range(vector.type.count)]


def _copy_rows(
    builder: Any, out: Any, out_row: Any, source: Any, row: Any, column: Any, rows: Any, columns: Any
) -> None:  # fmt: skip
    """Write `rows` rows of `columns` numbers, which are `column` apart from one another."""

    def part(r: Any, c: Any) -> None:
        mask = below(builder, builder.sub(columns, c), WIDE)
        here = _pointer(builder, source, builder.add(builder.mul(r, row), builder.mul(c, column)))
        value = _part(builder, here, column, mask)
        store(builder, value, _pointer(builder, out, builder.add(builder.mul(r, out_row), c)), mask)

    repeat(builder, INDEX(0), rows, 1, lambda r: repeat(builder, INDEX(0), columns, WIDE, lambda c: part(r, c)))


copy_rows = _instruction(_copy_rows)


@_instruction
def sum_rows(builder: Any, out: Any, source: Any, row: Any, rows: Any, columns: Any) -> None:
    """Write the sum of rows, from the first to the last."""

    def part(c: Any) -> None:
        mask = below(builder, builder.sub(columns, c), WIDE)

        def line(r: Any) -> Any:
            return load(builder, _pointer(builder, source, builder.add(builder.mul(r, row), c)), mask)

        total = fold(builder, INDEX(1), rows, 1, line(INDEX(0)), lambda r, before: builder.fadd(before, line(r)))
        store(builder, total, _pointer(builder, out, c), mask)

    repeat(builder, INDEX(0), columns, WIDE, part)


@_instruction
def sum_columns(builder: Any, out: Any, source: Any, row: Any, column: Any, rows: Any, columns: Any) -> None:
    """Write the sum of each row, in double precision."""
    kind = ir.VectorType(ir.DoubleType(), PARTS)

    def one(r: Any) -> None:
        def add(c: Any, before: Any) -> Any:
            here = _pointer(builder, source, builder.add(builder.mul(r, row), builder.mul(c, column)))
            mask = below(builder, builder.sub(columns, c), PARTS)
            return builder.fadd(before, builder.fpext(_part(builder, here, column, mask), kind))

        sums = fold(builder, INDEX(0), columns, PARTS, ir.Constant(kind, [0.0] * PARTS), add)
        total = in_pairs(_lanes_of(builder, sums), builder.fadd)
        builder.store(builder.fptrunc(total, NUMBER), _pointer(builder, out, r))

    repeat(builder, INDEX(0), rows, 1, one)


@_instruction
def largest_columns(builder: Any, out: Any, source: Any, row: Any, column: Any, rows: Any, columns: Any) -> None:
    """Write the largest number of each row; what is no number is larger than all."""

    def larger(x: Any, y: Any) -> Any:
        return step(builder, MAXIMUM, [x, y])

    def one(r: Any) -> None:
        start = _pointer(builder, source, builder.mul(r, row))

        def compare(c: Any, before: Any) -> Any:
            mask = below(builder, builder.sub(columns, c), PARTS)
            value = _part(builder, builder.gep(start, [builder.mul(c, column)]), column, mask)
            return builder.select(mask, larger(before, value), before)

        first = spread(builder, builder.load(start), PARTS)
        largest = fold(builder, INDEX(0), columns, PARTS, first, compare)
        builder.store(in_pairs(_lanes_of(builder, largest), larger), _pointer(builder, out, r))

    repeat(builder, INDEX(0), rows, 1, one)


def room_of(depth: int) -> int:
    """The numbers that `multiply` works in for products of so many rows of the second matrix: a tile, and a panel."""
    return (HEIGHTS[0] + depth) * WIDE


@_instruction
def multiply(
    builder: Any, rows: Any, columns: Any, depth: Any, out: Any, x: Any, x_row: Any, x_step: Any, y: Any, y_row: Any,
    y_column: Any, room: Any,
) -> None:  # fmt: skip
    """The product of (rows, depth) and (depth, columns), by tiles; a panel of the second matrix is laid out before.

    It works in `room`, of as many numbers as `room_of` tells.
    """
    zero, wide, no = INDEX(0), INDEX(WIDE), ir.Constant(ir.IntType(1), 0)
    # There is one segment, which begins at the beginning.
    segments = cgutils.alloca_once_value(builder, zero)  # type: ignore[no-untyped-call]
    edge, panel = _pointer(builder, room), _pointer(builder, room, INDEX(HEIGHTS[0] * WIDE))

    def address(pointer: Any) -> Any:
        return builder.ptrtoint(pointer, INDEX)

    def one(first: Any) -> None:
        valid = lower(builder, builder.sub(columns, first), wide)
        here = address(_pointer(builder, y, builder.mul(first, y_column)))
        _call(builder, _copy_rows, address(panel), wide, here, y_row, y_column, depth, valid)
        begin = zero
        for height in HEIGHTS:

            def tile(m: Any, height: int = height) -> None:
                call_tile(
                    builder, height,
                    [
                        _pointer(builder, x), builder.mul(m, x_row), x_row, x_step, segments, INDEX(1), depth,
                        panel, zero, wide, zero, edge, zero, wide, no,
                    ],
                )  # fmt: skip
                to = address(_pointer(builder, out, builder.add(builder.mul(m, columns), first)))
                _call(builder, _copy_rows, to, columns, address(edge), wide, INDEX(1), INDEX(height), valid)

            fitting = builder.sub(rows, builder.urem(builder.sub(rows, begin), INDEX(height)))
            repeat(builder, begin, fitting, height, tile)
            begin = fitting

    repeat(builder, zero, columns, WIDE, one)


@_instruction
def elementwise(builder: Any, code: Any, out: Any, a: Any, b: Any, count: Any) -> None:
    """A run of numbers, each made of one of `a` and, if the instruction takes two, of one of `b`."""
    out, *places = (_pointer(builder, address) for address in (out, a, b))
    after = builder.append_basic_block()
    choice = builder.switch(code, after)
    for each in STEPS:
        block = builder.append_basic_block()
        choice.add_case(INDEX(each), block)
        builder.position_at_end(block)

        def body(run: Run, each: int = each) -> None:
            run.put(run.step(each, [run.get(place) for place in places[: operands(each)]]), out)

        write_run(builder, INDEX(0), count, _AT_ONCE, body)
        builder.branch(after)
    builder.position_at_end(after)
