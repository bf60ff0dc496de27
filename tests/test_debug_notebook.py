"""A Tensor in a notebook: HTML that is well-formed, escaped and small, and shows the right numbers."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

import tapegrad as tg


class Page(HTMLParser):
    """What a browser would make of a fragment: rows of (text, style) cells, the text outside, and every tag."""

    def __init__(self, fragment):
        super().__init__()
        self.rows, self.text, self.tags, self._open = [], "", [], []
        self.feed(fragment)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        self._open.append(tag)
        self.tags.append((tag, dict(attributes)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append(["", dict(attributes).get("style", "")])

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open[-1:] in (["td"], ["th"]):
            self.rows[-1][-1][0] += data
        else:
            self.text += data

    def cells(self):
        return [[text for text, _ in row] for row in self.rows]


def page(tensor):
    return Page(tensor._repr_html_())


def shades(tensor):
    """The background of each number, as (colour, opacity); None without one."""
    found = []
    for row in page(tensor).rows[1:]:
        for _, style in row:
            match = re.search(r"rgba\((\d+,\d+,\d+),([\d.]+)\)", style)
            found.append(match and (match[1], float(match[2])))
    return found


def test_a_matrix_is_a_table_with_its_places():
    x = tg.tensor([[1.5, -2.0], [0.0, 1e-8], [123456.0, 4.0]])
    assert page(x).cells() == [
        ["", "0", "1"],
        ["0", "1.5", "-2"],
        ["1", "0", "1e-08"],
        ["2", "1.235e+05", "4"],
    ]


def test_a_vector_is_one_row():
    assert page(tg.arange(3)).cells() == [["0", "1", "2"], ["0", "1", "2"]]


@pytest.mark.parametrize(
    ("tensor", "headline"),
    [
        (tg.tensor([1.0]), "tensor (1,), float32"),
        (tg.tensor(np.ones((2, 2)), requires_grad=True), "tensor (2, 2), float64, requires_grad=True"),
        (np.exp(tg.ones(2, requires_grad=True)), "tensor (2,), float32, op=exp"),
    ],
)
def test_the_headline_tells_shape_dtype_and_op(tensor, headline):
    assert page(tensor).text == headline


def test_other_dimensions_are_text():
    assert page(tg.tensor(2.5)).text == "tensor (), float322.5"
    cube = np.arange(24).reshape(2, 3, 4)
    assert page(tg.tensor(cube)).text == "tensor (2, 3, 4), int64" + np.array2string(cube, separator=", ")
    assert page(tg.zeros((0, 3))).text.endswith("[]")


def test_only_the_ends_of_a_large_array_are_shown():
    x = np.arange(1000 * 200).reshape(1000, 200)
    cells = page(tg.tensor(x)).cells()
    assert [row[0] for row in cells[1:]] == [*map(str, range(8)), "…", *map(str, range(992, 1000))]
    assert cells[0][1:] == [*map(str, range(6)), "…", *map(str, range(194, 200))]
    assert cells[2][1:7] == [str(n) for n in x[1, :6]]
    assert cells[-1][-1] == str(x[-1, -1])
    assert set(cells[9][1:]) == {"…"}
    assert len(tg.tensor(x)._repr_html_()) < 50_000
    assert len(tg.zeros((300, 300, 300))._repr_html_()) < 5_000


def test_what_just_fits_is_shown_whole():
    cells = page(tg.zeros((16, 12))).cells()
    assert (len(cells), len(cells[1])) == (17, 13)
    assert "…" not in tg.zeros((16, 12))._repr_html_()


def test_shades_tell_sign_and_size():
    positive, negative, zero, half = shades(tg.tensor([4.0, -4.0, 0.0, 2.0]))
    assert zero is None
    assert positive[0] != negative[0]
    assert positive[1] == negative[1] == 2 * half[1]
    assert half[0] == positive[0]
    assert positive[1] <= 0.5  # so that text of either theme's colour stays legible


def test_what_is_not_finite_stands_out_and_does_not_drown_the_rest():
    nan, inf, one = shades(tg.tensor([np.nan, np.inf, 1.0]))
    assert nan == inf
    assert one == shades(tg.tensor([1.0]))[0]
    assert nan[0] != one[0]


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 2)),
        np.full((2, 2), np.nan),
        np.array([True, False]),
        np.array([-(2**63), 2**63 - 1]),
        np.array([1, 2], np.uint8),
        np.array([6e4, -6e4], np.float16),
        np.array([1.5], np.longdouble),
        np.ones((1, 40)),
        np.ones((40, 1)),
        np.zeros((3, 0)),
        np.array(True),
    ],
    ids=str,
)
def test_every_dtype_and_shape_can_be_shown(array):
    assert str(array.dtype) in page(tg.tensor(array)).text


def test_the_hint_of_a_number_has_all_of_its_digits():
    x = np.array([1 / 3])
    assert ("td", str(x[0])) in [(tag, a.get("title")) for tag, a in page(tg.tensor(x)).tags]


def test_names_are_escaped_and_nothing_comes_from_elsewhere():
    op = tg.primitive(lambda x: x, lambda g: g, name='<script src="x">&')
    shown = page(op(tg.ones(2, requires_grad=True)))
    assert shown.text.endswith('op=<script src="x">&')
    assert {tag for tag, _ in shown.tags} == {"div", "table", "tr", "th", "td"}
    assert not {"src", "href", "onclick"} & {name for _, attributes in shown.tags for name in attributes}
    assert "url(" not in tg.ones((2, 2))._repr_html_()


def test_no_colour_is_set_that_a_theme_would_not_fit():
    text = tg.ones((2, 2))._repr_html_() + tg.ones((2, 2, 2))._repr_html_()
    assert set(re.findall(r"(?<!-)color:([^;\"]+)", text)) == {"inherit"}
    assert set(re.findall(r"background:([^;\"(]+)", text)) == {"transparent", "rgba"}


def test_showing_leaves_the_tensor_and_the_tape_as_they_were():
    x = tg.ones((3, 3), requires_grad=True)
    y = x * 2
    y._repr_html_()
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.full((3, 3), 2.0))
