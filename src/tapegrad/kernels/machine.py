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
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from .heights import fitting
from .instructions import (
    A_COLUMN,
    A_ROW,
    A_START,
    ADD,
    B_COLUMN,
    B_ROW,
    B_START,
    BUFFER,
    CHUNK,
    CODE,
    COLUMNS,
    COPY,
    DEEPEST,
    DEPTH,
    LARGEST_COLUMN,
    MATMUL,
    NEGATIVE,
    OUT,
    OUT_ROW,
    OUT_START,
    ROWS,
    SPREAD,
    SUM_COLUMNS,
    SUM_ROWS,
    A,
    B,
)  # fmt: skip
from .jit import LANES, compiled, inlined
from .jobs import taken
from .steps import STEPS, Loop, operands, step, write_loop
from .tile import HEIGHTS, run_tile, width
from .values import BITS, INDEX, NUMBER

if TYPE_CHECKING:
    Array = np.ndarray[Any, np.dtype[Any]]

WIDE = width(4)
_AT_ONCE = 2  # vectors
SCRATCH = 3 * CHUNK + DEEPEST * WIDE + HEIGHTS[0] * WIDE  # numbers to work in

_F = np.float32
_HEIGHT_0 = HEIGHTS[0]
_ONE, _ZERO = _F(1), _F(0)


@intrinsic
def _get(context: Any, address: Any, index: Any) -> Any:
    """The float32 at `index` from an address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        start = builder.inttoptr(arguments[0], ir.FloatType().as_pointer())
        return builder.load(builder.gep(start, [arguments[1]]))

    return types.float32(types.intp, types.intp), generate


@intrinsic
def _put(context: Any, address: Any, index: Any, value: Any) -> Any:
    """Write a float32 at `index` from an address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        start = builder.inttoptr(arguments[0], ir.FloatType().as_pointer())
        builder.store(arguments[2], builder.gep(start, [arguments[1]]))
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.float32), generate


# --------------------------------------------------------------------------------------------------
# Short rows: up to WIDE numbers, as many as a row of a tile has, are one vector of which some lanes exist

_ROW = ir.VectorType(NUMBER, WIDE)


def _spread(builder: Any, value: Any) -> Any:
    nothing = ir.Constant(ir.VectorType(value.type, WIDE), ir.Undefined)
    first = builder.insert_element(nothing, value, BITS(0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(BITS, WIDE), [0] * WIDE))


def _mask(builder: Any, count: Any) -> Any:
    """Which lanes exist: the first `count`."""
    lanes = ir.Constant(ir.VectorType(INDEX, WIDE), list(range(WIDE)))
    return builder.icmp_signed("<", lanes, _spread(builder, count))


def _load_row(builder: Any, address: Any, mask: Any) -> Any:
    """The numbers at an address that exist, and zeros."""
    arguments = [builder.inttoptr(address, _ROW.as_pointer()), BITS(4), mask, ir.Constant(_ROW, [0.0] * WIDE)]
    kind = ir.FunctionType(_ROW, [argument.type for argument in arguments])
    load = cgutils.get_or_insert_function(builder.module, kind, f"llvm.masked.load.v{WIDE}f32.p0")
    return builder.call(load, arguments)


def _store_row(builder: Any, value: Any, address: Any, mask: Any) -> None:
    arguments = [value, builder.inttoptr(address, _ROW.as_pointer()), BITS(4), mask]
    kind = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
    store = cgutils.get_or_insert_function(builder.module, kind, f"llvm.masked.store.v{WIDE}f32.p0")
    builder.call(store, arguments)


def _whole(builder: Any) -> Any:
    return ir.Constant(ir.VectorType(ir.IntType(1), WIDE), [1] * WIDE)


@intrinsic
def _pad(context: Any, out: Any, source: Any, count: Any) -> Any:
    """Write a tile's row: `count` numbers from an address, and zeros."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        out, source, count = arguments
        _store_row(builder, _load_row(builder, source, _mask(builder, count)), out, _whole(builder))
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp), generate


@intrinsic
def _copy_row(context: Any, out: Any, source: Any, count: Any) -> Any:
    """Write `count` numbers that stand at an address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        out, source, count = arguments
        mask = _mask(builder, count)
        _store_row(builder, _load_row(builder, source, mask), out, mask)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp), generate


