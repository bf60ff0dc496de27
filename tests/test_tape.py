"""The heart: what an entry holds, who records, and how the tape is walked back."""

from __future__ import annotations

import numpy as np
import pytest

import tapegrad as tg
from tapegrad._tape import UNWANTED, Entry, collect, mode, recording
from tapegrad.errors import BackwardError, DTypeError, RuleError, ShapeError


def leaf(*values: float) -> tg.Tensor:
    return tg.tensor(np.array(values), requires_grad=True)


@pytest.fixture
def counted():
    """`a * b` that counts how often each of its rules runs."""
    runs = [0, 0]

    def rule(index):
        def of_x(g, y):
            runs[0] += 1
            return g * y

        def of_y(g, x):
            runs[1] += 1
            return g * x

        return (of_x, of_y)[index]

    return tg.primitive(np.multiply, rule(0), rule(1)), runs


# --------------------------------------------------------------------------------------------------
# Entries


def test_an_entry_says_what_ran():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    z = x * y
    entry = z._entry
    assert entry.op is tg.multiply.op
    assert entry.parents == (x._entry, y._entry)
    assert (entry.shape, entry.dtype) == ((2,), np.float64)
    assert entry.serial > y._entry.serial > x._entry.serial
    s = tg.sum(z, axis=0, keepdims=True)
    assert s._entry.params == {"axis": 0, "keepdims": True}


def test_a_leaf_has_no_op_and_no_parents():
    entry = leaf(1.0)._entry
    assert entry.op is None
    assert entry.parents == ()


def test_what_wants_no_gradient_has_no_parent():
    x = leaf(1.0, 2.0)
    for y in (np.ones(2), 2.0, tg.tensor(np.ones(2)), leaf(1.0, 1.0).detach()):
        assert (x * y)._entry.parents == (x._entry, None)
        assert (y * x)._entry.parents == (None, x._entry)
    assert (tg.ones(2) * 2)._entry is None


def test_an_entry_keeps_what_the_wanted_rules_ask_for():
    x, a = leaf(1.0, 2.0), np.array([3.0, 4.0])
    t = tg.tensor(a)
    assert (x + a)._entry.saved == (None, None, None)
    out, first, second = (x * t)._entry.saved
    assert out is None
    assert first is None
    assert second is t._array
    out, first, second = (t * x)._entry.saved
    assert first is t._array
    assert second is None
    y = np.exp(x)
    assert y._entry.saved[0] is y._array
    assert y._entry.saved[1] is None
    y = np.sin(x)
    assert y._entry.saved[0] is None
    assert y._entry.saved[1] is x._array
    assert tg.sum(x)._entry.saved == (None, None)


# --------------------------------------------------------------------------------------------------
# Who records


def test_no_grad_nests_and_ends_with_its_block():
    x = leaf(1.0)
    with tg.no_grad():
        assert not (x * 2).requires_grad
        with tg.no_grad():
            assert not (x * 2).requires_grad
        assert not (x * 2).requires_grad
        with recording(True):
            assert (x * 2).requires_grad
    assert (x * 2).requires_grad
    with pytest.raises(ZeroDivisionError), tg.no_grad():
        raise ZeroDivisionError
    assert (x * 2).requires_grad


def test_no_grad_decorates_functions():
    @tg.no_grad()
    def double(x):
        """Twice x."""
        return x * 2

    x = leaf(1.0)
    assert not double(x).requires_grad
    assert not double(x).requires_grad  # a second call, too
    assert (x * 2).requires_grad
    assert double.__doc__ == "Twice x."


def test_a_backward_pass_is_not_recorded_unless_asked():
    x = leaf(2.0)
    (x**3).sum().backward()
    assert not x.grad.requires_grad
    x.grad = None
    (x**3).sum().backward(create_graph=True)
    assert x.grad.requires_grad


def test_a_backward_pass_restores_the_mode_whatever_happens():
    def fail(g):
        raise ZeroDivisionError

    broken = tg.primitive(np.negative, fail)
    x = leaf(1.0)
    for create in (False, True):
        for record in (False, True):
            y = broken(x).sum()
            with recording(record):
                with pytest.raises(ZeroDivisionError):
                    y.backward(create_graph=create)
                assert mode.recording is record
    assert (x * 2).requires_grad


def test_backward_works_under_no_grad():
    x = leaf(2.0)
    y = (x**3).sum()
    with tg.no_grad():
        y.backward(create_graph=True)
        assert not (x * 2).requires_grad
    np.testing.assert_array_equal(x.grad.numpy(), [12.0])
    assert x.grad.requires_grad


# --------------------------------------------------------------------------------------------------
# The walk


def test_collect_orders_newest_first():
    x = leaf(1.0)
    a = x * 2
    b = x + 1
    c = a * b
    order, gradients = collect([c._entry])
    assert order == [c._entry, b._entry, a._entry, x._entry]
    assert set(gradients) == set(order)


def test_collect_leaves_out_what_leads_to_no_target():
    x, w = leaf(1.0), leaf(2.0)
    aside = w * 2
    middle = x * 3
    out = middle * aside
    order, gradients = collect([out._entry], [middle._entry])
    assert order == [out._entry]
    assert gradients[aside._entry] is UNWANTED
    assert gradients[middle._entry] is None
    assert x._entry not in gradients


