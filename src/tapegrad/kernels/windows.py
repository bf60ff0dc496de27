"""Where the windows of a convolution or a pooling lie, as kernels are told."""

from __future__ import annotations

from typing import NamedTuple


class Windows(NamedTuple):
    """Windows over the spatial dimensions of an input; every field has one item a dimension."""

    size: tuple[int, ...]  # of a window, in elements that it takes
    strides: tuple[int, ...]  # from one window to the next
    dilation: tuple[int, ...]  # from one element of a window to the next
    before: tuple[int, ...]  # cells of padding at the front
    after: tuple[int, ...]  # and at the end
    out: tuple[int, ...]  # how many windows there are
