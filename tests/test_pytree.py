"""Containers taken apart and put together again."""

from __future__ import annotations

import gc
import weakref
from collections import Counter, OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapegrad._pytree import flatten, leaves_like, tree_map

Point = namedtuple("Point", ["x", "y"])


@dataclass(frozen=True)
class Layer:
    weight: Any
    bias: Any


@dataclass
class Counted:
    value: Any
    calls: int = field(default=0, init=False)  # no argument of the constructor, so no leaf


class Parameters(dict):
    """A dict whose constructor takes something else."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


keys = st.text("abc", max_size=2)
trees = st.recursive(
    st.none() | st.floats(allow_nan=False) | st.integers() | st.text("xyz", max_size=2),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.lists(inside, max_size=3).map(tuple)
        | st.dictionaries(keys, inside, max_size=3)
        | st.dictionaries(keys, inside, max_size=3).map(OrderedDict)
        | st.tuples(inside, inside).map(lambda pair: Point(*pair))
        | st.tuples(inside, inside).map(lambda pair: Layer(*pair))
    ),
    max_leaves=12,
)


def types(tree: Any) -> Any:
    """The tree of the types of a tree, by other means than those under test."""
    if isinstance(tree, dict):
        return type(tree), [(key, types(value)) for key, value in tree.items()]
    if isinstance(tree, list | tuple):
        return type(tree), [types(value) for value in tree]
    if isinstance(tree, Layer):
        return Layer, types(tree.weight), types(tree.bias)
    return None if tree is None else "leaf"


@given(trees)
def test_leaves_put_back_give_the_tree(tree):
    leaves, rebuild = flatten(tree)
    again = rebuild(leaves)
    assert again == tree
    assert types(again) == types(tree)


@given(trees)
def test_new_leaves_come_into_the_same_containers_in_order(tree):
    leaves, rebuild = flatten(tree)
    new = rebuild(list(range(len(leaves))))
    assert types(new) == types(tree)
    assert flatten(new)[0] == list(range(len(leaves)))


@given(trees)
def test_the_leaves_of_a_tree_like_itself_are_its_leaves(tree):
    assert leaves_like(tree, tree, "it") == flatten(tree)[0]


def test_leaves_stand_in_the_order_of_the_containers():
    tree = {"b": [1, (2, None)], "a": Point(3, {"z": 4, "y": 5}), "c": Layer(6, [])}
    assert flatten(tree)[0] == [1, 2, 3, 4, 5, 6]
    assert tree_map(lambda n: 10 * n, tree) == {
        "b": [10, (20, None)],
        "a": Point(30, {"z": 40, "y": 50}),
        "c": Layer(60, []),
    }


def test_one_leaf_is_a_tree():
    leaves, rebuild = flatten("x")
    assert leaves == ["x"]
    assert rebuild([7]) == 7
    assert flatten(None)[0] == []
    assert flatten(None)[1]([]) is None
    assert flatten(Layer)[0] == [Layer]  # the class, not an instance


def test_subclasses_of_dict_keep_what_else_they_have():
    made = tree_map(lambda n: n + 1, defaultdict(list, a=1))
    assert made == {"a": 2}
    assert made.default_factory is list
    assert tree_map(lambda n: n + 1, Counter(a=1)) == Counter(a=2)
    tree = Parameters("encoder")
    tree["w"] = 1
    made = tree_map(lambda n: n + 1, tree)
    assert type(made) is Parameters
    assert made.name == "encoder"
    assert made == {"w": 2}
    assert tree == {"w": 1}


def test_fields_that_the_constructor_does_not_take_are_no_leaves():
    counted = Counted(3)
    counted.calls = 5
    assert flatten(counted)[0] == [3]
    assert tree_map(lambda n: n + 1, counted) == Counted(4)


def test_the_wrong_number_of_leaves_is_an_error():
    rebuild = flatten([1, {"a": 2}])[1]
    with pytest.raises(ValueError, match="expected 2 leaves, got 3"):
        rebuild([1, 2, 3])


def test_keys_match_leaves_not_their_order():
    assert leaves_like({"b": 2, "a": [1, 3]}, {"a": ["x", "y"], "b": "z"}, "it") == [1, 3, 2]
    assert leaves_like((1, 2), ["x", "y"], "it") == [1, 2]


@pytest.mark.parametrize(
    ("tree", "like", "message"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, "it: expected dict of a, b, got dict of a"),
        ([1, 2], [1, 2, 3], "it: expected list of 3, got list of 2"),
        (1, [1], "it: expected list of 1, got int"),
        ({"a": (1, 2)}, {"a": [1, {"b": 2}]}, r"it\['a'\]\[1\]: expected dict of b, got int"),
        (None, (), "it: expected tuple of 0, got None"),
        ({}, None, "it: expected None, got dict of "),
        (Layer(1, 2), Point(1, 2), "it: expected Point of 2, got Layer of weight, bias"),
    ],
)
def test_other_containers_are_an_error_that_says_where(tree, like, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        leaves_like(tree, like, "it")


def test_putting_together_does_not_keep_the_old_leaves():
    """A checkpoint keeps the function that puts together, and must not keep the arrays."""

    class Leaf:
        pass

    leaf = Leaf()
    alive = weakref.ref(leaf)
    gc.disable()
    try:
        rebuild = flatten([leaf, {"a": (leaf, None)}])[1]
        del leaf
        assert alive() is None
        assert rebuild([1, 2]) == [1, {"a": (2, None)}]
    finally:
        gc.enable()