def test_gradients_add_up_where_paths_meet():
    x = leaf(1.5, -0.5)
    y = x * x
    z = y + y * x + x
    g = np.array([2.0, -3.0])
    z.backward(g)
    np.testing.assert_allclose(x.grad.numpy(), g * (2 * x.numpy() + 3 * x.numpy() ** 2 + 1))


def test_one_argument_twice():
    x = leaf(3.0)
    np.multiply(x, x).backward(np.array([2.0]))
    np.testing.assert_array_equal(x.grad.numpy(), [12.0])


def test_a_leaf_differentiates_to_itself():
    x = leaf(3.0, 4.0)
    x.backward(np.array([1.0, 2.0]))
    np.testing.assert_array_equal(x.grad.numpy(), [1.0, 2.0])


@pytest.mark.parametrize("depth", [1, 60])
def test_shared_results_are_walked_once(depth, counted):
    """A recursion without memory would walk 2 ** 60 paths."""
    multiply, runs = counted
    x = leaf(1.0)
    y = x
    for _ in range(depth):
        y = multiply(y, y)
    y.backward(np.ones(1))
    assert runs == [depth, depth]
    assert x.grad.item() == 2.0**depth


def test_rules_run_only_for_what_wants_a_gradient(counted):
    multiply, runs = counted
    x, data = leaf(1.0, 2.0), np.array([3.0, 4.0])
    multiply(data, multiply(x, data)).sum().backward()
    assert runs == [1, 1]
    other = leaf(1.0, 1.0)
    runs[:] = [0, 0]
    tg.grad(lambda y: multiply(y, other).sum())(np.ones(2))
    assert runs == [1, 0]


def test_gradients_that_are_handed_on_are_not_written_to():
    """`+` hands one array to both its arguments; where one of them gets more, the other must not see it."""
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    for _ in range(2):
        x.grad = y.grad = None
        u = y * 1
        total = (x + u) + (u * 3 + x * 5)
        g = np.array([1.0, -1.0])
        total.backward(g)
        np.testing.assert_array_equal(g, [1.0, -1.0])
        np.testing.assert_array_equal(x.grad.numpy(), 6 * g)
        np.testing.assert_array_equal(y.grad.numpy(), 4 * g)


def test_results_do_not_depend_on_what_else_was_recorded_between():
    def run(noise: int) -> np.ndarray:
        rng = np.random.default_rng(0)
        x = tg.tensor(rng.standard_normal((4, 4)), requires_grad=True)
        y = x
        for _ in range(5):
            y = np.tanh(y @ x) + x
            for _ in range(noise):
                _ = leaf(1.0) * 2
        y.sum().backward()
        return x.grad.numpy()

    np.testing.assert_array_equal(run(0), run(7))


def test_a_hook_may_run_a_backward_pass_of_its_own():
    x, w = leaf(2.0), leaf(5.0)

    def hook(g):
        inner = (w * g).sum()
        inner.backward()
        return g * w.grad.numpy()

    y = x * 3
    y.register_hook(hook)
    y.sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), [1.0])
    np.testing.assert_array_equal(x.grad.numpy(), [3.0])


def test_a_rule_may_run_a_backward_pass_of_its_own():
    """An op whose rule is the gradient of another function: the walks do not see each other."""

    def rule(g, x):
        t = tg.tensor(np.asarray(x), requires_grad=True)
        np.sin(t).backward(np.asarray(g))
        return t.grad.numpy()

    sin = tg.primitive(np.sin, rule)
    x = leaf(0.3, 0.7)
    sin(x * 2).backward(np.array([1.0, 2.0]))
    np.testing.assert_allclose(x.grad.numpy(), 2 * np.cos(2 * x.numpy()) * [1, 2])


# --------------------------------------------------------------------------------------------------
# A released graph