@intrinsic
def _fill_row(context: Any, out: Any, source: Any, count: Any) -> Any:
    """Write the number at an address `count` times."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        out, source, count = arguments
        number = builder.load(builder.inttoptr(source, NUMBER.as_pointer()))
        _store_row(builder, _spread(builder, number), out, _mask(builder, count))
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp), generate


@intrinsic
def _sum_rows(context: Any, out: Any, source: Any, row: Any, rows: Any, count: Any) -> Any:
    """Write the sum of rows of `count` numbers, which begin `row` bytes apart, from the first to the last."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        out, source, row, rows, count = arguments
        mask = _mask(builder, count)
        first = _load_row(builder, source, mask)
        before, inside, after = builder.block, builder.append_basic_block(), builder.append_basic_block()
        builder.cbranch(builder.icmp_signed(">", rows, INDEX(1)), inside, after)
        builder.position_at_end(inside)
        i, total = builder.phi(INDEX), builder.phi(_ROW)
        added = builder.fadd(total, _load_row(builder, builder.add(source, builder.mul(i, row)), mask))
        following = builder.add(i, INDEX(1))
        for node, start, value in ((i, INDEX(1), following), (total, first, added)):
            node.add_incoming(start, before)
            node.add_incoming(value, inside)
        builder.cbranch(builder.icmp_signed("<", following, rows), inside, after)
        builder.position_at_end(after)
        result = builder.phi(_ROW)
        result.add_incoming(first, before)
        result.add_incoming(added, inside)
        _store_row(builder, result, out, mask)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 5), generate


@intrinsic
def _put_index(context: Any, address: Any, value: Any) -> Any:
    """Write an index at an address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(arguments[1], builder.inttoptr(arguments[0], ir.IntType(64).as_pointer()))
        return context.get_dummy_value()

    return types.void(types.intp, types.intp), generate


@intrinsic
def _address(context: Any, array: Any) -> Any:
    """Where an array begins."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.ptrtoint(data, ir.IntType(64))

    return types.intp(array), generate


@inlined
def _base(bases, slot, buffer, skipped):
    """Where an array begins; `skipped` numbers of it belong to jobs before, and are not in the buffer at all."""
    return _address(buffer) if slot == BUFFER else bases[slot] + 4 * skipped


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


def _pointers(builder: Any, addresses: Any) -> list[Any]:
    return [builder.inttoptr(address, NUMBER.as_pointer()) for address in addresses]


@intrinsic
def _elementwise(context: Any, code: Any, out: Any, a: Any, b: Any, count: Any) -> Any:
    """A run of numbers, each made of one of `a` and, if the instruction takes two, of one of `b`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code, *addresses, count = arguments
        out, *places = _pointers(builder, addresses)
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


@intrinsic
def _add_run(context: Any, out: Any, a: Any, count: Any) -> Any:
    """Add a run of numbers to another."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        *addresses, count = arguments
        out, a = _pointers(builder, addresses)
        _write_run(builder, ADD, out, [out, a], count)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 3), generate


@inlined
def _add(out, a, count):
    """The same, for a run that is often too short for a vector."""
    if count < LANES:
        for i in range(count):
            _put(out, i, _get(out, i) + _get(a, i))
    else:
        _add_run(out, a, count)


@inlined
def _operand(start, row, column, r, c, count, buffer):
    """Where `count` numbers of row `r` from column `c` on stand side by side: here, or in `buffer`."""
    if column == SPREAD:
        return start
    place = start + 4 * (r * row + c * column)
    if column != 1:
        for i in range(count):
            _put(buffer, i, _get(place, i * column))
        place = buffer
    return place


@inlined
def _gathered(start, row, column, r, rows, columns, buffer):
    """Where `rows` short rows from row `r` on stand side by side: here, or in `buffer`."""
    if column == SPREAD:
        return start
    place = start + 4 * r * row
    if column == 0 or row != columns:
        for i in range(rows):
            if column == 0:
                _fill_row(buffer + 4 * i * columns, place + 4 * i * row, columns)
            else:
                _copy_row(buffer + 4 * i * columns, place + 4 * i * row, columns)
        place = buffer
    return place


