"""The optimizers: PyTorch's trajectories, arrays that are never written to, and going on from a saved state."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import optim
from tapegrad.optim import rules

GOLDEN = json.loads((Path(__file__).parent / "golden" / "optim.json").read_text("utf-8"))
CASES = {case["name"]: case for case in GOLDEN["cases"]}
MAKERS = {
    "SGD": lambda p: optim.SGD(p, 0.1),
    "momentum": lambda p: optim.SGD(p, 0.1, momentum=0.9),
    "nesterov": lambda p: optim.SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "Adam": lambda p: optim.Adam(p, 0.1, weight_decay=0.1),
}
each_optimizer = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def parameter(values, dtype=np.float64):
    return tg.tensor(np.array(values, dtype), requires_grad=True)


def moved(make, gradients, start=(1.0, -2.0, 3.0), dtype=np.float64):
    """The optimizer and its parameter after a step along each of `gradients`."""
    p = parameter(start, dtype)
    optimizer = make([p])
    for g in gradients:
        p.grad = g
        optimizer.step()
    return optimizer, p


GRADIENTS = np.random.default_rng(0).normal(size=(6, 3))


# PyTorch's trajectories ---------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_100_steps_end_where_pytorch_ends(case):
    problem = GOLDEN["problem"]
    x, y = np.array(problem["x"]), np.array(problem["y"])
    w, b = parameter(problem["w"]), parameter(problem["b"])
    optimizer = getattr(optim, case["optimizer"])([w, b], **case["options"])
    kept = {point["step"]: point for point in case["trajectory"]}
    for step in range(1, problem["steps"] + 1):
        optimizer.zero_grad()
        (((np.tanh(x @ w + b) - y) ** 2).sum() / 2).backward()
        optimizer.step()
        if step == problem["steps"] // 2:
            optimizer.lr /= 2
        if step in kept:
            assert np.abs(w.numpy() - kept[step]["w"]).max() < 1e-10
            assert np.abs(b.numpy() - kept[step]["b"]).max() < 1e-10
    assert len(kept) == 10


def test_the_golden_trajectories_differ_from_one_another():
    """A case whose options changed nothing would prove nothing."""
    ends = [np.ravel(case["trajectory"][-1]["w"]) for case in CASES.values()]
    for i, one in enumerate(ends):
        assert np.abs(one - np.ravel(GOLDEN["problem"]["w"])).max() > 1e-2
        assert all(np.abs(one - other).max() > 1e-6 for other in ends[:i])


# The rules, in numbers that can be checked by hand ------------------------------------------------


def test_the_rules_by_hand():
    w, g = np.array([1.0, 2.0]), np.array([0.5, -1.0])
    assert rules.descend(w, g, 0.1).tolist() == [0.95, 2.1]
    assert rules.decayed(w, g, 0.25).tolist() == [0.75, -0.5]
    assert rules.decayed(w, g, 0) is g
    new, velocity = rules.momentum(w, g, np.array([2.0, 4.0]), 0.1, 0.5, nesterov=False)
    assert velocity.tolist() == [1.5, 1.0]
    assert np.allclose(new, [0.85, 1.9], rtol=1e-15)
    new, velocity = rules.momentum(w, g, np.array([2.0, 4.0]), 0.1, 0.5, nesterov=True)
    assert velocity.tolist() == [1.5, 1.0]
    assert np.allclose(new, [1 - 0.1 * (0.5 + 0.75), 2 - 0.1 * (-1.0 + 0.5)], rtol=1e-15)


def test_the_first_step_of_adam_is_the_rate_whatever_the_gradient():
    _, p = moved(lambda p: optim.Adam(p, 0.1), [[1e-3, -5.0, 1e4]])
    assert np.allclose(p.numpy(), [0.9, -1.9, 2.9], rtol=1e-5)


# Arrays are values --------------------------------------------------------------------------------


@each_optimizer
def test_a_step_writes_into_no_array(make):
    p = parameter([1.0, -2.0, 3.0])
    optimizer = make([p])
    held = []
    for g in GRADIENTS:
        p.grad = g
        held += [(a, a.copy()) for a in (p.numpy(), p.grad.numpy(), *optimizer.state[0].values()) if np.ndim(a)]
        optimizer.step()
    assert len(held) >= 12
    assert all(np.array_equal(array, before) for array, before in held)


@each_optimizer
def test_a_graph_in_waiting_still_sees_the_old_weights(make):
    p = parameter([1.0, -2.0, 3.0])
    optimizer = make([p])
    waiting = (p * p).sum()
    p.grad = np.ones(3)
    optimizer.step()
    optimizer.zero_grad()
    waiting.backward()
    assert p.grad.numpy().tolist() == [2.0, -4.0, 6.0]


@each_optimizer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_stays(make, dtype):
    optimizer, p = moved(make, GRADIENTS.astype(dtype), dtype=dtype)
    assert p.dtype == dtype
    assert all(array.dtype == dtype for array in optimizer.state[0].values() if np.ndim(array))


def test_numbers_of_numpy_do_not_widen_a_parameter():
    """A schedule made with NumPy hands over float64 scalars, which would turn float32 arrays into float64."""
    p = parameter([1.0, 2.0], np.float32)
    for optimizer in (
        optim.SGD([p], np.float64(0.1), np.float64(0.9), weight_decay=np.float64(0.1)),
        optim.Adam([p], np.float64(0.1), (np.float64(0.9), np.float64(0.99)), np.float64(1e-8), np.float64(0.1)),
    ):
        optimizer.lr = np.float64(0.05)
        new, state = optimizer.update(p.numpy(), p.numpy(), {})
        assert new.dtype == np.float32
        assert all(array.dtype == np.float32 for array in state.values() if np.ndim(array))


@each_optimizer
def test_0_d_and_empty_parameters_move(make):
    scalar, empty = parameter(2.0), parameter(np.zeros((0, 3)))
    optimizer = make([scalar, empty])
    for _ in range(3):
        optimizer.zero_grad()
        (scalar * scalar + empty.sum()).backward()
        optimizer.step()
    assert scalar.shape == ()
    assert abs(scalar.item()) < 2
    assert empty.shape == (0, 3)
    other = make([parameter(2.0), parameter(np.zeros((0, 3)))])
    other.load_state_dict(optimizer.state_dict())


# Which parameters move ----------------------------------------------------------------------------


@each_optimizer
def test_a_parameter_without_a_gradient_stays_and_so_does_its_state(make):
    still, moving = parameter([1.0]), parameter([1.0])
    optimizer = make([still, moving])
    moving.grad = [1.0]
    optimizer.step()
    assert still.item() == 1.0
    assert moving.item() < 1.0
    assert optimizer.state[0] == {}
    # Its first step is a first step, though others have gone ahead.
    still.grad = [1.0]
    optimizer.step()
    expected = parameter([1.0])
    expected.grad = [1.0]
    make([expected]).step()
    assert still.item() == expected.item()


@each_optimizer
def test_a_parameter_given_twice_moves_once(make):
    once, twice = parameter([1.0, 2.0]), parameter([1.0, 2.0])
    for p, optimizer in ((once, make([once])), (twice, make([twice, twice]))):
        (p * p).sum().backward()
        optimizer.step()
    assert once.numpy().tolist() == twice.numpy().tolist()


def test_zero_grad_forgets():
    p = parameter([1.0])
    optimizer = optim.SGD([p], 0.1)
    for _ in range(2):
        optimizer.zero_grad()
        assert p.grad is None
        (p * 3).sum().backward()
    assert p.grad.item() == 3.0


def test_gradients_with_a_graph_of_their_own_move_a_parameter_unrecorded():
    p = parameter([2.0])
    optimizer = optim.SGD([p], 0.1)
    (p * p).sum().backward(create_graph=True)
    optimizer.step()
    assert p.is_leaf
    assert p.requires_grad
    assert p.item() == pytest.approx(1.6)


def test_a_rate_changed_between_steps_counts():
    p = parameter([1.0])
    optimizer = optim.SGD([p], 1.0)
    p.grad = [0.5]
    optimizer.lr = 0.1
    optimizer.step()
    assert p.item() == pytest.approx(0.95)


# Saving and going on ------------------------------------------------------------------------------


@each_optimizer
def test_going_on_from_a_saved_state_is_never_having_stopped(make):
    _, whole = moved(make, GRADIENTS)
    first, half = moved(make, GRADIENTS[:3])
    saved = first.state_dict()
    resumed = parameter(half.numpy())
    second = make([resumed])
    second.lr = 77
    second.load_state_dict(saved)
    for g in GRADIENTS[3:]:
        resumed.grad = g
        second.step()
    assert np.array_equal(resumed.numpy(), whole.numpy())


@each_optimizer
def test_a_saved_state_is_a_copy_both_ways(make):
    optimizer, p = moved(make, GRADIENTS[:2])
    saved = optimizer.state_dict()
    untouched = copy.deepcopy(saved)
    p.grad = GRADIENTS[2]
    optimizer.step()
    for key, value in saved["state"][0].items():
        assert np.array_equal(value, untouched["state"][0][key])
    optimizer.load_state_dict(saved)
    for given in (saved, optimizer.state_dict()):
        for value in given["state"][0].values():
            if np.ndim(value):
                value.fill(99)
        for key, value in optimizer.state[0].items():
            assert np.array_equal(value, untouched["state"][0][key])


def test_a_state_that_does_not_fit_is_refused_and_changes_nothing():
    optimizer, _ = moved(MAKERS["Adam"], GRADIENTS[:2])
    before = optimizer.state_dict()

    def refused(error, message, make=MAKERS["Adam"], start=((1.0, 2.0, 3.0),), dtype=np.float64):
        saved = make([parameter(values, dtype) for values in start])
        for p in saved.parameters:
            p.grad = np.ones(p.shape)
        saved.step()
        with pytest.raises(error, match=message):
            optimizer.load_state_dict(saved.state_dict())
        after = optimizer.state_dict()
        assert after["settings"] == before["settings"]
        assert all(np.array_equal(after["state"][0][key], value) for key, value in before["state"][0].items())

    refused(
        ValueError, "Adam.load_state_dict: expected the settings lr, betas, eps, weight_decay, got lr", MAKERS["SGD"]
    )
    refused(ValueError, "expected states of 1 parameters, got 2", start=((1.0, 2.0, 3.0), (1.0,)))
    refused(tg.ShapeError, r"mean of parameter 0: expected shape \(3,\), got \(2,\)", start=((1.0, 2.0),))
    refused(tg.DTypeError, "mean of parameter 0: expected float64, got float32", dtype=np.float32)


# Honest errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: optim.SGD([], 0.1), ValueError, "SGD: expected at least one parameter, got none"),
        (
            lambda: optim.SGD([np.ones(3)], 0.1),
            TypeError,
            "SGD: expected Tensors, got ndarray at place 0; pass model.par",
        ),
        (lambda: optim.Adam([tg.ones(3)]), TypeError, "Adam: the Tensor at place 0 is not a parameter"),
        (lambda: optim.Adam([parameter([1.0]) * 2]), TypeError, "Adam: the Tensor at place 0 is not a parameter"),
        (lambda: optim.SGD([parameter([1.0])], -0.1), ValueError, "expected no negative number, got lr=-0.1"),
        (lambda: optim.SGD([parameter([1.0])], 0.1, nesterov=True), ValueError, "there is none; pass momentum=0.9"),
        (
            lambda: optim.Adam([parameter([1.0])], eps=-1),
            ValueError,
            "expected no negative number, got lr=0.001, eps=-1",
        ),
        (lambda: optim.Adam([parameter([1.0])], betas=(0.9, 1)), ValueError, r"below 1, got \(0.9, 1\)"),
    ],
)
def test_what_cannot_be_optimized_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_an_optimizer_shows_what_it_moves():
    text = repr(optim.SGD([parameter(np.zeros((30, 40))), parameter(np.zeros(40))], 0.1, momentum=0.9))
    assert text == "SGD(2 parameters of 1,240 numbers, lr=0.1, momentum=0.9, nesterov=False, weight_decay=0.0)"
