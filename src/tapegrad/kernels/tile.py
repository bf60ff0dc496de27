"""The register tile: a small block of sums of products, held in vector registers while it is added up.

    c[m, lane] (+)= sum over segments s, over k < length:  a[m * a_row + segments[s] + k * a_step]
                                                         * b[s * b_segment + k * b_step + lane]

for m < height and lane < `vectors` * lanes of a vector. All of convolution stands on it: forward and input
gradient with pixels for m and a channel for each lane, the filter gradient with input channels for m. To what `c` had,
a sum is added when it is whole: going on with it would round worse with every call.

It is written in LLVM's own terms, because the accumulators must stay in registers: each is carried through the
loops by a phi node. One value of `a` is spread over all lanes, `vectors` loads of `b` serve all rows.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from .arrays import LINE
from .functions import own
from .jit import FUSED, LANES, REGISTERS
from .memory import prefetch
from .values import INDEX, size_of, spread

VECTORS = 2  # vectors a row: with one, loads would outnumber multiply-adds
# The tallest tile keeps its accumulators, the vectors of b and one spread value of a in registers. A middle one
# divides what 14 does not, and one row serves the rest.
HEIGHTS = (14, 8, 4, 1) if REGISTERS >= 32 else (6, 4, 2, 1)
FETCHED, PIECES = 8, 4  # cache lines that are fetched ahead for a segment, and segments that share a row of them


def width(itemsize: int) -> int:
    """The lanes of a tile, for elements of `itemsize` bytes: the columns that one call computes."""
    return VECTORS * LANES * 4 // itemsize


@intrinsic
def run_tile(
    context: Any, height: Any, a: Any, a_start: Any, a_row: Any, a_step: Any, segments: Any, count: Any, length: Any,
    b: Any, b_start: Any, b_step: Any, b_segment: Any, c: Any, c_start: Any, c_row: Any, add: Any,
) -> Any:  # fmt: skip
    """The tile with `height` rows, one of HEIGHTS, for compiled code; it serves float32 and float64."""
    n = types.intp
    signature = types.void(n, a, n, n, n, segments, n, n, b, n, n, n, c, n, n, types.boolean)
    return signature, _generate


@intrinsic
def run_tile_ahead(
    context: Any, height: Any, a: Any, a_start: Any, a_row: Any, a_step: Any, segments: Any, count: Any, length: Any,
    b: Any, b_start: Any, b_step: Any, b_segment: Any, c: Any, c_start: Any, c_row: Any, add: Any,
    ahead: Any, ahead_start: Any, ahead_row: Any,
) -> Any:  # fmt: skip
    """The same; meanwhile rows of the array `ahead` come near from memory, which would have nothing to do.

    For each segment these are FETCHED cache lines: a row has those of PIECES segments, and begins `ahead_row` numbers
    after the row before. Where there is nothing to read, nothing happens.
    """
    n = types.intp
    signature = types.void(n, a, n, n, n, segments, n, n, b, n, n, n, c, n, n, types.boolean, ahead, n, n)
    return signature, _generate


_A, _SEGMENTS, _B, _C, _AHEAD = 0, 4, 7, 11, 15  # places among a tile's arguments


def _generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    height, *given = arguments
    for place in (_A, _SEGMENTS, _B, _C, _AHEAD)[: 4 if len(given) <= _AHEAD else None]:
        array = make_array(signature.args[place + 1])  # type: ignore[no-untyped-call]
        given[place] = array(context, builder, given[place]).data
    return _choose(context, builder, height, given)


def _choose(context: Any, builder: Any, height: Any, arguments: list[Any]) -> Any:
    """Call the tile of a height, or else the last one."""
    # The time goes by in the tiles: unrolling the loops around them would only take LLVM longer.
    builder.function.attributes.add("optsize")
    blocks = [builder.append_basic_block(f"tile_{h}") for h in HEIGHTS]
    end = builder.append_basic_block("tiled")
    choice = builder.switch(height, blocks[-1])
    for h, block in zip(HEIGHTS, blocks, strict=True):
        if block is not blocks[-1]:
            choice.add_case(INDEX(h), block)
        builder.position_at_end(block)
        call_tile(builder, h, arguments)
        builder.branch(end)
    builder.position_at_end(end)
    return context.get_dummy_value()


def call_tile(builder: Any, height: int, arguments: list[Any]) -> None:
    """Call the tile of a height, a function of its own, with a tile's arguments and pointers for the arrays."""
    scalar = arguments[_A].type.pointee

    def write(builder: Any, given: Any) -> None:
        for place in (_A, _SEGMENTS, _B, _C):
            given[place].add_attribute("noalias")
        _Emitter(builder, given, height, scalar).emit()

    name = f"tapegrad_tile_{height}_{LANES}_{scalar.intrinsic_name}_{len(arguments)}"
    builder.call(own(builder.module, name, [given.type for given in arguments], write), arguments)