@inlined
def _by_short_rows(kind, out, out_row, a, a_row, a_column, b, b_row, b_column, rows, columns, room):
    """An elementwise instruction on short rows, as many at a time as a buffer holds."""
    most = CHUNK // columns
    for r in range(0, rows, most):
        count = min(most, rows - r)
        to = out + 4 * r * out_row
        result = to if out_row == columns else room + 4 * 2 * CHUNK
        x = y = _gathered(a, a_row, a_column, r, count, columns, result if kind == COPY else room)
        if kind < NEGATIVE:
            y = _gathered(b, b_row, b_column, r, count, columns, room + 4 * CHUNK)
        if kind != COPY:
            _elementwise(kind, result, x, y, count * columns)
            x = result
        if x != to:
            for i in range(count):
                _copy_row(to + 4 * i * out_row, x + 4 * i * columns, columns)


@inlined
def _multiply(code, p, out, a, b, scratch):
    rows, columns, depth = code[p, ROWS], code[p, COLUMNS], code[p, DEPTH]
    x_row, x_step, y_row, y_column = code[p, A_ROW], code[p, A_COLUMN], code[p, B_ROW], code[p, B_COLUMN]
    panel = scratch + 4 * 3 * CHUNK
    edge = panel + 4 * DEEPEST * WIDE
    _put_index(scratch, 0)  # of one segment
    for first in range(0, columns, WIDE):
        valid = min(WIDE, columns - first)
        for k in range(depth):
            to = panel + 4 * k * WIDE
            if y_column == 1:
                _pad(to, b + 4 * (k * y_row + first), valid)
            else:
                for n in range(valid):
                    _put(to, n, _get(b, k * y_row + (first + n) * y_column))
                for n in range(valid, WIDE):
                    _put(to, n, _ZERO)
        m = 0
        while m < rows:
            height = fitting(rows - m, _HEIGHT_0)
            run_tile(height, a, m * x_row, x_row, x_step, scratch, 1, depth, panel, 0, WIDE, 0, edge, 0, WIDE, False)
            for i in range(height):
                _copy_row(out + 4 * ((m + i) * columns + first), edge + 4 * i * WIDE, valid)
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
            kind, columns = code[p, CODE], code[p, COLUMNS]
            rows = min(block, total - top) if block else code[p, ROWS]
            a_row, a_column, b_row, b_column = code[p, A_ROW], code[p, A_COLUMN], code[p, B_ROW], code[p, B_COLUMN]
            out_row = code[p, OUT_ROW]
            out = _base(bases, code[p, OUT], buffer, top * out_row) + 4 * code[p, OUT_START]
            a = _base(bases, code[p, A], buffer, top * a_row) + 4 * code[p, A_START]
            b = _base(bases, code[p, B], buffer, top * b_row) + 4 * code[p, B_START]
            if kind == MATMUL:
                _multiply(code, p, out, a, b, room)
            elif kind == SUM_COLUMNS:
                for r in range(rows):
                    _put(out, r, _sum_row(a + 4 * r * a_row, columns, a_column))
            elif kind == LARGEST_COLUMN:
                for r in range(rows):
                    _put(out, r, _largest(a + 4 * r * a_row, columns, a_column))
            else:
                two, summed = kind < NEGATIVE, kind == SUM_ROWS
                if (
                    out_row == columns
                    and _is_run(a_row, a_column, columns)
                    and (not two or _is_run(b_row, b_column, columns))
                ):  # one run of numbers, or one number, everywhere
                    rows, columns = 1, rows * columns
                if rows > 1 and columns <= WIDE and a_column <= 1 and (not two or b_column <= 1):
                    if summed:
                        _sum_rows(out, a, 4 * a_row, rows, columns)
                    else:
                        _by_short_rows(kind, out, out_row, a, a_row, a_column, b, b_row, b_column, rows, columns, room)
                    continue
                for c in range(0, columns, CHUNK):
                    count = min(CHUNK, columns - c)
                    for r in range(1 if summed else rows):
                        to = out + 4 * (r * out_row + c)
                        x = y = _operand(a, a_row, a_column, r, c, count, room)
                        if two:
                            y = _operand(b, b_row, b_column, r, c, count, room + 4 * CHUNK)
                        _elementwise(COPY if summed else kind, to, x, y, count)
                    if summed:
                        for r in range(1, rows):
                            x = _operand(a, a_row, a_column, r, c, count, room)
                            _add(out + 4 * c, x, count)
