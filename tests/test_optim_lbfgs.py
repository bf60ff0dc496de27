"""L-BFGS: minima of known functions, the conditions of its line search, and going on from a saved state."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tapegrad as tg
from tapegrad import optim
from tapegrad.optim import lbfgs
from tapegrad.optim.line_search import ENOUGH, EVALUATIONS, FLAT, Point, _between, strong_wolfe


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def closure_of(optimizer, loss, calls=None):
    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        if calls is not None:
            calls.append(value.item())
        return value

    return closure


@pytest.mark.parametrize("size", [2, 10])
def test_the_minimum_of_rosenbrocks_valley(size):
    x = tg.tensor(np.tile([-1.2, 1.0], size // 2), dtype=np.float64, requires_grad=True)
    optimizer = optim.LBFGS([x], max_iter=200, tolerance_grad=1e-9, tolerance_change=0)
    calls = []
    before = optimizer.step(closure_of(optimizer, lambda: rosenbrock(x), calls))
    assert before == calls[0] == rosenbrock(np.tile([-1.2, 1.0], size // 2))
    np.testing.assert_allclose(x.numpy(), 1.0, atol=1e-7)
    assert len(calls) < 120


def test_a_quadratic_of_n_numbers_takes_about_n_steps():
    draw = np.random.default_rng(0)
    a = draw.normal(size=(6, 6))
    a = a @ a.T + np.eye(6)
    b = draw.normal(size=6)
    w, v = tg.zeros((2, 2), np.float64, requires_grad=True), tg.zeros(2, np.float64, requires_grad=True)
    optimizer = optim.LBFGS([w, v], max_iter=30)

    def loss():
        x = tg.concat([w.reshape(4), v])
        return x @ (a @ x) / 2 - b @ x

    calls = []
    optimizer.step(closure_of(optimizer, loss, calls))
    np.testing.assert_allclose(np.append(w.numpy(), v.numpy()), np.linalg.solve(a, b), atol=1e-6)
    assert len(calls) < 40
    assert min(calls) == pytest.approx(-b @ np.linalg.solve(a, b) / 2)


def test_float32_stays_float32_and_arrays_are_values():
    x = tg.tensor([-1.2, 1.0], dtype=np.float32, requires_grad=True)
    start = x.numpy()
    optimizer = optim.LBFGS([x], max_iter=50)
    optimizer.step(closure_of(optimizer, lambda: rosenbrock(x)))
    assert x.dtype == np.float32
    assert start.tolist() == np.array([-1.2, 1.0], np.float32).tolist()
    np.testing.assert_allclose(x.numpy(), 1.0, atol=1e-2)
    assert all(a.dtype == np.float32 for a in optimizer.state_dict()["state"][0].values())


def test_a_minimum_and_a_parameter_without_a_gradient_stay():
    x, unused = tg.tensor([0.0, 0.0], requires_grad=True), tg.tensor([5.0], requires_grad=True)
    optimizer = optim.LBFGS([x, unused])
    calls = []
    optimizer.step(closure_of(optimizer, lambda: (x * x).sum(), calls))
    assert len(calls) == 1
    x.assign_([1.0, 2.0])
    optimizer.step(closure_of(optimizer, lambda: (x * x).sum(), calls))
    np.testing.assert_allclose(x.numpy(), 0, atol=1e-6)
    assert unused.item() == 5.0


def test_a_function_that_is_not_finite_everywhere_is_searched_where_it_is():
    x = tg.tensor([1.0], dtype=np.float64, requires_grad=True)
    optimizer = optim.LBFGS([x], lr=10.0)
    with np.errstate(all="ignore"):
        optimizer.step(closure_of(optimizer, lambda: (x - 3 * np.log(x)).sum()))
    np.testing.assert_allclose(x.numpy(), 3.0, atol=1e-5)


def test_it_ends_where_the_line_search_says(monkeypatch):
    """And not where that looked last."""
    x = tg.tensor([1.0], dtype=np.float64, requires_grad=True)
    optimizer = optim.LBFGS([x], max_iter=1)

    def search(evaluate, start, first):
        found = evaluate(0.25)
        evaluate(0.5)
        return found

    monkeypatch.setattr(lbfgs, "strong_wolfe", search)
    optimizer.step(closure_of(optimizer, lambda: (x * x).sum()))
    assert x.item() == 0.5


def test_what_is_remembered_is_forgotten_where_it_leads_up():
    x = tg.tensor([1.0, 2.0], dtype=np.float64, requires_grad=True)
    optimizer = optim.LBFGS([x], max_iter=1)
    closure = closure_of(optimizer, lambda: (x * x).sum())
    saved = optimizer.state_dict()
    saved["state"] = [{"steps": np.eye(2), "changes": -np.eye(2)}]
    optimizer.load_state_dict(saved)
    assert optimizer.step(closure) == 5.0
    assert (x.numpy() ** 2).sum() < 5.0
    assert len(optimizer.state_dict()["state"][0]["steps"]) == 1


def test_nothing_moves_where_the_loss_is_nan():
    x = tg.tensor([1.0], requires_grad=True)
    optimizer = optim.LBFGS([x])
    assert np.isnan(optimizer.step(closure_of(optimizer, lambda: (x * np.nan).sum())))
    assert x.item() == 1.0


@pytest.mark.parametrize("ends", [(0.0, 2.0), (0.2, 2.5), (2.5, 0.2)])
def test_a_cubic_tells_its_minimum(ends):
    low, high = (Point(t, t**3 - 3 * t, 3 * t**2 - 3) for t in ends)
    assert _between(low, high) == pytest.approx(1.0)
    assert _between(low, high._replace(value=np.inf)) == sum(ends) / 2


def test_a_point_above_the_lowest_ends_the_way_down():
    """Although it is low enough, and it goes on down from there: the valley between is the lower one."""

    def at(t):
        if 1.1 < t < 1.9:
            return Point(t, -6.0, 0.0)
        return Point(t, -1.0, -10.0) if t <= 1 else Point(t, -0.5, -10.0) if t < 4 else Point(t, -0.6, 0.0)

    assert strong_wolfe(at, Point(0.0, 0.0, -1.0), 1.0).value == -6.0


def test_a_value_that_is_nan_is_too_high():
    def at(t):
        return Point(t, (t - 0.1) ** 2, 2 * (t - 0.1)) if t < 1 else Point(t, np.nan, -1.0)

    assert strong_wolfe(at, at(0.0), 16.0).at < 1


@given(
    st.floats(-5, -0.1),
    st.floats(-3, 3),
    st.floats(-3, 3),
    st.floats(0.01, 2),
    st.floats(0, 2),
    st.floats(-4, 3).map(lambda e: 10.0**e),
)
def test_the_line_search_ends_where_the_conditions_hold(slope, square, cube, fourth, waves, first):
    def f(t):
        return slope * t + square * t**2 + cube * t**3 + fourth * t**4 + waves * (1 - np.cos(5 * t))

    def at(t):
        tilt = slope + 2 * square * t + 3 * cube * t**2 + 4 * fourth * t**3 + 5 * waves * np.sin(5 * t)
        return Point(t, f(t), tilt)

    tried = []
    found = strong_wolfe(lambda t: tried.append(at(t)) or tried[-1], at(0.0), first)
    if len(tried) < EVALUATIONS:
        assert found.value <= ENOUGH * found.at * slope
        assert abs(found.slope) <= FLAT * -slope
    else:  # from a first place far too small, doubling it may take most of them
        assert found.value == min(point.value for point in tried)


def test_going_on_from_a_saved_state_is_never_having_stopped():
    def made(values):
        x, y = (tg.tensor(v, dtype=np.float64, requires_grad=True) for v in values)
        optimizer = optim.LBFGS([x, y], max_iter=4, history_size=3)
        return x, y, optimizer, closure_of(optimizer, lambda: rosenbrock(tg.concat([x.reshape(4), y])))

    start = [[[-1.2, 1.0], [0.5, 2.0]], [0.3, -0.4]]
    x, y, optimizer, closure = made(start)
    for _ in range(2):
        optimizer.step(closure)
    saved = optimizer.state_dict()
    assert [state["steps"].shape for state in saved["state"]] == [(3, 2, 2), (3, 2)]
    u, v, other, again = made([x.numpy(), y.numpy()])
    other.load_state_dict(saved)
    for _ in range(2):
        optimizer.step(closure)
        other.step(again)
    np.testing.assert_array_equal(u.numpy(), x.numpy())
    np.testing.assert_array_equal(v.numpy(), y.numpy())
    fresh = made(start)[2]
    fresh.load_state_dict(made(start)[2].state_dict())  # which has none
    saved["param_groups"][0]["history_size"] = 2
    with pytest.raises(tg.ShapeError, match=r"steps of parameter 0: expected at most 2 of shape \(2, 2\), got \(3, 2"):
        fresh.load_state_dict(saved)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: optim.LBFGS([{"params": [p]}, {"params": [tg.zeros(1, requires_grad=True)]}]), "expected one group"),
        (lambda p: optim.LBFGS([p], lr=0), "LBFGS: expected a positive lr, got 0"),
        (lambda p: optim.LBFGS([p], max_iter=-1), "expected no negative number"),
    ],
)
def test_what_cannot_be_optimized_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make(tg.zeros(1, requires_grad=True))
