"""What the machine of `machine.py` can be told: its instructions and their fields, as numbers.

They stand by themselves so that a table of instructions can be written without importing numba.
"""

from __future__ import annotations

# The fields of an instruction. Its operands are two-dimensional, (rows, columns), and tell in which array and where in
# it they begin, and how far their rows and columns are apart.
CODE, ROWS, COLUMNS, DEPTH = 0, 1, 2, 3
OUT, OUT_START, OUT_ROW = 4, 5, 6
A, A_START, A_ROW, A_COLUMN = 7, 8, 9, 10
B, B_START, B_ROW, B_COLUMN = 11, 12, 13, 14
FIELDS = 15

# What it does. Up to MATMUL, each number of the result is made of one number of each operand. Up to NEGATIVE, they have
# two operands.
ADD, SUBTRACT, MULTIPLY, DIVIDE, MAXIMUM, MINIMUM, GREATER, GREATER_EQUAL, LESS, LESS_EQUAL = range(10)
NEGATIVE, ABSOLUTE, SQRT, SQUARE, EXP, LOG, TANH, SIGMOID, RELU, COPY = range(10, 20)
MATMUL, SUM_ROWS = 20, 21  # (R, D) (D, C) -> (R, C); (R, C) -> (1, C)
SUM_COLUMNS, LARGEST_COLUMN = 22, 23  # (R, C) -> (R, 1)

BUFFER, NUMBERS = 0, 1  # the first arrays of a run; after them its results, then its inputs

DEEPEST = 512  # numbers that a product may sum over

CHUNK = 1024  # numbers at a time, so that what a step makes is still in the first-level cache for the next one
SPREAD = -(1 << 40)  # stands for how far the columns of an operand are apart that is one number, CHUNK times
