"""What the machine of `machine.py` can be told: its instructions and their fields, as numbers.

They stand by themselves so that a table of instructions can be written without importing numba.
"""

from __future__ import annotations

# The fields of an instruction: code, rows, columns, depth; of its result: array, start, row; of each of two operands:
# array, start, row, column. Results and operands are two-dimensional, (rows, columns): the fields tell in which array
# they begin, where in it, and how far their rows and columns are apart.
FIELDS = 15
CODE, OUT, OUT_START, A, B = 0, 4, 5, 7, 11  # places of some
TURNING = (OUT, OUT_START, A, A + 1, B, B + 1)  # those that may differ from turn to turn of a loop: arrays and starts

# What it does. Up to MATMUL, each number of the result is made of one number of each operand. Up to NEGATIVE, they have
# two operands.
ADD, SUBTRACT, MULTIPLY, DIVIDE, MAXIMUM, MINIMUM, GREATER, GREATER_EQUAL, LESS, LESS_EQUAL = range(10)
NEGATIVE, ABSOLUTE, SQRT, SQUARE, EXP, LOG, TANH, SIGMOID, RELU, COPY = range(10, 20)
MATMUL, SUM_ROWS = 20, 21  # (R, D) (D, C) -> (R, C); (R, C) -> (1, C)
SUM_COLUMNS, LARGEST_COLUMN = 22, 23  # (R, C) -> (R, 1)
SUM_ALL = 24  # (R, C) -> (1, 1), where rows continue one another; of its result, each job makes a row

# What has been done is done again: an instruction LOOP stands after the first turn of a loop, whose length is its
# `columns`, and tells by its `depth` how many turns there are. As many rows follow it, which are no instructions: how
# much the fields of the turn's instructions grow from turn to turn. There is no loop in a loop.
LOOP = 25
LENGTH, TURNS = 2, 3  # places of its fields

BUFFER, NUMBERS = 0, 1  # the first arrays of a run; after them its results, then its inputs

DEEPEST = 512  # numbers that a product may sum over

PARTS = 8  # sums, in double precision, that numbers go to in turn, number i to that at i % PARTS

CHUNK = 1024  # numbers at a time, so that what a step makes is still in the first-level cache for the next one
SPREAD = -(1 << 40)  # stands for how far the columns of an operand are apart that is one number, CHUNK times
