"""A machine for small arrays: many short steps on float32, run one after the other by one compiled function.

What an op on a few hundred numbers costs is the call, not the arithmetic. Here a program of such ops is a table of
instructions, and a step costs some ten nanoseconds. Nothing is compiled for a new program.

An instruction is a row of integers, as `instructions.py` tells. Places are addresses of float32, a base from the table
of addresses and an offset in elements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from .functions import own, repeat
from .heights import fitting
from .instructions import (
    BUFFER,
    CHUNK,
    COPY,
    DEEPEST,
    FIELDS,
    LARGEST_COLUMN,
    MATMUL,
    NEGATIVE,
    SPREAD,
    SUM_COLUMNS,
    SUM_ROWS,
)
from .jit import LANES, compiled, inlined
from .jobs import taken
from .lanes import below, gather, load, spread, store
from .steps import STEPS, Loop, operands, step, write_loop
from .tile import HEIGHTS, run_tile, width
from .values import INDEX, NUMBER

if TYPE_CHECKING:
    Array = np.ndarray[Any, np.dtype[Any]]

WIDE = width(4)
_AT_ONCE = 2  # vectors
# Numbers to work in: two operands, a result, a product's panel, and a tile
SCRATCH = 3 * CHUNK + DEEPEST * WIDE + HEIGHTS[0] * WIDE

_F = np.float32
_HEIGHT_0 = HEIGHTS[0]


def _pointer(builder: Any, address: Any) -> Any:
    return builder.inttoptr(address, NUMBER.as_pointer())


@intrinsic
def _get(context: Any, address: Any, index: Any) -> Any:
    """The float32 at `index` from an address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        start = _pointer(builder, arguments[0])
        return builder.load(builder.gep(start, [arguments[1]]))

    return types.float32(types.intp, types.intp), generate


@intrinsic
def _put(context: Any, address: Any, index: Any, value: Any) -> Any:
    """Write a float32 at `index` from an address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        start = _pointer(builder, arguments[0])
        builder.store(arguments[2], builder.gep(start, [arguments[1]]))
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.float32), generate


# --------------------------------------------------------------------------------------------------
# Short rows: up to WIDE numbers, as many as a row of a tile has, are one vector of which some lanes exist

_ROW = ir.VectorType(NUMBER, WIDE)


@intrinsic
def _copy_rows(
    context: Any, out: Any, out_row: Any, source: Any, row: Any, column: Any, rows: Any, columns: Any
) -> Any:  # fmt: skip
    """Write `rows` rows of `columns` numbers, which are `column` apart from one another."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.call(own(builder.module, "tapegrad_copy_rows", [INDEX] * 7, _write_copying), arguments)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 7), generate


def _write_copying(builder: Any, arguments: Any) -> None:
    out, out_row, source, row, column, rows, columns = arguments

    def place(start: Any, step: Any, r: Any, c: Any, apart: Any) -> Any:
        index = builder.add(builder.mul(r, step), builder.mul(c, apart))
        return _pointer(builder, builder.add(start, builder.mul(index, INDEX(4))))

    def part(r: Any, c: Any) -> None:
        mask = below(builder, builder.sub(columns, c), WIDE)
        here = place(source, row, r, c, column)
        neighbours, one, others, end = (builder.append_basic_block() for _ in range(4))
        choice = builder.switch(column, others)
        choice.add_case(INDEX(1), neighbours)
        choice.add_case(INDEX(0), one)
        found = []
        for block, value in (
            (neighbours, lambda: load(builder, here, mask)),
            (one, lambda: spread(builder, builder.load(here), WIDE)),
            (others, lambda: gather(builder, here, column, mask)),
        ):
            builder.position_at_end(block)
            found.append((value(), builder.block))
            builder.branch(end)
        builder.position_at_end(end)
        value = builder.phi(_ROW)
        for each in found:
            value.add_incoming(*each)
        store(builder, value, place(out, out_row, r, c, INDEX(1)), mask)

    repeat(builder, INDEX(0), rows, 1, lambda r: repeat(builder, INDEX(0), columns, WIDE, lambda c: part(r, c)))


