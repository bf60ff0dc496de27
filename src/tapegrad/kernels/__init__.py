"""Compiled loops over arrays: arrays in, arrays out, and nothing known of Tensors.

Only this package imports numba, and only when the first kernel is needed. Who calls a kernel has checked every
shape before: a bad index in a compiled loop is a crash, not an exception.
"""
