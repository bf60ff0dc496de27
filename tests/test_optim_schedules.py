"""Schedules and clipping: PyTorch's learning rates and gradients, and going on from a saved state."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import optim

GOLDEN = json.loads((Path(__file__).parent / "golden" / "optim.json").read_text("utf-8"))
SCHEDULES = {
    "step": lambda o: optim.StepLR(o, 7, 0.5),
    "exponential": lambda o: optim.ExponentialLR(o, 0.9),
    "cosine": lambda o: optim.CosineAnnealingLR(o, 40, 0.01),
    "warm-up": lambda o: optim.ConstantLR(o, warmup=9),
    "warm-up, then exponential": lambda o: optim.ExponentialLR(o, 0.9, warmup=9),
}
each_schedule = pytest.mark.parametrize("make", SCHEDULES.values(), ids=SCHEDULES)


def descent(*rates):
    return optim.SGD([{"params": [tg.zeros(1, requires_grad=True)], "lr": rate} for rate in rates], lr=1.0)


def rates(optimizer, schedule, steps):
    found = []
    for _ in range(steps):
        found.append([group["lr"] for group in optimizer.param_groups])
        schedule.step()
    return found


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_rates_are_pytorchs(name):
    optimizer = descent(0.4, 0.8)
    found = np.array(rates(optimizer, SCHEDULES[name](optimizer), 40))
    expected = np.array(GOLDEN["schedules"][name])
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-12)
    floor = 0.01 if name == "cosine" else 0.0
    np.testing.assert_allclose((found[:, 1] - floor) * (0.4 - floor), (expected - floor) * (0.8 - floor), atol=1e-12)


def test_a_cosine_stays_at_its_end():
    optimizer = descent(0.4)
    found = np.ravel(rates(optimizer, optim.CosineAnnealingLR(optimizer, 10, 0.1), 14))
    np.testing.assert_allclose(found[10:], 0.1, rtol=1e-12)
    assert found[9] > 0.1


def test_a_plateau_lowers_the_rates_when_pytorch_does():
    case = GOLDEN["plateau"]
    for mode in ("min", "max"):
        optimizer = descent(0.4, 0.004)
        schedule = optim.ReduceLROnPlateau(optimizer, mode, **case["options"])
        found = []
        for loss in case["losses"]:
            found.append([group["lr"] for group in optimizer.param_groups])
            schedule.step(loss if mode == "min" else tg.asarray(-loss))
            schedule.load_state_dict(json.loads(json.dumps(schedule.state_dict())))
        np.testing.assert_allclose(np.array(found)[:, 0], case["rates"], rtol=1e-12)
        assert set(np.array(found)[:, 1]) == {0.004}  # below the floor, it is not lifted to it
    assert len(set(case["rates"])) > 2


def test_nan_is_no_improvement():
    optimizer = descent(0.4)
    schedule = optim.ReduceLROnPlateau(optimizer, patience=2)
    for value in (math.nan, 1.0, math.nan, math.nan, math.nan):
        assert optimizer.lr == 0.4
        schedule.step(value)
    assert optimizer.lr == pytest.approx(0.04)


@each_schedule
def test_going_on_from_a_saved_state_is_never_having_stopped(make):
    first = descent(0.4)
    schedule = make(first)
    rates(first, schedule, 5)
    saved, settings = json.loads(json.dumps(schedule.state_dict())), first.state_dict()
    rest = rates(first, schedule, 9)
    second = descent(0.7)
    resumed = make(second)
    for load in (lambda: second.load_state_dict(settings), lambda: resumed.load_state_dict(saved)):
        load()  # in either order
    assert rates(second, resumed, 9) == rest
    with pytest.raises(ValueError, match="expected learning rates of 2 groups, got 1"):
        make(descent(0.1, 0.2)).load_state_dict(saved)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o: optim.StepLR(o, 0), "StepLR: expected a step_size of at least 1, got 0"),
        (lambda o: optim.CosineAnnealingLR(o, 0), "CosineAnnealingLR: expected at least 1 step, got 0"),
        (lambda o: optim.ConstantLR(o, -1), "ConstantLR: expected a warmup of 0 or more steps, got -1"),
        (lambda o: optim.ReduceLROnPlateau(o, "low"), "expected mode 'min' or 'max', got 'low'"),
        (lambda o: optim.ReduceLROnPlateau(o, factor=2), "expected a factor between 0 and 1, got 2"),
        (lambda o: optim.clip_grad_norm(o.parameters, 0), "clip_grad_norm: expected a positive max_norm, got 0"),
        (lambda o: optim.clip_grad_value(o.parameters, math.nan), "expected a positive clip_value, got nan"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make(descent(0.1))


# Clipping -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["norm", "value"])
def test_clipped_gradients_are_pytorchs(how):
    for case in GOLDEN["clipping"][how]:
        parameters = [tg.zeros(np.shape(g), np.float64, requires_grad=True) for g in GOLDEN["clipping"]["before"]]
        for p, g in zip(parameters, GOLDEN["clipping"]["before"], strict=True):
            p.grad = g
        held = [p.grad.numpy() for p in parameters]
        clip = getattr(optim, f"clip_grad_{how}")
        norm = clip(iter([*parameters, tg.zeros(3, requires_grad=True), parameters[0]]), case["limit"])
        assert norm == (None if case["norm"] is None else pytest.approx(case["norm"], rel=1e-12))
        for p, g in zip(parameters, case["gradients"], strict=True):
            np.testing.assert_allclose(p.grad.numpy(), g, rtol=1e-6)
        assert [g.tolist() for g in held] == GOLDEN["clipping"]["before"]


def test_the_norm_neither_overflows_nor_vanishes_in_float32():
    for size in (1e30, 1e-30):
        p = tg.zeros(2, np.float32, requires_grad=True)
        p.grad = np.array([3 * size, 4 * size], np.float32)
        assert optim.clip_grad_norm([p], size) == pytest.approx(5 * size)
        np.testing.assert_allclose(p.grad.numpy(), [0.6 * size, 0.8 * size], rtol=1e-6)
        assert p.grad.dtype == np.float32


def test_a_gradient_that_is_not_finite_is_told_and_left():
    p = tg.zeros(2, requires_grad=True)
    for value in (np.nan, np.inf):
        p.grad = [value, 1.0]
        assert not math.isfinite(optim.clip_grad_norm([p], 0.1))
        assert p.grad.numpy()[1] == 1.0
    assert optim.clip_grad_norm([], 1.0) == 0.0