@intrinsic
def _sum_rows(context: Any, out: Any, source: Any, row: Any, rows: Any, count: Any) -> Any:
    """Write the sum of rows of `count` numbers, which begin `row` numbers apart, from the first to the last."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        out, source, row, rows, count = arguments
        mask = below(builder, count, WIDE)
        start = _pointer(builder, source)
        first = load(builder, start, mask)
        before, inside, after = builder.block, builder.append_basic_block(), builder.append_basic_block()
        builder.cbranch(builder.icmp_signed(">", rows, INDEX(1)), inside, after)
        builder.position_at_end(inside)
        i, total = builder.phi(INDEX), builder.phi(_ROW)
        here = builder.gep(start, [builder.mul(i, row)])
        added = builder.fadd(total, load(builder, here, mask))
        following = builder.add(i, INDEX(1))
        for node, initial, value in ((i, INDEX(1), following), (total, first, added)):
            node.add_incoming(initial, before)
            node.add_incoming(value, inside)
        builder.cbranch(builder.icmp_signed("<", following, rows), inside, after)
        builder.position_at_end(after)
        result = builder.phi(_ROW)
        result.add_incoming(first, before)
        result.add_incoming(added, inside)
        store(builder, result, _pointer(builder, out), mask)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 5), generate


@intrinsic
def _put_index(context: Any, address: Any, value: Any) -> Any:
    """Write an index at an address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(arguments[1], builder.inttoptr(arguments[0], INDEX.as_pointer()))
        return context.get_dummy_value()

    return types.void(types.intp, types.intp), generate


