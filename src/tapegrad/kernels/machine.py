"""A machine for small arrays: many short steps on float32, run one after the other by one compiled function.

What an op on a few hundred numbers costs is the call, not the arithmetic. Here a program of such ops is a table of
instructions, and a step costs some ten nanoseconds. Nothing is compiled for a new program.

An instruction is a row of integers, as `instructions.py` tells, and so is what makes a loop of some of them. Places are
addresses of float32, a base from the table of addresses and an offset in elements.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from .instructions import (
    BUFFER,
    CHUNK,
    COPY,
    FIELDS,
    LARGEST_COLUMN,
    LOOP,
    MATMUL,
    NEGATIVE,
    SPREAD,
    SUM_ALL,
    SUM_COLUMNS,
    SUM_ROWS,
    TURNING,
)
from .jit import compiled, inlined
from .jobs import taken
from .rows import WIDE, copy_rows, elementwise, largest_columns, multiply, room_of, sum_columns, sum_rows
from .values import INDEX


def scratch_of(depth: int) -> int:
    """The numbers to work in: two operands and a result, and what products of a `depth` at most take."""
    return 3 * CHUNK + room_of(depth)


def _start(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    return make_array(kind)(context, builder, array).data


@intrinsic
def _address(context: Any, array: Any) -> Any:
    """Where an array begins."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ptrtoint(_start(context, builder, signature.args[0], *arguments), INDEX)

    return types.intp(array), generate


@intrinsic
def _fields(context: Any, code: Any, p: Any, turn: Any, growth: Any) -> Any:
    """All fields of instruction `p`, in their order; `growth` rows on stands how much they grow with each turn.

    Outside of loops `turn` and `growth` are 0, and it is an instruction's own fields that are taken no times: so there
    is nothing to decide.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        start = _start(context, builder, signature.args[0], arguments[0])
        _, p, turn, growth = arguments
        first = builder.gep(start, [builder.mul(p, INDEX(FIELDS))])
        fields = [builder.load(builder.gep(first, [INDEX(field)])) for field in range(FIELDS)]
        growing = builder.gep(first, [builder.mul(growth, INDEX(FIELDS))])
        for field in TURNING:
            grown = builder.mul(turn, builder.load(builder.gep(growing, [INDEX(field)])))
            fields[field] = builder.add(fields[field], grown)
        return context.make_tuple(builder, signature.return_type, fields)

    return types.UniTuple(types.intp, FIELDS)(code, types.intp, types.intp, types.intp), generate


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


@inlined
def _piece(start, row, column, r, c, rows, columns, buffer):
    """Where `rows` rows from row `r` on, of `columns` numbers from column `c` on, stand side by side.

    That is where they are, or `buffer`, into which they are copied.
    """
    place = start
    if column != SPREAD:
        place = start + 4 * (r * row + c * column)
        if column != 1 or (row != columns and rows > 1):
            copy_rows(buffer, columns, place, row, column, rows, columns)
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
                elementwise(kind, result, x, y, several * count)
                x = result
            if x != to:
                copy_rows(to, out_row, x, count, 1, several, count)


@compiled
def execute(state, jobs, code, bases, block, total, scratch, buffer):
    """Run all instructions, in order: a job is `block` of the `total` rows of each, or everything where that is 0.

    `bases` has the addresses of arrays. The first is for `buffer`, which each thread has for itself, and which holds
    the rows of a job alone.
    """
    room = _address(scratch)
    for job in taken(state, jobs):
        top = job * block
        p = turn = growth = 0
        while p < len(code):
            (
                kind, rows, columns, depth, out_slot, out_start, out_row, a_slot, a_start, a_row, a_column,
                b_slot, b_start, b_row, b_column,
            ) = _fields(code, p, turn, growth)  # fmt: skip
            p += 1
            if kind == LOOP:
                turn, growth = turn + 1, columns + 1
                if turn < depth:
                    p -= growth
                else:
                    p += columns
                    turn = growth = 0
                continue
            if block:
                rows = min(block, total - top)
            before = job if kind == SUM_ALL else top  # rows of the result
            out = _place(bases, out_slot, buffer, out_start, before * out_row)
            a = _place(bases, a_slot, buffer, a_start, top * a_row)
            b = _place(bases, b_slot, buffer, b_start, top * b_row)
            if kind == MATMUL:
                multiply(rows, columns, depth, out, a, a_row, a_column, b, b_row, b_column, room + 4 * 3 * CHUNK)
            elif kind == SUM_COLUMNS:
                sum_columns(out, a, a_row, a_column, rows, columns)
            elif kind == SUM_ALL:
                sum_columns(out, a, 0, 1, 1, rows * columns)
            elif kind == LARGEST_COLUMN:
                largest_columns(out, a, a_row, a_column, rows, columns)
            elif kind == SUM_ROWS:
                sum_rows(out, a, a_row, rows, columns)
            else:
                _by_pieces(kind, rows, columns, out, out_row, a, a_row, a_column, b, b_row, b_column, room)
