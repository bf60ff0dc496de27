"""debug(): the user's line on each entry, in notes of exceptions, and arrays that change too early."""

from __future__ import annotations

import inspect
import re
import threading

import numpy as np
import pytest

import tapegrad as tg


def here(offset=0):
    """The place of the caller's line, `offset` lines further down."""
    return f"{__file__}:{inspect.currentframe().f_back.f_lineno + offset}"


def line(tensor):
    return getattr(tensor._entry, "line", None)


def leaf(*values):
    return tg.tensor(list(values), dtype=np.float64, requires_grad=True)


# The user's line


@pytest.mark.parametrize(
    "run",
    [
        lambda x: x * 2,
        lambda x: 2 * x,
        lambda x: np.exp(x),
        lambda x: np.sum(x, axis=0),
        lambda x: x.mean(),
        lambda x: x[0],
        lambda x: np.concatenate([x, x]),
        lambda x: np.vstack([x, x]),
        lambda x: tg.einsum("i,i->", x, x),
        lambda x: tg.norm(x, np.inf),
        lambda x: tg.checkpoint(np.exp)(x),
    ],
)
def test_the_line_is_where_the_user_called(run):
    x = leaf(1, 2)
    with tg.debug():
        y = run(x)
    assert line(y) == f"{__file__}:{run.__code__.co_firstlineno}"


def test_the_innermost_line_of_the_user_counts():
    def helper(x):
        return x + 1

    with tg.debug():
        y = helper(leaf(1))
    assert line(y) == f"{__file__}:{helper.__code__.co_firstlineno + 1}"


def test_numpy_that_is_written_in_python_is_not_the_user():
    with tg.debug():
        y = np.polynomial.polynomial.polyval(leaf(2), np.array([1.0, 3.0, 5.0]))  # Horner's rule, with operators
        assert line(y) == here(-1)
    assert y.item() == 1 + 3 * 2 + 5 * 4


def test_what_a_layer_of_ours_runs_is_called_where_the_layer_was():
    with tg.debug():
        made, called = here(1), here(2)
        model = tg.nn.Linear(2, 2)
        y = model(np.ones((1, 2), np.float32))
    assert line(model.weight) == made
    assert line(y) == called
    assert y._entry.parents[0].line == called  # the product, before the bias was added


def test_leaves_and_arguments_of_transforms_have_a_line():
    seen = []

    def f(x):
        seen.append(line(x))
        return x * x

    with tg.debug():
        x = tg.tensor([1.0], requires_grad=True)
        assert line(x) == here(-1)
        tg.grad(f)(3.0)
        assert seen == [here(-1)]


def test_python_numbers_in_a_transform_have_a_line():
    seen = []

    def f(x):
        y = x * 3.0
        seen.extend([line(y), here(-1)])
        return y

    with tg.debug():
        tg.grad(f)(2.0)
    assert len(set(seen)) == 1


def test_only_what_is_recorded_in_the_block_has_a_line():
    x = leaf(1)
    before = x * 2
    with tg.debug():
        inside = x * 2
        with tg.debug():
            deeper = x * 2
        still = x * 2
    after = x * 2
    assert [line(y) is None for y in (before, inside, deeper, still, after)] == [True, False, False, False, True]


def test_other_threads_are_not_watched():
    made = []
    x = leaf(1)
    with tg.debug():
        thread = threading.Thread(target=lambda: made.append(x * 2))
        thread.start()
        thread.join()
    assert line(made[0]) is None


def test_the_block_ends_with_an_exception():
    with pytest.raises(KeyError), tg.debug():
        raise KeyError
    assert line(leaf(1) * 2) is None


def broken(g):
    raise ZeroDivisionError("broken")


failing = tg.primitive(lambda x: x * 1, broken, name="failing")


def test_an_exception_in_a_rule_tells_where_its_op_was_called():
    with tg.debug():
        y = failing(leaf(1, 2))
        called = here(-1)
    with pytest.raises(ZeroDivisionError, match="broken") as caught:
        y.sum().backward()
    assert caught.value.__notes__ == [
        f"in the gradient of failing for argument 0: arguments (2,), result (2,), called at {called}"
    ]


def test_without_debug_mode_it_tells_how_to_learn_it():
    y = failing(leaf(1, 2))
    with pytest.raises(ZeroDivisionError) as caught:
        y.sum().backward()
    (note,) = caught.value.__notes__
    assert note.endswith("; tapegrad.debug() would tell the line that called it")


def test_an_exception_in_a_hook_names_the_tensor_that_has_the_hook():
    x = leaf(1, 2)
    y = np.exp(x)
    y.register_hook(broken)
    with pytest.raises(ZeroDivisionError) as caught:
        (np.sin(y) * 2).sum().backward()
    (note,) = caught.value.__notes__
    assert note.startswith("before the rules of exp: arguments (2,), result (2,)")


# Arrays that change between forward and backward


def multiplied(a):
    return leaf(1, 2) * a


