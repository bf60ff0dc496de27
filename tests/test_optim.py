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
    "Adagrad": lambda p: optim.Adagrad(p, 0.1),
    "Adadelta": lambda p: optim.Adadelta(p),
    "RMSprop": lambda p: optim.RMSprop(p, 0.1, weight_decay=0.1),
    "RMSprop, centred": lambda p: optim.RMSprop(p, 0.1, momentum=0.5, centered=True),
    "Adam": lambda p: optim.Adam(p, 0.1, weight_decay=0.1),
    "AdamW": lambda p: optim.AdamW(p, 0.1, weight_decay=0.1),
    "Nadam": lambda p: optim.Nadam(p, 0.1),
    "Adamax": lambda p: optim.Adamax(p, 0.1),
    "Lion": lambda p: optim.Lion(p, 0.1, weight_decay=0.1),
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


def test_every_optimizer_has_a_trajectory():
    classes = {name for name in optim.__all__ if isinstance(getattr(optim, name), type)}
    optimizers = {name for name in classes if issubclass(getattr(optim, name), optim.Optimizer)}
    elsewhere = {"Optimizer", "Momentum", "Nesterov", "Lion", "LBFGS"}
    assert {case["optimizer"] for case in CASES.values()} == optimizers - elsewhere


@pytest.mark.parametrize(("name", "nesterov"), [("Momentum", False), ("Nesterov", True)])
def test_momentum_and_nesterov_are_sgd_with_these(name, nesterov):
    _, theirs = moved(lambda p: optim.SGD(p, 0.1, 0.8, nesterov, 0.1), GRADIENTS)
    _, ours = moved(lambda p: getattr(optim, name)(p, 0.1, 0.8, 0.1), GRADIENTS)
    assert np.array_equal(ours.numpy(), theirs.numpy())
    assert getattr(optim, name)([parameter([1.0])], 0.1).momentum == 0.9


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
    assert np.allclose(rules.descend(w, g, 0.1, weight_decay=0.25), [0.925, 2.05], rtol=1e-15)
    new, velocity = rules.momentum(w, g, np.array([2.0, 4.0]), 0.1, 0.5)
    assert velocity.tolist() == [1.5, 1.0]
    assert np.allclose(new, [0.85, 1.9], rtol=1e-15)
    new, velocity = rules.momentum(w, g, np.array([2.0, 4.0]), 0.1, 0.5, nesterov=True)
    assert velocity.tolist() == [1.5, 1.0]
    assert np.allclose(new, [1 - 0.1 * (0.5 + 0.75), 2 - 0.1 * (-1.0 + 0.5)], rtol=1e-15)


def test_without_decay_an_infinite_weight_stays_as_it_is():
    """A mask's -inf times a decay of 0 would be NaN."""
    for make in (optim.SGD, optim.Adam, optim.AdamW, optim.Lion):
        p = parameter([-np.inf, 1.0])
        optimizer = make([p], lr=0.1, weight_decay=0.0)
        p.grad = [0.0, 1.0]
        optimizer.step()
        assert p.numpy()[0] == -np.inf


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


@each_optimizer
def test_numbers_of_numpy_do_not_widen_a_parameter(make):
    """A schedule made with NumPy hands over float64 scalars, which would turn float32 arrays into float64."""
    p = parameter([1.0, 2.0], np.float32)
    optimizer = make([p])
    (group,) = optimizer.param_groups
    for name, value in group.items():
        if isinstance(value, float):
            group[name] = np.float64(value)
    new, state = optimizer.update(p.numpy(), p.numpy(), optimizer.start(p.numpy(), group), group)
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


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda saved: saved["param_groups"].append({}), ValueError, "expected 1 groups, got 2"),
        (lambda saved: saved["state"].append({}), ValueError, "expected states of 1 parameters, got 2"),
        (lambda saved: saved["param_groups"][0].update(lr=-1), ValueError, "expected no negative number, got lr=-1"),
        (lambda saved: saved["state"][0].update(step="3"), ValueError, "step of parameter 0: expected int, got str"),
        (lambda saved: saved["state"][0].update(mean=[1.0] * 3, square=7), tg.ShapeError, r"square .*expected shape"),
    ],
)
def test_a_damaged_state_is_refused(change, error, message):
    optimizer, _ = moved(MAKERS["Adam"], GRADIENTS[:2])
    before, saved = optimizer.state_dict(), optimizer.state_dict()
    change(saved)
    with pytest.raises(error, match=message):
        optimizer.load_state_dict(saved)
    assert str(optimizer.state_dict()) == str(before)


def test_a_state_survives_being_written_as_json_and_arrays():
    """Tuples become lists there."""
    optimizer, _ = moved(MAKERS["Adam"], GRADIENTS[:2])
    saved = optimizer.state_dict()
    saved["param_groups"] = json.loads(json.dumps(saved["param_groups"]))
    other = MAKERS["Adam"]([parameter([0.0, 0.0, 0.0])])
    other.load_state_dict(saved)
    assert str(other.state_dict()) == str(optimizer.state_dict())


# Groups -------------------------------------------------------------------------------------------