def test_a_second_pass_needs_the_first_to_retain():
    x = leaf(2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 12.0
    with pytest.raises(BackwardError, match="the graph behind this sum was released by an earlier backward"):
        y.backward()


def test_a_graph_that_was_differentiated_twice_stays():
    x = leaf(2.0)
    y = (x**3).sum()
    y.backward(create_graph=True)
    first = x.grad
    x.grad = None
    first.sum().backward()
    assert x.grad.item() == 12.0


def test_a_refused_pass_changes_nothing():
    x, w = leaf(2.0), leaf(3.0)
    part = x * x
    part.sum().backward()
    before = x.grad
    fresh = w * 2
    seen = []
    fresh.register_hook(seen.append)
    total = (part + fresh).sum()
    for _ in range(2):
        with pytest.raises(BackwardError, match="behind this multiply was released"):
            total.backward()
    assert x.grad is before
    assert w.grad is None
    assert seen == []
    fresh.sum().backward()  # it was not released by the pass that was refused
    assert w.grad.item() == 2.0


def test_only_what_was_walked_is_released():
    x = leaf(2.0)
    shared = x * x
    a, b = shared * 2, np.sin(x)
    a.sum().backward()
    b.sum().backward()
    with pytest.raises(BackwardError):
        shared.sum().backward()


# --------------------------------------------------------------------------------------------------
# Settling shape and dtype


def test_a_gradient_has_the_dtype_of_its_input():
    x = tg.tensor(np.ones(3, np.float32), requires_grad=True)
    y = tg.tensor(np.ones(3), requires_grad=True)
    z = x * y
    assert z.dtype == np.float64
    z.backward(np.full(3, 1 / 3))
    assert x.grad.dtype == np.float32
    assert y.grad.dtype == np.float64
    half = tg.tensor(np.ones(2, np.float16), requires_grad=True)
    (half * np.float32(2)).sum().backward()
    assert half.grad.dtype == np.float16


def test_a_gradient_has_the_shape_of_its_input():
    shapes = [(), (1,), (3,), (2, 1), (1, 3), (2, 3), (1, 1, 1), (4, 1, 3)]
    for one in shapes:
        for other in shapes:
            x, y = (tg.tensor(np.ones(shape), requires_grad=True) for shape in (one, other))
            z = x + y
            z.backward(np.ones(z.shape))
            assert x.grad.shape == one
            assert y.grad.shape == other
            assert x.grad.numpy().sum() == y.grad.numpy().sum() == z.size


@pytest.mark.parametrize(
    ("rule", "error", "message"),
    [
        (lambda g: g[:1], RuleError, r"its rule gave a gradient of shape \(1,\) for an argument of shape \(3,\)"),
        (lambda g: g[None], RuleError, r"gave a gradient of shape \(1, 3\) for an argument of shape \(3,\)"),
        (lambda g: 2.0, RuleError, r"its rule gave float, not an array of shape \(3,\)"),
        (lambda g: None, RuleError, "its rule gave NoneType, not an array"),
        (lambda g: (g,), RuleError, "its rule gave tuple, not an array"),
        (lambda g: g.tolist(), RuleError, "its rule gave list, not an array"),
        (lambda g: g * 1j, DTypeError, "complex128"),
    ],
)
def test_a_rule_that_breaks_its_contract_is_named(rule, error, message):
    op = tg.primitive(lambda x: x * 1, rule, name="broken")
    with pytest.raises(error, match=message) as caught:
        op(leaf(1.0, 2.0, 3.0)).sum().backward()
    assert "broken" in str(caught.value)
    (note,) = caught.value.__notes__
    assert note.startswith("in the gradient of broken for argument 0: arguments (3,), result (3,); tapegrad.debug()")


def test_only_ops_that_broadcast_have_their_gradients_summed():
    rule = lambda g: g  # noqa: E731
    wide = tg.primitive(lambda x: x * np.ones((2, 3)), rule, name="wide", broadcasts=True)
    x = leaf(1.0, 2.0, 3.0)
    wide(x).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [2.0, 2.0, 2.0])
    narrow = tg.primitive(lambda x: x * np.ones((2, 3)), rule, name="narrow")
    with pytest.raises(RuleError, match=r"narrow: its rule gave a gradient of shape \(2, 3\)"):
        narrow(x).sum().backward()


def test_an_exception_in_a_rule_says_where_it_came_from():
    def rule(g, x, y):
        return g * (x @ y)

    op = tg.primitive(lambda x, y: x * y, rule, None, name="careless")
    x = leaf(1.0, 2.0)
    with pytest.raises(ValueError, match="matmul") as caught:
        op(x, np.ones((3, 1))).sum().backward()
    assert any(
        "in the gradient of careless for argument 0: arguments (2,), constant, result (3, 2)" in note
        for note in caught.value.__notes__
    )


def test_an_exception_in_a_hook_is_not_blamed_on_a_rule():
    x = leaf(1.0)
    y = x * 2
    y.register_hook(lambda g: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        y.sum().backward()


# --------------------------------------------------------------------------------------------------
# Cotangents


def test_a_cotangent_is_checked():
    y = leaf(1.0, 2.0) * 2
    with pytest.raises(BackwardError, match=r"a result of shape \(2,\) needs a cotangent of that shape"):
        y.backward()
    with pytest.raises(ShapeError, match=r"the cotangent has shape \(3,\), but the result has shape \(2,\)"):
        y.backward(np.ones(3))
    y.backward([1, 2])  # anything that is an array of that shape


def test_a_cotangent_takes_the_dtype_of_the_result():
    x = tg.tensor(np.ones(2, np.float32), requires_grad=True)
    seen = []
    y = x * 2
    y.register_hook(lambda g: seen.append(g.dtype))
    for g in (np.ones(2), [1, 1], tg.tensor(np.ones(2)), np.ones(2, np.int8)):
        y.backward(g, retain_graph=True)
    assert seen == [np.float32] * 4


def test_entries_are_found_by_identity_only():
    """Entries are keys of dictionaries; two that look alike are two."""
    x = leaf(1.0)
    a, b = x * 2, x * 2
    assert a._entry != b._entry
    assert len({a._entry, b._entry}) == 2
    assert isinstance(a._entry, Entry)