share = tg.primitive(lambda x: x[:], lambda g, out: g * out, name="share")  # keeps its result, a view


@pytest.mark.parametrize(
    ("run", "array", "told"),
    [
        (multiplied, np.array([3.0, 4.0]), "multiply, .* keeps argument 1, float64 (2,)"),
        (multiplied, np.arange(4.0)[::2], "multiply, .* keeps argument 1, float64 (2,)"),
        (multiplied, np.arange(2.0).reshape(2, 1), "multiply, .* keeps argument 1, float64 (2, 1)"),
        (multiplied, np.array([True, False]), "multiply, .* keeps argument 1, bool (2,)"),
        (lambda a: leaf(1, 2)[a], np.array([0, 1]), "getitem, .* keeps key, int64 (2,)"),
        (lambda a: leaf(1, 2).reshape(1, 2)[:, a], np.array([0, 1]), "getitem, .* keeps key, int64 (2,)"),
        (
            lambda a: tg.softmax_cross_entropy(leaf(1, 2).reshape(1, 2), a),
            np.array([0]),
            "softmax_cross_entropy, .* keeps labels, int64 (1,)",
        ),
        (lambda a: tg.asarray(a) @ leaf(1, 2), np.ones((2, 2)), "matmul, .* keeps argument 0, float64 (2, 2)"),
        (lambda a: shared_leaf(a), np.ones(2), "share, .* keeps its result, float64 (2,)"),
    ],
)
def test_writing_to_an_array_that_a_rule_needs_is_an_error(run, array, told):
    with tg.debug():
        y = run(array).sum()
        array[0] = 1 - array[0]
        name, _, rest = told.partition(", .* ")
        with pytest.raises(tg.BackwardError, match=re.escape(name)) as caught:
            y.backward()
    assert rest in str(caught.value)
    assert "written to" in str(caught.value)
    assert f"called at {__file__}:" in str(caught.value)


def shared_leaf(a):
    x = tg.asarray(a)
    x.requires_grad = True
    return share(x)


def test_the_error_names_the_line_of_the_op():
    a = np.ones(2)
    with tg.debug():
        y = multiplied(a)
        a[1] = 5
        with pytest.raises(tg.BackwardError, match=rf"called at .*:{multiplied.__code__.co_firstlineno + 1}, keeps"):
            y.sum().backward()


def test_the_backward_pass_may_be_in_a_later_block():
    a = np.ones(2)
    with tg.debug():
        y = multiplied(a).sum()
    a[1] = 5
    with tg.debug(), pytest.raises(tg.BackwardError, match="written to"):
        y.backward()


def test_each_pass_through_a_kept_graph_looks_again():
    a = np.ones(2)
    with tg.debug():
        y = multiplied(a).sum()
        y.backward(retain_graph=True)
        a[1] = 5
        with pytest.raises(tg.BackwardError, match="written to"):
            y.backward()


def test_transforms_look_too():
    a = np.ones(2)
    with tg.debug():
        _, pull = tg.vjp(lambda x: x * a, np.ones(2))
        a[1] = 5
        with pytest.raises(tg.BackwardError, match="written to"):
            pull(np.ones(2))


@pytest.mark.parametrize(
    "array", [np.array([3.0, 4.0]), np.zeros((0, 2)), np.array(2.0), np.ones((3, 2))[::-1], 2.0, True]
)
def test_arrays_that_stay_as_they_are_are_no_error(array):
    x = leaf(1, 2)
    g = np.array([0.3, -0.7])
    with tg.debug():
        y = x * array
        y.backward(np.broadcast_to(g, y.shape), create_graph=True)
    expected = np.zeros(2) + (np.broadcast_to(g, np.shape(y)) * array).reshape(-1, 2).sum(axis=0)
    np.testing.assert_allclose(x.grad.numpy(), expected)


def test_what_no_rule_needs_may_change():
    a = np.ones(2)
    x = leaf(1, 2)
    with tg.debug():
        y = (x + a).sum()
        a[0] = 7
        y.backward()
    np.testing.assert_array_equal(x.grad.numpy(), [1.0, 1.0])


def test_after_the_pass_everything_may_change():
    a = np.ones(2)
    with tg.debug():
        multiplied(a).sum().backward()
        a[0] = 7
        multiplied(a).sum().backward()


def test_a_released_graph_still_says_that_it_was_released():
    with tg.debug():
        y = multiplied(np.ones(2))
        y.backward(np.ones(2))
        with pytest.raises(tg.BackwardError, match="released"):
            y.backward(np.ones(2))


def test_optimizers_and_updates_in_place_do_not_write_to_what_the_tape_keeps():
    w = leaf(1, 2)
    optimizer = tg.optim.SGD([w], lr=0.1)
    with tg.debug():
        y = (w * w).sum()
        y.backward(retain_graph=True)
        optimizer.step()
        h = w * 3
        z = (h * h).sum()
        h += 1
        (y + z).backward()
