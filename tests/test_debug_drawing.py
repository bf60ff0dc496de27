"""to_dot: the text, and that Graphviz reads it where it is installed."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

import tapegrad as tg


def edges(text):
    return re.findall(r"^  (\w+) -> (\w+);$", text, re.MULTILINE)


def labels(text):
    return dict(re.findall(r'^  (\w+) \[label="(.*?)"[,\]]', text, re.MULTILINE))


@pytest.fixture
def y():
    w = tg.zeros((3, 2), requires_grad=True)
    h = np.ones((4, 3), np.float32) @ w
    return (h - h * 2).sum(axis=0)


def test_the_picture_has_a_node_for_each_entry_and_constant(y):
    assert labels(tg.to_dot(y)) == {
        "n1": r"leaf\n(3, 2)",
        "n2": r"matmul\n(4, 2)",
        "n2c0": "constant (4, 3)",
        "n3": r"multiply\n(4, 2)",
        "n3c1": "2",
        "n4": r"subtract\n(4, 2)",
        "n5": r"sum(axis=0)\n(2,)",
    }


def test_edges_run_from_arguments_in_order(y):
    assert edges(tg.to_dot(y)) == [
        ("n2c0", "n2"),
        ("n1", "n2"),
        ("n2", "n3"),
        ("n3c1", "n3"),
        ("n2", "n4"),
        ("n3", "n4"),
        ("n4", "n5"),
    ]


def test_the_text_depends_on_the_tape_alone(y):
    def draw(x):
        return tg.to_dot(np.exp(x) * x)

    assert draw(tg.ones(2, requires_grad=True)) == draw(tg.zeros(2, requires_grad=True))


def test_leaves_are_filled(y):
    filled = re.findall(r"^  (\w+) .*fillcolor", tg.to_dot(y), re.MULTILINE)
    assert filled == ["n1"]


def test_without_a_record_the_picture_is_empty():
    assert labels(tg.to_dot(tg.ones(2))) == {}


def test_only_tensors_are_drawn():
    with pytest.raises(TypeError, match="to_dot: expected a Tensor, got float"):
        tg.to_dot(1.0)


def test_a_long_tape_takes_no_recursion():
    x = tg.ones(1, requires_grad=True)
    for _ in range(2 * sys.getrecursionlimit()):
        x = x + 1
    assert len(edges(tg.to_dot(x))) == 4 * sys.getrecursionlimit()


EVIL = 'a"b \\n <b>&lt;</b> \\ é'


def evil():
    return tg.primitive(lambda x: x, lambda g: g, name=EVIL)(tg.ones(1, requires_grad=True))


def test_labels_are_escaped():
    assert r'n2 [label="a\"b \\n <b>&amp;lt;</b> \\ é\n(1,)"];' in tg.to_dot(evil())


@pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz")
def test_graphviz_reads_back_what_was_meant(y):
    def drawn(tensor):
        svg = subprocess.run(["dot", "-Tsvg"], input=tg.to_dot(tensor).encode(), capture_output=True, check=True)
        assert svg.stderr == b""
        return svg.stdout.decode()

    texts = [html.unescape(text) for text in re.findall(r"<text[^>]*>(.*?)</text>", drawn(evil()))]
    assert EVIL in texts
    picture = drawn(y)
    assert picture.count('class="node"') == 7
    assert picture.count('class="edge"') == 7
    # From left to right: the constant is matmul's first argument.
    across = {
        name: float(x)
        for name, x in re.findall(
            r'class="node">\n<title>(\w+)</title>.*?<text[^>]* x="(-?[\d.]+)"', picture, re.DOTALL
        )
    }
    assert across["n2c0"] < across["n1"]