def _start(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    return make_array(kind)(context, builder, array).data


@intrinsic
def _address(context: Any, array: Any) -> Any:
    """Where an array begins."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ptrtoint(_start(context, builder, signature.args[0], *arguments), INDEX)

    return types.intp(array), generate


@intrinsic
def _fields(context: Any, code: Any, p: Any) -> Any:
    """All fields of instruction `p`, in their order."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        start = _start(context, builder, signature.args[0], arguments[0])
        first = builder.gep(start, [builder.mul(arguments[1], INDEX(FIELDS))])
        fields = [builder.load(builder.gep(first, [INDEX(field)])) for field in range(FIELDS)]
        return context.make_tuple(builder, signature.return_type, fields)

    return types.UniTuple(types.intp, FIELDS)(code, types.intp), generate


@intrinsic
def _place(context: Any, bases: Any, slot: Any, buffer: Any, start: Any, skipped: Any) -> Any:
    """Where `start` is in an array; `skipped` numbers of it belong to jobs before, and are not in the buffer at all."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bases, slot, buffer, start, skipped = arguments
        base = builder.load(builder.gep(_start(context, builder, signature.args[0], bases), [slot]))
        inside = builder.ptrtoint(_start(context, builder, signature.args[2], buffer), INDEX)
        number = builder.mul(builder.add(start, skipped), INDEX(4))
        elsewhere = builder.add(base, number)
        here = builder.add(inside, builder.mul(start, INDEX(4)))
        return builder.select(builder.icmp_signed("==", slot, INDEX(BUFFER)), here, elsewhere)

    n = types.intp
    return n(bases, n, buffer, n, n), generate


@inlined
def _is_run(row, column, columns):
    """Whether an operand's rows continue one another, or all its numbers are one."""
    return column == SPREAD or (row == columns * column and (column == 1 or column == 0))


def _write_run(builder: Any, code: int, out: Any, places: Any, count: Any) -> None:
    """The loop of an elementwise instruction over numbers that stand side by side."""

    def body(loop: Loop) -> None:
        values = [loop.get(place) for place in places[: operands(code)]]
        loop.put(step(builder, code, values), out)

    write_loop(builder, INDEX(0), count, body, vectorize_width=LANES, interleave_count=_AT_ONCE)


@intrinsic
def _elementwise(context: Any, code: Any, out: Any, a: Any, b: Any, count: Any) -> Any:
    """A run of numbers, each made of one of `a` and, if the instruction takes two, of one of `b`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code, *addresses, count = arguments
        out, *places = [_pointer(builder, address) for address in addresses]
        after = builder.append_basic_block()
        choice = builder.switch(code, after)
        for each in STEPS:
            block = builder.append_basic_block()
            choice.add_case(INDEX(each), block)
            builder.position_at_end(block)
            _write_run(builder, each, out, places, count)
            builder.branch(after)
        builder.position_at_end(after)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 5), generate


@inlined
def _piece(start, row, column, r, c, rows, columns, buffer):
    """Where `rows` rows from row `r` on, of `columns` numbers from column `c` on, stand side by side.

    That is where they are, or `buffer`, into which they are copied.
    """
    place = start
    if column != SPREAD:
        place = start + 4 * (r * row + c * column)
        if column != 1 or (row != columns and rows > 1):
            _copy_rows(buffer, columns, place, row, column, rows, columns)
            place = buffer
    return place


@inlined
def _by_pieces(kind, rows, columns, out, out_row, a, a_row, a_column, b, b_row, b_column, room):
    """An elementwise instruction: a part of a row at a time, or as many short rows as a buffer holds."""
    two = kind < NEGATIVE
    if out_row == columns and _is_run(a_row, a_column, columns) and (not two or _is_run(b_row, b_column, columns)):
        rows, columns = 1, rows * columns  # one run of numbers, or one number, everywhere
    at_once = CHUNK // columns if columns <= WIDE else 1
    for c in range(0, columns, CHUNK):
        count = min(CHUNK, columns - c)
        for r in range(0, rows, at_once):
            several = min(at_once, rows - r)
            to = out + 4 * (r * out_row + c)
            result = to if several == 1 or out_row == count else room + 4 * 2 * CHUNK
            x = y = _piece(a, a_row, a_column, r, c, several, count, result if kind == COPY else room)
            if two:
                y = _piece(b, b_row, b_column, r, c, several, count, room + 4 * CHUNK)
            if kind != COPY or several == 1:
                _elementwise(kind, result, x, y, several * count)
                x = result
            if x != to:
                _copy_rows(to, out_row, x, count, 1, several, count)


@inlined
def _multiply(rows, columns, depth, out, x, x_row, x_step, y, y_row, y_column, scratch):
    panel = scratch + 4 * 3 * CHUNK
    edge = panel + 4 * DEEPEST * WIDE
    _put_index(scratch, 0)  # of one segment
    for first in range(0, columns, WIDE):
        valid = min(WIDE, columns - first)
        _copy_rows(panel, WIDE, y + 4 * first * y_column, y_row, y_column, depth, valid)
        m = 0
        while m < rows:
            height = fitting(rows - m, _HEIGHT_0)
            run_tile(height, x, m * x_row, x_row, x_step, scratch, 1, depth, panel, 0, WIDE, 0, edge, 0, WIDE, False)
            _copy_rows(out + 4 * (m * columns + first), columns, edge, WIDE, 1, height, valid)
            m += height


@inlined
def _sum_row(place, columns, step):
    """The sum of a row, in double precision, four numbers at a time."""
    s0 = s1 = s2 = s3 = 0.0
    i = 0
    while i + 4 <= columns:
        s0 += np.float64(_get(place, i * step))
        s1 += np.float64(_get(place, (i + 1) * step))
        s2 += np.float64(_get(place, (i + 2) * step))
        s3 += np.float64(_get(place, (i + 3) * step))
        i += 4
    while i < columns:
        s0 += np.float64(_get(place, i * step))
        i += 1
    return _F((s0 + s1) + (s2 + s3))


@inlined
def _largest(place, columns, step):
    """The largest number of a row; what is no number is larger than all."""
    largest = _get(place, 0)
    for i in range(1, columns):
        value = _get(place, i * step)
        largest = largest if largest >= value or largest != largest else value
    return largest


@compiled
def execute(state, jobs, code, bases, block, total, scratch, buffer):
    """Run all instructions, in order: a job is `block` of the `total` rows of each, or everything where that is 0.

    `bases` has the addresses of arrays. The first is for `buffer`, which each thread has for itself, and which holds
    the rows of a job alone.
    """
    room = _address(scratch)
    for job in taken(state, jobs):
        top = job * block
        for p in range(len(code)):
            (
                kind, rows, columns, depth, out_slot, out_start, out_row, a_slot, a_start, a_row, a_column,
                b_slot, b_start, b_row, b_column,
            ) = _fields(code, p)  # fmt: skip
            if block:
                rows = min(block, total - top)
            out = _place(bases, out_slot, buffer, out_start, top * out_row)
            a = _place(bases, a_slot, buffer, a_start, top * a_row)
            b = _place(bases, b_slot, buffer, b_start, top * b_row)
            if kind == MATMUL:
                _multiply(rows, columns, depth, out, a, a_row, a_column, b, b_row, b_column, room)
            elif kind == SUM_COLUMNS:
                for r in range(rows):
                    _put(out, r, _sum_row(a + 4 * r * a_row, columns, a_column))
            elif kind == LARGEST_COLUMN:
                for r in range(rows):
                    _put(out, r, _largest(a + 4 * r * a_row, columns, a_column))
            elif kind == SUM_ROWS:
                for c in range(0, columns, WIDE):
                    _sum_rows(out + 4 * c, a + 4 * c, a_row, rows, min(WIDE, columns - c))
            else:
                _by_pieces(kind, rows, columns, out, out_row, a, a_row, a_column, b, b_row, b_column, room)
