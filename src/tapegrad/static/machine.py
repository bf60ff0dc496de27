"""Runs of short steps on small float32 arrays become one entry, which a compiled machine executes.

An op on a few hundred numbers costs its call and not its arithmetic. Here the steps of a run are written down as a
table of instructions for `kernels.machine`, and what it repeats as a loop. What is only another view of an array costs
nothing, and what a run makes for itself alone lies in an arena (`arena.py`). What is handed on is always in arrays of
its own.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels.instructions import (
    ABSOLUTE,
    ADD,
    COPY,
    DEEPEST,
    DIVIDE,
    EXP,
    FIELDS,
    GREATER,
    GREATER_EQUAL,
    LARGEST_COLUMN,
    LESS,
    LESS_EQUAL,
    LOG,
    MATMUL,
    MAXIMUM,
    MINIMUM,
    MULTIPLY,
    NEGATIVE,
    NUMBERS,
    RELU,
    SIGMOID,
    SPREAD,
    SQRT,
    SQUARE,
    SUBTRACT,
    SUM_COLUMNS,
    SUM_ROWS,
    TANH,
)  # fmt: skip
from ..ops import activation, elementwise, indexing, loss, reduction, shape
from .arena import Arena, Place
from .program import Entry, Kind, Program, Variable
from .rolled import rolled, told
from .runs import F4, Numbers, Unsuitable, execute, gathered

if TYPE_CHECKING:
    from collections.abc import Iterable

LARGEST = 1 << 15  # numbers of an array, above which NumPy's own loops are as quick
_MOST_PRODUCTS = 1 << 20  # multiplications of a product
_FEWEST = 3  # steps of a run that are worth while

# The instruction for the function of an entry.
OF_TWO = {
    np.add: ADD, np.subtract: SUBTRACT, np.multiply: MULTIPLY, np.true_divide: DIVIDE, np.maximum: MAXIMUM,
    np.minimum: MINIMUM, np.greater: GREATER, np.greater_equal: GREATER_EQUAL, np.less: LESS, np.less_equal: LESS_EQUAL,
}  # fmt: skip
COMPARISONS = {np.greater, np.greater_equal, np.less, np.less_equal}
OF_ONE = {
    np.negative: NEGATIVE, np.abs: ABSOLUTE, np.sqrt: SQRT, np.square: SQUARE, np.exp: EXP, np.log: LOG,
    np.tanh: TANH,
    activation.sigmoid_op.op.function: SIGMOID, activation.relu_op.op.function: RELU,
}  # fmt: skip
_VIEWS = {
    recorder.op.function
    for recorder in (shape.reshape_op, shape.swapaxes_op, shape.permute_dims_op, shape.broadcast_to_op)
} | {indexing.getitem_op.op.function}
_BROADCAST = shape.broadcast_to_op.op.function
_SUM, _MEAN = reduction.sum_op.op.function, reduction.mean_op.op.function
_SOFTMAX, _LOG_SOFTMAX = activation.softmax_op.op.function, activation.log_softmax_op.op.function
_CROSS_ENTROPY = loss.probable_op.op.function
POWER = elementwise.operator_pow.op.function
_SCATTER, _INDEX_ADD = indexing.scatter_op.op.function, indexing.index_add_op.op.function
_CONCAT, _STACK, _ADD_PARTS = (op.op_for(1).function for op in (shape.concat_op, shape.stack_op, indexing.add_parts_op))  # type: ignore[attr-defined]
_ELEMENTWISE = {*OF_TWO, *OF_ONE, POWER, np.power}


def mechanised(program: Program, without: frozenset[Variable] = frozenset()) -> Program:
    """The program with runs of small float32 steps as one entry each, `without` some steps."""
    suitable = {entry.out for entry in program.entries if _suits(program, entry)} - without
    return gathered(program, "machine", suitable, Steps, _FEWEST)


def _suits(program: Program, entry: Entry) -> bool:
    """Whether an entry may be a step of the machine."""
    if entry.effect:
        return False
    out = program.kinds[entry.out]
    tensors = [argument for argument in entry.arguments if type(argument) is Variable]
    kinds = [program.kinds[variable] for variable in tensors]
    function = entry.function
    if function in COMPARISONS:
        if out.dtype != bool:
            return False
    elif out.dtype != F4:
        return False
    if not kinds or any(kind.dtype not in (F4, bool) for kind in kinds):
        return False
    if max([size(out), *map(size, kinds)]) > LARGEST or min([size(out), *map(size, kinds)]) == 0:
        return False
    if any(kind.dtype == bool for kind in kinds) and function is not np.multiply:
        return False
    others = [argument for argument in entry.arguments if type(argument) is not Variable]
    if any(type(argument) not in (int, float) for argument in others):
        return False
    if function in OF_TWO:
        return all(kind.dtype != bool for kind in kinds) or len(kinds) == 2
    if function in OF_ONE or function in (_SUM, _MEAN):
        return True
    if function is POWER or function is np.power:
        return len(others) == 1 and type(entry.arguments[1]) in (int, float) and entry.arguments[1] == 2
    if function is np.matmul:
        x, y = kinds
        return (
            len(x.shape) == 2 == len(y.shape)
            and x.shape[1] <= DEEPEST
            and x.shape[0] * x.shape[1] * y.shape[1] <= _MOST_PRODUCTS
        )
    if function in (_SOFTMAX, _LOG_SOFTMAX, _CROSS_ENTROPY):
        return len(kinds[0].shape) == 2 and entry.params.get("axis", -1) in (-1, 1)
    if function in _VIEWS or function in (_SCATTER, _INDEX_ADD, _ADD_PARTS):
        return not any(True for _ in _variables_of(entry.params)) and _basic(entry.params)
    return function in (_CONCAT, _STACK)


def _variables_of(params: dict[str, Any]) -> Iterable[Variable]:
    return Entry("", len, (), params, Variable(0), "").inputs()


def _basic(params: dict[str, Any]) -> bool:
    """Whether keys, if there are any, are made of integers, slices, None and Ellipsis, so that they give views."""
    keys = params.get("keys", [params.get("key", ())])
    parts = [part for key in keys for part in (key if isinstance(key, tuple) else (key,))]
    return all(part is None or part is Ellipsis or type(part) in (int, slice) for part in parts)


def size(kind: Kind) -> int:
    return math.prod(kind.shape)


class Steps:
    """A run of steps: arrays in, arrays out."""

    @staticmethod
    def joins(program: Program, run: dict[Variable, Entry], entry: Entry) -> bool:
        """Whether an entry may be in a run."""
        return True

    @staticmethod
    def is_view(entry: Entry) -> bool:
        """Whether the result of an entry is in general a view of what it is made of."""
        return entry.function in _VIEWS

    def __init__(self, program: Program, entries: Iterable[Entry], handed_on: list[Variable]) -> None:
        entries = list(entries)
        self.kinds = program.kinds
        self.made = made = {entry.out for entry in entries}
        for entry in entries:
            if any(v not in made and program.kinds[v].dtype != F4 for v in entry.inputs()):
                raise Unsuitable(entry.out)
        inputs = dict.fromkeys(v for entry in entries for v in entry.inputs() if v not in made)
        self.inputs = list(inputs)
        self.outputs = [program.kinds[variable].shape for variable in handed_on]
        self._code: list[list[int]] = []
        self._python = Numbers()
        self._arena = Arena()
        self._places: dict[Variable, Place] = {}
        result_slots = {variable: 2 + i for i, variable in enumerate(handed_on)}
        for i, variable in enumerate(self.inputs):
            view = np.empty(program.kinds[variable].shape, F4)
            self._places[variable] = Place(2 + len(handed_on) + i, 0, view)
        self._roots: dict[Variable, Variable] = {}
        uses: dict[Variable, int] = {}
        for place, entry in enumerate(entries):
            root = self._root_of(entry, result_slots)
            self._roots[entry.out] = root
            uses[root] = place
            for variable in entry.inputs():
                uses[self._roots.get(variable, variable)] = place
        ends: dict[int, list[Variable]] = {}
        for variable, place in uses.items():
            if variable in made and variable not in result_slots:
                ends.setdefault(place, []).append(variable)
        for place, entry in enumerate(entries):
            self._done = ends.get(place, [])  # what nobody reads afterwards
            self._step(entry, result_slots.get(entry.out))
            for variable in self._done:
                self._arena.give_back(self._places[variable])
        self._places.clear()
        self._depth = max((depth for code, _, _, depth, *_ in self._code if code == MATMUL), default=0)
        self.code = rolled(np.array(self._code, np.int64).reshape(-1, FIELDS))
        self._numbers = self._python.array()

    def _root_of(self, entry: Entry, results: dict[Variable, int]) -> Variable:
        """Whose memory the result of an entry lies in: for a view that of the array that it views."""
        if entry.function in _VIEWS and entry.out not in results:
            argument: Variable = entry.arguments[0]
            return self._roots.get(argument, argument)
        return entry.out

    # A run

    def __call__(self, *arrays: Any) -> list[Any]:
        results = [np.empty(shape, F4) for shape in self.outputs]
        execute(self.code, self._numbers, results, arrays, self._arena.length, depth=self._depth)
        return [result if shape else result[()] for result, shape in zip(results, self.outputs, strict=True)]

    def __repr__(self) -> str:
        return f"machine of {told(self.code)}, {4 * self._arena.length:,} bytes in the arena"

    # Instructions

    def _step(self, entry: Entry, slot: int | None) -> None:
        function = entry.function
        if function in _VIEWS:
            source = self._place(entry.arguments[0])
            # The op itself fills small arrays, which is quicker there than a view.
            like = np.broadcast_to if function is _BROADCAST else function
            view = like(source.view, **entry.params)
            if _inside(view, source.view):
                place = Place(source.slot, source.start + _offset(view, source.view), view)
                if slot is None:
                    self._places[entry.out] = place
                else:
                    self._elementwise(COPY, self._new(entry, slot), [place])
            else:
                raise Unsuitable(entry.out)
            return
        places = [self._place(argument) for argument in entry.arguments]
        out = self._new(entry, slot)
        if function in OF_TWO:
            self._elementwise(OF_TWO[function], out, places)
        elif function in OF_ONE:
            self._elementwise(OF_ONE[function], out, places)
        elif function is POWER or function is np.power:
            self._elementwise(SQUARE, out, places[:1])
        elif function is np.matmul:
            x, y = (place.view for place in places)
            (x_row, x_step), (y_row, y_column) = _strides(x), _strides(y)
            self._write(MATMUL, (x.shape[0], y.shape[1], x.shape[1]), out, y.shape[1], places[0], x_row, x_step,
                        places[1], y_row, y_column)  # fmt: skip
        elif function in (_CONCAT, _STACK):
            axis = entry.params["axis"]
            bounds = entry.params.get("bounds", range(len(places) + 1))
            for place, low, high in zip(places, bounds, bounds[1:], strict=False):
                key = slice(low, high) if function is _CONCAT else low
                self._elementwise(COPY, self._part(entry, out, (slice(None),) * axis + (key,)), [place])
        elif function is _SCATTER:
            self._elementwise(COPY, out, [self._place(0.0)])
            self._elementwise(COPY, self._part(entry, out, entry.params["key"]), places)
        elif function is _INDEX_ADD:
            part = self._part(entry, out, entry.params["key"])
            self._elementwise(COPY, out, places[:1])
            self._elementwise(ADD, part, [part, places[1]])
        elif function is _ADD_PARTS:
            self._elementwise(COPY, out, places[:1])
            for key, place in zip(entry.params["keys"], places[1:], strict=True):
                part = self._part(entry, out, key)
                self._elementwise(ADD, part, [part, place])
        elif function is _SOFTMAX:
            self._softmax(out, places[0])
        elif function in (_LOG_SOFTMAX, _CROSS_ENTROPY):
            self._cross_entropy(out, *places)
        else:
            self._sum(entry, out, places[0])

    def _part(self, entry: Entry, whole: Place, key: Any) -> Place:
        """The part of the result of an entry at a key."""
        key = key if isinstance(key, tuple) else (key,)
        view = whole.view[key if Ellipsis in key else (*key, Ellipsis)]  # never a number, which is no view
        if view.size == 0:
            raise Unsuitable(entry.out)
        return Place(whole.slot, whole.start + _offset(view, whole.view), view)

    def _softmax(self, out: Place, x: Place) -> None:
        rows, columns = x.view.shape
        column = self._arena.take((rows, 1))
        self._write(LARGEST_COLUMN, (rows, columns, 0), column, 1, x, *_strides(x.view))
        self._elementwise(SUBTRACT, out, [x, column])
        self._elementwise(EXP, out, [out])
        self._write(SUM_COLUMNS, (rows, columns, 0), column, 1, out, columns, 1)
        self._elementwise(DIVIDE, out, [out, column])
        self._arena.give_back(column)

    def _cross_entropy(self, out: Place, x: Place, labels: Place | None = None) -> None:
        """The logarithms of softmax, or the cross entropy with `labels`, as the ops compute them."""
        rows, columns = x.view.shape
        spread = self._arena.take((rows, columns))
        column = self._arena.take((rows, 1))
        logarithms = self._arena.take((rows, columns)) if labels else out
        self._write(LARGEST_COLUMN, (rows, columns, 0), column, 1, x, *_strides(x.view))
        self._elementwise(SUBTRACT, logarithms, [x, column])
        self._elementwise(EXP, spread, [logarithms])
        self._write(SUM_COLUMNS, (rows, columns, 0), column, 1, spread, columns, 1)
        self._elementwise(LOG, column, [column])
        self._elementwise(SUBTRACT, logarithms, [logarithms, column])
        if labels:
            self._elementwise(MULTIPLY, spread, [labels, logarithms])
            self._write(SUM_COLUMNS, (rows, columns, 0), out, 1, spread, columns, 1)
            self._elementwise(NEGATIVE, out, [out])
            self._arena.give_back(logarithms)
        self._arena.give_back(spread)
        self._arena.give_back(column)

    def _sum(self, entry: Entry, out: Place, source: Place) -> None:
        axis = entry.params["axis"]
        x = source.view
        axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        axes = tuple(sorted(a % x.ndim for a in axes))
        count = int(np.prod([x.shape[a] for a in axes]))
        if axes == tuple(range(x.ndim)) and x.flags.c_contiguous:
            self._write(SUM_COLUMNS, (1, x.size, 0), out, 1, source, 0, 1)
        elif axes == (0,) and x[0].flags.c_contiguous:
            row = x.strides[0] // 4
            self._write(SUM_ROWS, (x.shape[0], x[0].size, 0), out, 0, source, row, 1)
        elif x.ndim == 2 and axes == (1,):
            row, column = _strides(x)
            self._write(SUM_COLUMNS, (x.shape[0], x.shape[1], 0), out, 1, source, row, column)
        else:
            raise Unsuitable(entry.out)
        if entry.function is _MEAN:
            self._elementwise(DIVIDE, out, [out, self._place(float(count))])

    def _elementwise(self, code: int, out: Place, operands: list[Place]) -> None:
        """Instructions for numbers that are each made of one number of the operands, which are broadcast."""
        views = [out.view, *(np.broadcast_to(place.view, out.view.shape) for place in operands)]
        shape, strides = _merged(out.view.shape, [[n // 4 for n in view.strides] for view in views])
        while len(shape) < 2:
            shape, strides = [1, *shape], [[0, *each] for each in strides]
        if strides[0][-1] != 1 and shape[-1] > 1:  # a part of something wider, one column of it
            shape, strides = [*shape, 1], [[*each, 1] for each in strides]
        *outer, rows, columns = shape
        for index in np.ndindex(*outer):
            starts = [sum(i * s for i, s in zip(index, each, strict=False)) for each in strides]
            fields: list[Any] = []
            for place, start, each in zip(operands, starts[1:], strides[1:], strict=True):
                steps = [0, SPREAD] if place.slot == NUMBERS else each[-2:]
                fields += [Place(place.slot, place.start + start, None), *steps]
            to = Place(out.slot, out.start + starts[0], None)
            self._write(code, (rows, columns, 0), to, strides[0][-2], *fields)

    def _write(
        self, code: int, sizes: tuple[int, int, int], out: Place, out_row: int, a: Place, a_row: int, a_column: int,
        b: Place | None = None, b_row: int = 0, b_column: int = 1,
    ) -> None:  # fmt: skip
        b = b or a
        self._code.append([
            code, *sizes, out.slot, out.start, out_row, a.slot, a.start, a_row, a_column, b.slot, b.start, b_row,
            b_column,
        ])  # fmt: skip

    # Places

    def _place(self, argument: Any) -> Place:
        if type(argument) is Variable:
            return self._places[argument]
        return Place(NUMBERS, self._python.place(argument), np.empty((), F4))

    def _new(self, entry: Entry, slot: int | None) -> Place:
        """A place for the result of an entry: an array of its own if it is handed on, else in the arena."""
        shape = self.kinds[entry.out].shape
        over = self._replaceable(entry) if slot is None else None
        if slot is not None:
            place = Place(slot, 0, np.empty(shape, F4))
        elif over is not None:
            self._done.remove(over)
            place = self._places[over]
        else:
            place = self._arena.take(shape)
        self._places[entry.out] = place
        return place

    def _replaceable(self, entry: Entry) -> Variable | None:
        """An operand of elementwise steps over which the result may be written, since nobody reads it again."""
        operands = [*entry.inputs()]
        for variable in self._done if entry.function in _ELEMENTWISE else ():
            if (
                variable in operands
                and self.kinds[variable].shape == self.kinds[entry.out].shape
                and all(v == variable or self._roots.get(v, v) != variable for v in operands)
            ):
                return variable
        return None


def _inside(view: Any, base: Any) -> bool:
    return view.dtype == base.dtype and (view is base or np.may_share_memory(view, base))


def _offset(view: Any, base: Any) -> int:
    return int(view.__array_interface__["data"][0] - base.__array_interface__["data"][0]) // 4


def _strides(x: Any) -> tuple[int, int]:
    return x.strides[0] // 4, x.strides[1] // 4


def _merged(shape: tuple[int, ...], strides: list[list[int]]) -> tuple[list[int], list[list[int]]]:
    """Fewer dimensions of the same numbers: neighbours are merged where they are one run in every array."""
    dims = [i for i, n in enumerate(shape) if n > 1]
    sizes: list[int] = []
    merged: list[list[int]] = [[] for _ in strides]
    for i in dims:
        if sizes and all(new[-1] == old[i] * shape[i] for new, old in zip(merged, strides, strict=True)):
            sizes[-1] *= shape[i]
            for new, old in zip(merged, strides, strict=True):
                new[-1] = old[i]
        else:
            sizes.append(shape[i])
            for new, old in zip(merged, strides, strict=True):
                new.append(old[i])
    if not sizes:
        return [1], [[1] for _ in strides]
    return sizes, merged
