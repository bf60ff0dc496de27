"""Where windows lie: their number and their padding, by TensorFlow's rules and by counting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapegrad.errors import ShapeError
from tapegrad.ops._windows import Windows, per_dimension, windows


@pytest.mark.parametrize(
    ("n", "size", "stride", "dilation", "padding", "before", "after", "out"),
    [
        (5, 3, 1, 1, "SAME", 1, 1, 5),
        (5, 3, 2, 1, "SAME", 1, 1, 3),
        (6, 3, 2, 1, "SAME", 0, 1, 3),  # the odd cell at the end
        (5, 2, 1, 1, "SAME", 0, 1, 5),
        (5, 4, 1, 1, "SAME", 1, 2, 5),
        (5, 3, 5, 1, "SAME", 0, 0, 1),  # windows closer together than they are wide need padding, others none
        (7, 1, 3, 1, "SAME", 0, 0, 3),
        (7, 3, 1, 2, "SAME", 2, 2, 7),
        (7, 2, 2, 3, "SAME", 1, 2, 4),
        (5, 3, 1, 1, "VALID", 0, 0, 3),
        (5, 3, 2, 1, "VALID", 0, 0, 2),
        (6, 3, 2, 1, "VALID", 0, 0, 2),  # the last cell is in no window
        (5, 5, 1, 1, "VALID", 0, 0, 1),
        (5, 2, 1, 4, "VALID", 0, 0, 1),
        (5, 3, 1, 1, 2, 2, 2, 7),
        (5, 3, 2, 1, ((2, 0),), 2, 0, 3),
        (5, 3, 2, 1, [(np.int64(0), 3)], 0, 3, 3),
        (5, 3, 2, 1, np.array([[0, 3]]), 0, 3, 3),
        (1, 3, 1, 1, 1, 1, 1, 1),
        (0, 3, 2, 1, "SAME", 0, 0, 0),
        (0, 3, 2, 1, "VALID", 0, 0, 0),
        (0, 3, 1, 1, 4, 4, 4, 0),  # there are none over an input without cells, whatever the padding
    ],
)
def test_windows_along_one_dimension(n, size, stride, dilation, padding, before, after, out):
    expected = Windows((size,), (stride,), (dilation,), (before,), (after,), (out,))
    assert windows("test", [n], [size], stride, padding, dilation) == expected


def test_each_dimension_has_its_own():
    assert windows("test", (5, 6), (3, 2), (1, 2), ((1, 0), (0, 2)), (2, 1)) == Windows(
        (3, 2), (1, 2), (2, 1), (1, 0), (0, 2), (2, 4)
    )


@given(n=st.integers(1, 40), size=st.integers(1, 9), stride=st.integers(1, 9), dilation=st.integers(1, 5))
def test_same_means_one_window_for_each_stride_and_no_more_padding_than_they_need(n, size, stride, dilation):
    at = windows("test", [n], [size], stride, "SAME", dilation)
    (before,), (after,), (out,) = at.before, at.after, at.out
    assert out == -(-n // stride)
    last = (out - 1) * stride - before + (size - 1) * dilation  # the last cell of the last window
    assert 0 <= after - before <= 1
    assert last == n - 1 + after if before + after else last < n


@given(
    n=st.integers(1, 30), size=st.integers(1, 9), stride=st.integers(1, 9), dilation=st.integers(1, 5),
    before=st.integers(0, 9), after=st.integers(0, 9),
)  # fmt: skip
def test_explicit_padding_has_all_windows_that_fit(n, size, stride, dilation, before, after):
    cells = range(-before, n + after)
    fit = [s for s in cells[::stride] if s + (size - 1) * dilation in cells]
    if fit:
        assert windows("test", [n], [size], stride, [(before, after)], dilation).out == (len(fit),)
    else:
        with pytest.raises(ShapeError, match="use a smaller window or padding='SAME'"):
            windows("test", [n], [size], stride, [(before, after)], dilation)


def test_numbers_are_plain_integers_afterwards():
    at = windows("test", (5, 6), (np.int64(3), 2), np.array([1, 2]), np.int8(1), np.int32(1))
    assert all(type(v) is int for field in at for v in field)


@pytest.mark.parametrize(
    ("value", "ndim", "expected"), [(2, 3, (2, 2, 2)), ((1, 2), 2, (1, 2)), ([np.int8(4)], 1, (4,))]
)
def test_a_number_for_all_dimensions_or_one_for_each(value, ndim, expected):
    assert per_dimension("test", "strides", value, ndim) == expected


@pytest.mark.parametrize("value", [0, -1, 1.0, (1,), (1, 2, 3), (1, 0), (1, 1.0), "ab", None, {1, 2}, np.ones(2)])
def test_what_is_no_number_for_each_dimension_is_refused(value):
    with pytest.raises(ValueError, match=r"^test: strides must be a positive integer, or 2 of them, got ") as caught:
        per_dimension("test", "strides", value, 2)
    assert repr(value) in str(caught.value)


def test_messages_speak_of_several_only_where_there_can_be_several():
    with pytest.raises(ValueError, match=r"^test: groups must be a positive integer, got 0$"):
        per_dimension("test", "groups", 0, 1)


@pytest.mark.parametrize(
    "padding", ["same", "", -1, 1.0, None, (1, 1), ((1, 1),), ((1, 1, 1),) * 2, ((1, 1), (1, -1)), ((1, 1), (1, 0.5))]
)
def test_padding_that_is_none_is_refused(padding):
    with pytest.raises(ValueError, match=r"^test: padding must be 'SAME', 'VALID', a number of at least 0, or 2 pairs"):
        windows("test", (5, 5), (3, 3), 1, padding)


@pytest.mark.parametrize(
    ("size", "padding", "dilation", "message"),
    [
        ((4, 4), "VALID", 1, "a window spans (4, 4) cells, but the input has (3, 5), padded by [(0, 0), (0, 0)]; use"),
        ((2, 2), "VALID", 4, "a window spans (5, 5) cells, but the input has (3, 5), padded by [(0, 0), (0, 0)]; use"),
        (
            (3, 9),
            ((0, 0), (1, 2)),
            1,
            "a window spans (3, 9) cells, but the input has (3, 5), padded by [(0, 0), (1, 2)]",
        ),
        ((3, 0), "SAME", 1, "a window needs at least one cell, got windows of (3, 0)"),
    ],
)
def test_windows_that_do_not_fit_are_refused(size, padding, dilation, message):
    with pytest.raises(ShapeError) as caught:
        windows("test", (3, 5), size, 1, padding, dilation)
    assert str(caught.value).startswith(f"test: {message}")


def test_what_is_remembered_does_not_answer_for_what_is_only_equal():
    assert windows("conv", (9,), (3,), 2, "SAME").out == (5,)
    assert windows("conv", (9,), (3,), (2,), "SAME").out == (5,)
    for strides in (2.0, (2.0,), np.float64(2)):
        with pytest.raises(ValueError, match="strides must be a positive integer"):
            windows("conv", (9,), (3,), strides, "SAME")