class _Emitter:
    """Writes one tile's instructions: two loops, over segments and within one, around height x VECTORS sums."""

    def __init__(self, builder: Any, arguments: Any, height: int, scalar: Any) -> None:
        self.builder = builder
        self.arguments = arguments
        self.height = height
        self.bytes = size_of(scalar)
        self.lanes = LANES * 4 // self.bytes
        self.vector = ir.VectorType(scalar, self.lanes)
        self.cells = [(m, v) for m in range(height) for v in range(VECTORS)]
        name = f"llvm.fma.v{self.lanes}{scalar.intrinsic_name}"
        self.fma = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
            builder.module, ir.FunctionType(self.vector, [self.vector] * 3), name
        )

    def emit(self) -> None:
        builder = self.builder
        (
            a, a_start, a_row, a_step, segments, count, length, b, b_start, b_step, b_segment, c, c_start, c_row, add,
            *ahead,
        ) = self.arguments  # fmt: skip
        a = builder.gep(a, [a_start])
        b = builder.gep(b, [b_start])
        c = builder.gep(c, [c_start])
        a_rows = [builder.mul(a_row, INDEX(m)) for m in range(self.height)]
        c_rows = [builder.gep(c, [builder.mul(c_row, INDEX(m))]) for m in range(self.height)]
        begin = builder.block
        outer, inner, after, end, old, store = (
            builder.append_basic_block(name) for name in ("segment", "products", "next", "end", "old", "store")
        )
        builder.branch(outer)

        builder.position_at_end(outer)
        s = self.phi(INDEX, (INDEX(0), begin))
        zero = ir.Constant(self.vector, [0.0] * self.lanes)
        sums = {cell: self.phi(self.vector, (zero, begin)) for cell in self.cells}
        a_segment = builder.gep(a, [builder.load(builder.gep(segments, [s]))])
        b_here = builder.gep(b, [builder.mul(s, b_segment)])
        if ahead:
            self.fetch(s, *ahead)
        builder.branch(inner)

        builder.position_at_end(inner)
        k = self.phi(INDEX, (INDEX(0), outer))
        running = {cell: self.phi(self.vector, (sums[cell], outer)) for cell in self.cells}
        a_k = builder.gep(a_segment, [builder.mul(k, a_step)])
        b_k = builder.gep(b_here, [builder.mul(k, b_step)])
        columns = [self.load(b_k, v) for v in range(VECTORS)]
        result = {}
        for m in range(self.height):
            row = spread(builder, builder.load(builder.gep(a_k, [a_rows[m]])), self.lanes)
            for v in range(VECTORS):
                result[m, v] = self.multiply_add(row, columns[v], running[m, v])
        next_k = builder.add(k, INDEX(1))
        k.add_incoming(next_k, inner)
        for cell in self.cells:
            running[cell].add_incoming(result[cell], inner)
        builder.cbranch(builder.icmp_signed("<", next_k, length), inner, after)

        builder.position_at_end(after)
        next_s = builder.add(s, INDEX(1))
        s.add_incoming(next_s, after)
        for cell in self.cells:
            sums[cell].add_incoming(result[cell], after)
        builder.cbranch(builder.icmp_signed("<", next_s, count), outer, end)

        builder.position_at_end(end)
        builder.cbranch(add, old, store)

        builder.position_at_end(old)
        total = {(m, v): builder.fadd(self.load(c_rows[m], v), result[m, v]) for m, v in self.cells}
        builder.branch(store)

        builder.position_at_end(store)
        values = {cell: self.phi(self.vector, (result[cell], end), (total[cell], old)) for cell in self.cells}
        for m, v in self.cells:
            builder.store(values[m, v], self.pointer(c_rows[m], v)).align = self.bytes

    def fetch(self, s: Any, array: Any, start: Any, row: Any) -> None:
        """Bring the lines of `ahead` near that belong to segment s."""
        builder = self.builder
        line = LINE // self.bytes
        first = builder.add(start, builder.mul(row, builder.udiv(s, INDEX(PIECES))))
        piece = builder.mul(builder.urem(s, INDEX(PIECES)), INDEX(FETCHED * line))
        place = builder.gep(array, [builder.add(first, piece)])
        for number in range(FETCHED):
            prefetch(builder, builder.gep(place, [INDEX(number * line)]))

    def phi(self, kind: Any, *incoming: tuple[Any, Any]) -> Any:
        node = self.builder.phi(kind)
        for value, block in incoming:
            node.add_incoming(value, block)
        return node

    def pointer(self, row: Any, v: int) -> Any:
        place = self.builder.gep(row, [INDEX(v * self.lanes)])
        return self.builder.bitcast(place, self.vector.as_pointer())

    def load(self, row: Any, v: int) -> Any:
        value = self.builder.load(self.pointer(row, v))
        value.align = self.bytes  # arrays are aligned to their elements only
        return value

    def multiply_add(self, x: Any, y: Any, z: Any) -> Any:
        if FUSED:
            return self.builder.call(self.fma, [x, y, z])
        return self.builder.fadd(self.builder.fmul(x, y), z)