def test_groups_have_settings_of_their_own():
    a, b, c = parameter([1.0]), parameter([1.0]), parameter([1.0])
    optimizer = optim.SGD([{"params": [a]}, {"params": [b, c], "lr": 0.5, "weight_decay": 1.0}], lr=0.1)
    assert optimizer.parameters == [a, b, c]
    for p in (a, b, c):
        p.grad = [1.0]
    optimizer.step()
    assert [p.item() for p in (a, b, c)] == pytest.approx([0.9, 0.0, 0.0])
    optimizer.param_groups[1]["lr"] = 0.25
    optimizer.step()
    assert [p.item() for p in (a, b, c)] == pytest.approx([0.8, -0.25, -0.25])
    with pytest.raises(ValueError, match=r"SGD.lr: the groups have different ones, 0.1, 0.25; read or change each"):
        _ = optimizer.lr
    assert optimizer.momentum == 0.0
    optimizer.lr = 2
    assert [group["lr"] for group in optimizer.param_groups] == [2, 2]
    assert "groups of lr=2, momentum=0.0, nesterov=False, weight_decay=0.0, lazy_rows=False; lr=2" in repr(optimizer)
    other = optim.SGD([{"params": [a]}, {"params": [b, c]}], lr=0.1)
    other.load_state_dict(optimizer.state_dict())
    assert other.state_dict() == optimizer.state_dict()
    with pytest.raises(ValueError, match="expected a group of 2 parameters, got 1"):
        optim.SGD([{"params": [b, c]}, {"params": [a]}], lr=0.1).load_state_dict(optimizer.state_dict())


def test_a_setting_changed_later_may_ask_for_a_state_that_there_is_not():
    for make, change in (
        (lambda p: optim.SGD(p, 0.1), {"momentum": 0.9}),
        (lambda p: optim.RMSprop(p, 0.1), {"momentum": 0.9, "centered": True}),
    ):
        optimizer, p = moved(make, GRADIENTS[:2])
        for name, value in change.items():
            setattr(optimizer, name, value)
        for g in GRADIENTS[2:4]:
            p.grad = g
            optimizer.step()
        assert optimizer.state[0].keys() == optimizer.start(p.numpy(), optimizer.param_groups[0]).keys()
        for name in change:
            setattr(optimizer, name, 0.0)
        optimizer.step()
        assert "velocity" not in optimizer.state[0]


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
        assert after["param_groups"] == before["param_groups"]
        assert all(np.array_equal(after["state"][0][key], value) for key, value in before["state"][0].items())

    refused(
        ValueError,
        "Adam.load_state_dict: expected the settings lr, betas, eps, weight_decay, lazy_rows, got lr, mom",
        MAKERS["SGD"],
    )
    refused(ValueError, "expected a group of 1 parameters, got 2", start=((1.0, 2.0, 3.0), (1.0,)))
    refused(
        ValueError,
        "state of parameter 0: expected mean, square, step, got mean, largest, step",
        lambda p: optim.Adamax(p, 0.1, weight_decay=0.1),
    )
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
        (lambda: optim.SGD([{"lr": 1.0}], 0.1), ValueError, "SGD: expected at least one parameter, got none"),
        (
            lambda: optim.SGD([{"params": [parameter([1.0])], "rate": 1.0}], 0.1),
            ValueError,
            "SGD: a group has rate, and the settings are lr, momentum",
        ),
        (
            lambda: optim.SGD([{"params": [p := parameter([1.0, 2.0])]}, {"params": [p]}], 0.1),
            ValueError,
            r"SGD: a parameter of \(2,\) is in two groups, 0 and 1",
        ),
        (
            lambda: optim.Adam([{"params": [parameter([1.0])], "betas": (1, 0)}]),
            ValueError,
            "expected betas of at least 0 and below 1",
        ),
        (lambda: optim.Adam([tg.ones(3)]), TypeError, "Adam: the Tensor at place 0 is not a parameter"),
        (lambda: optim.Adam([parameter([1.0]) * 2]), TypeError, "Adam: the Tensor at place 0 is not a parameter"),
        (lambda: optim.SGD([parameter([1.0])], -0.1), ValueError, "expected no negative number, got lr=-0.1"),
        (lambda: optim.SGD([parameter([1.0])], 0.1, nesterov=True), ValueError, "there is none; pass momentum=0.9"),
        (
            lambda: optim.Adam([parameter([1.0])], eps=-1),
            ValueError,
            "expected no negative number, got lr=0.001, betas=\\(0.9, 0.999\\), eps=-1",
        ),
        (lambda: optim.Adam([parameter([1.0])], betas=(0.9, 1)), ValueError, r"below 1, got \(0.9, 1.0\)"),
        (
            lambda: optim.Adam([parameter([1.0])], lr=float("nan")),
            ValueError,
            "expected no negative number, got lr=nan",
        ),
    ],
)
def test_what_cannot_be_optimized_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_an_optimizer_shows_what_it_moves():
    text = repr(optim.SGD([parameter(np.zeros((30, 40))), parameter(np.zeros(40))], 0.1, momentum=0.9))
    assert text == (
        "SGD(2 parameters of 1,240 numbers, lr=0.1, momentum=0.9, nesterov=False, weight_decay=0.0, lazy_rows=False)"
    )
