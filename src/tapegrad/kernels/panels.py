"""Between matrices and the register tile: a panel is laid out before, and what the tile computed is finished after.

Both are written for LLVM, because numba would take as long to compile them as all the rest of a product.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

from . import lanes
from .arrays import LINE
from .functions import lower, own, repeat
from .lanes import below, everywhere, gather, load, store
from .memory import place_of, prefetch
from .tile import HEIGHTS, width
from .transpose import side, transposing
from .values import INDEX, size_of, spread

_AHEAD = 8  # rows of the matrix that are on their way from memory while one is laid out


@intrinsic
def lay_out(
    context: Any, panels: Any, y: Any, start: Any, row: Any, column: Any, columns: Any, count: Any, group: Any
) -> Any:  # fmt: skip
    """Lay `count` rows of `group` panels out, one panel after the other; their rows are as wide as a tile.

    In `y` they begin at `start`; rows are `row` apart and columns `column`, one of which is 1. There are `columns` from
    there on; in panels that are wider, any numbers may follow.
    """
    n = types.intp
    signature = types.void(panels, y, n, n, n, n, n, n)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        panels, y, start, *rest = arguments
        given = [
            place_of(context, builder, signature.args[0], panels, INDEX(0)),
            place_of(context, builder, signature.args[1], y, start),
            *rest,
        ]
        _call(builder, "lay_out", _write_layout, given)
        return context.get_dummy_value()

    return signature, generate


def _write_layout(builder: Any, arguments: Any) -> None:
    panels, y, row, column, columns, count, group = arguments
    size = size_of(panels.type.pointee)
    wide, square = width(size), side(size)

    def to(p: Any, k: Any) -> Any:
        index = builder.mul(builder.add(builder.mul(p, count), k), INDEX(wide))
        return builder.gep(panels, [index])

    def left(p: Any) -> Any:
        return builder.sub(columns, builder.mul(p, INDEX(wide)))

    def whole_row(k: Any) -> None:
        source = builder.gep(y, [builder.mul(k, row)])
        later = builder.gep(source, [builder.mul(row, INDEX(_AHEAD))])
        ends = lower(builder, columns, builder.mul(group, INDEX(wide)))
        repeat(builder, INDEX(0), ends, LINE // size, lambda n: prefetch(builder, builder.gep(later, [n])))

        def part(p: Any) -> None:
            value = load(builder, builder.gep(source, [builder.mul(p, INDEX(wide))]), below(builder, left(p), wide))
            store(builder, value, to(p, k), everywhere(wide))

        repeat(builder, INDEX(0), group, 1, part)

    def turned_panel(p: Any) -> None:
        """Square by square, the last ones over those before; and number by number where there is no whole square."""
        source = builder.gep(y, [builder.mul(builder.mul(p, INDEX(wide)), column)])
        valid = lower(builder, left(p), INDEX(wide))
        fits = builder.icmp_signed(">=", lower(builder, valid, count), INDEX(square))

        def squares(block: Any) -> None:
            k = lower(builder, block, builder.sub(count, INDEX(square)))

            def one(begin: Any) -> None:
                n = lower(builder, begin, builder.sub(valid, INDEX(square)))
                start = builder.add(builder.mul(n, column), k)
                place = [to(p, k), n, INDEX(wide), source, start, column]
                builder.call(transposing(builder.module, size * 8), place)

            repeat(builder, INDEX(0), valid, square, one)

        def numbers(k: Any) -> None:
            mask = below(builder, valid, wide)
            store(builder, gather(builder, builder.gep(source, [k]), column, mask), to(p, k), everywhere(wide))

        with builder.if_else(fits) as (then, otherwise):
            with then:
                repeat(builder, INDEX(0), count, square, squares)
            with otherwise:
                repeat(builder, INDEX(0), count, 1, numbers)

    with builder.if_else(builder.icmp_signed("==", column, INDEX(1))) as (then, otherwise):
        with then:
            repeat(builder, INDEX(0), count, 1, whole_row)
        with otherwise:
            repeat(builder, INDEX(0), group, 1, turned_panel)


def turned_step(size: int) -> int:
    """How far the lines of a tile that is turned are apart, for numbers of `size` bytes: whole squares."""
    return -(-HEIGHTS[0] // side(size)) * side(size)


@intrinsic
def turn(context: Any, tile: Any, rows: Any) -> Any:
    """Write the columns of a tile as lines behind the `turned_step` rows that it has room for."""
    signature = types.void(tile, types.intp)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _call(builder, "turn", _write_turn, [place_of(context, builder, tile, arguments[0], INDEX(0)), arguments[1]])
        return context.get_dummy_value()

    return signature, generate


def _write_turn(builder: Any, arguments: Any) -> None:
    tile, rows = arguments
    size = size_of(tile.type.pointee)
    wide, square, tall = width(size), side(size), turned_step(size)

    def squares(i: Any) -> None:
        def one(n: Any) -> None:
            to = builder.add(builder.add(INDEX(wide * tall), builder.mul(n, INDEX(tall))), i)
            start = builder.add(builder.mul(i, INDEX(wide)), n)
            arguments = [tile, to, INDEX(tall), tile, start, INDEX(wide)]
            builder.call(transposing(builder.module, size * 8), arguments)

        repeat(builder, INDEX(0), INDEX(wide), square, one)

    repeat(builder, INDEX(0), rows, square, squares)


@intrinsic
def finish(
    context: Any, out: Any, to: Any, line: Any, tile: Any, start: Any, step: Any, lines: Any, length: Any, added: Any,
    bias: Any, place: Any, biased: Any, relu: Any, gate: Any, gated: Any,
) -> Any:  # fmt: skip
    """Write `lines` lines of `length` numbers, `step` apart in `tile`, to where they belong, `line` apart in `out`.

    If `added`, what is there is added. If `biased`, the numbers of `bias` from `place` on are, the same in each line;
    with `relu`, zero takes the place of what is below; if `gated`, what has no number above zero in the `gate`, which
    has the places of `out`, is multiplied by zero.
    """
    n, truth = types.intp, types.boolean
    signature = types.void(out, n, n, tile, n, n, n, n, truth, bias, n, truth, truth, gate, truth)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        given = list(arguments)
        for array, index in ((0, 1), (3, 4), (9, 10), (13, 1)):
            given[array] = place_of(context, builder, signature.args[array], arguments[array], arguments[index])
        for index in (10, 4, 1):
            del given[index]
        _call(builder, "finish", _write_finish, given)
        return context.get_dummy_value()

    return signature, generate


def _write_finish(builder: Any, arguments: Any) -> None:
    out, line, tile, step, lines, length, added, bias, biased, relu, gate, gated = arguments
    wide = width(size_of(out.type.pointee))

    def piece(begin: Any) -> None:
        mask = below(builder, builder.sub(length, begin), wide)

        def here(base: Any, i: Any, apart: Any) -> Any:
            return builder.gep(base, [builder.add(builder.mul(i, apart), begin)])

        def where(truth: Any) -> Any:
            return builder.and_(mask, spread(builder, truth, wide))

        offset = load(builder, builder.gep(bias, [begin]), where(biased))

        def one(i: Any) -> None:
            place = here(out, i, line)
            value = load(builder, here(tile, i, step), mask)
            value = builder.select(added, builder.fadd(load(builder, place, where(added)), value), value)
            value = builder.select(biased, builder.fadd(value, offset), value)
            value = builder.select(relu, lanes.relu(builder, value), value)
            passed = lanes.relu_gradient(builder, value, load(builder, here(gate, i, line), where(gated)))
            value = builder.select(gated, passed, value)
            store(builder, value, place, mask)

        repeat(builder, INDEX(0), lines, 1, one)

    repeat(builder, INDEX(0), length, wide, piece)


def _call(builder: Any, name: str, write: Any, arguments: list[Any]) -> None:
    name = f"tapegrad_{name}_{8 * size_of(arguments[0].type.pointee)}"
    builder.call(own(builder.module, name, [argument.type for argument in arguments], write), arguments)
