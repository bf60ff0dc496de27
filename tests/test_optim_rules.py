"""The update rules: TensorFlow's trajectories, and the same bits from NumPy and from compiled code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import optim
from tapegrad.optim import rules

FOLDER = Path(__file__).parent / "golden"
PROBLEM = json.loads((FOLDER / "optim.json").read_text("utf-8"))["problem"]
TENSORFLOW = {c["name"]: c for c in json.loads((FOLDER / "optim_tensorflow.json").read_text("utf-8"))["cases"]}


# TensorFlow's trajectories ------------------------------------------------------------------------


class Slots:
    """What a rule needs of TensorFlow's settings, and what it keeps for one parameter."""

    def __init__(self, name, options, parameter):
        zeros = np.zeros_like(parameter)
        self.name, self.options, self.rate = name, options, options["learning_rate"]
        self.kept = {
            "MomentumOptimizer": [zeros],
            "AdagradOptimizer": [np.full_like(parameter, options.get("initial_accumulator_value", 0))],
            "AdadeltaOptimizer": [zeros, zeros],
            "AdamOptimizer": [zeros, zeros],
            "RMSPropOptimizer": [np.ones_like(parameter), zeros if options.get("centered") else None, zeros],
            "Lion": [zeros],
        }.get(name, [])

    def moved(self, w, g, step):
        o, kept, rate = self.options, self.kept, self.rate
        match self.name:
            case "GradientDescentOptimizer":
                return rules.descend(w, g, rate)
            case "MomentumOptimizer":
                w, *self.kept = rules.momentum(w, g, *kept, rate, o["momentum"], o.get("use_nesterov", False))
            case "AdagradOptimizer":
                w, *self.kept = rules.adagrad(w, g, *kept, rate, 0.0)
            case "AdadeltaOptimizer":
                w, *self.kept = rules.adadelta(w, g, *kept, rate, o["rho"], o["epsilon"])
            case "AdamOptimizer":
                betas = o["beta1"], o["beta2"]
                w, *self.kept = rules.adam(w, g, *kept, step, rate, betas, o["epsilon"], epsilon_hat=True)
            case "RMSPropOptimizer":
                numbers = rate, o["decay"], o["momentum"], o["epsilon"]
                w, *self.kept = rules.rmsprop(w, g, *kept, *numbers, tensorflow=True)
            case "Lion":
                w, *self.kept = rules.lion(w, g, *kept, rate, (o["beta_1"], o["beta_2"]), o.get("weight_decay", 0.0))
        return w


@pytest.mark.parametrize("case", TENSORFLOW.values(), ids=TENSORFLOW)
def test_100_steps_end_where_tensorflow_ends(case):
    x, y = np.array(PROBLEM["x"]), np.array(PROBLEM["y"])
    w, b = np.array(PROBLEM["w"]), np.array(PROBLEM["b"])
    slots = [Slots(case["optimizer"], case["options"], p) for p in (w, b)]
    kept = {point["step"]: point for point in case["trajectory"]}
    exact = 1e-6 if case["optimizer"] == "AdamOptimizer" else 1e-10  # it multiplies the powers of its betas in float32
    for step in range(1, PROBLEM["steps"] + 1):
        out = np.tanh(x @ w + b)
        before = (out - y) * (1 - out * out)
        w, b = slots[0].moved(w, x.T @ before, step), slots[1].moved(b, before.sum(0), step)
        if step == PROBLEM["steps"] // 2:
            for slot in slots:
                slot.rate /= 2
        if step in kept:
            assert np.abs(w - kept[step]["w"]).max() < exact
            assert np.abs(b - kept[step]["b"]).max() < exact
    assert len(kept) == 10


def test_the_families_differ_where_their_epsilons_and_starts_do():
    w, g, kept = np.ones(3), np.array([0.1, -0.2, 0.3]), np.full(3, 0.5)
    ours = rules.adam(w, g, kept, kept, 3, 0.1, (0.9, 0.99), 0.1)[0]
    assert np.abs(ours - rules.adam(w, g, kept, kept, 3, 0.1, (0.9, 0.99), 0.1, epsilon_hat=True)[0]).max() > 1e-3
    ours = rules.rmsprop(w, g, kept, None, kept, 0.1, 0.9, 0.5, 0.1)
    theirs = rules.rmsprop(w, g, kept, None, kept, 0.1, 0.9, 0.5, 0.1, tensorflow=True)
    assert np.abs(ours[0] - theirs[0]).max() > 1e-3
    assert np.array_equal(ours[1], theirs[1])


# Compiled code ------------------------------------------------------------------------------------

RULES = {
    "descend": lambda w, g, a, b, c: rules.descend(w, g, 0.1),
    "descend with decay": lambda w, g, a, b, c: rules.descend(w, g, 0.1, 0.3),
    "momentum": lambda w, g, a, b, c: rules.momentum(w, g, a, 0.1, 0.9),
    "nesterov with decay": lambda w, g, a, b, c: rules.momentum(w, g, a, 0.1, 0.9, True, 0.3),
    "adagrad": lambda w, g, a, b, c: rules.adagrad(w, g, a, 0.1, 1e-10),
    "adadelta": lambda w, g, a, b, c: rules.adadelta(w, g, a, b, 0.1, 0.9, 1e-6),
    "rmsprop": lambda w, g, a, b, c: rules.rmsprop(w, g, a, None, None, 0.1, 0.9, 0.8, 1e-8)[:2],
    "rmsprop along": lambda w, g, a, b, c: rules.rmsprop(w, g, a, None, b, 0.1, 0.9, 0.8, 1e-8, True)[::3],
    "centred": lambda w, g, a, b, c: rules.rmsprop(w, g, a, b, None, 0.1, 0.9, 0.8, 1e-8)[:3],
    "centred along": lambda w, g, a, b, c: rules.rmsprop(w, g, a, b, c, 0.1, 0.9, 0.8, 1e-8, weight_decay=0.1),
    "adam": lambda w, g, a, b, c: rules.adam(w, g, a, b, 7, 0.1, (0.9, 0.999), 1e-8),
    "adam with decay": lambda w, g, a, b, c: rules.adam(w, g, a, b, 7, 0.1, (0.9, 0.999), 1e-8, True, 0.1),
    "adamw": lambda w, g, a, b, c: rules.adam(w, g, a, b, 7, 0.1, (0.9, 0.999), 1e-8, False, 0.1, True),
    "nadam": lambda w, g, a, b, c: rules.nadam(w, g, a, b, 0.4, 7, 0.1, (0.9, 0.999), 1e-8, 0.004)[:3],
    "adamax": lambda w, g, a, b, c: rules.adamax(w, g, a, b, 7, 0.1, (0.9, 0.999), 1e-8),
    "lion": lambda w, g, a, b, c: rules.lion(w, g, a, 0.1, (0.9, 0.99), 0.1),
}
SPECIAL = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-38, 1e38, -1e38, 1e-45]


def arrays(count, dtype, seed=0):
    """A parameter, a gradient and three states, of which the first two are at least 0 as squares are."""
    draw = np.random.default_rng(seed)
    found = [draw.standard_normal(count).astype(dtype) for _ in range(5)]
    found[2], found[3] = np.abs(found[2]) + found[3] ** 2, np.abs(found[3])
    return found


def each(result):
    return result if isinstance(result, tuple) else (result,)


@pytest.fixture
def always_compiled(monkeypatch):
    monkeypatch.setattr(rules, "_SMALL", 0)


BOTH = {"descend", "adam", "centred along"}  # the others are compiled for float64 by the slow tests
DTYPES = [
    pytest.param(rule, dtype, id=f"{name}-{dtype.__name__}", marks=[] if fast else [pytest.mark.slow])
    for name, rule in RULES.items()
    for dtype, fast in ((np.float32, True), (np.float64, name in BOTH))
]


@pytest.mark.parametrize(("rule", "dtype"), DTYPES)
def test_compiled_code_gives_the_bits_that_numpy_gives(rule, dtype, monkeypatch):
    """Also where it runs from several threads, and behind the last whole vector."""
    for count in (0, 1, 67, 5000, 40001):
        w, g, a, b, c = arrays(count, dtype)
        w[: len(SPECIAL)] = SPECIAL[:count]
        g[3 : 3 + len(SPECIAL)] = SPECIAL[: max(0, count - 3)]
        monkeypatch.setattr(rules, "_SMALL", 1 << 60)
        expected = each(rule(w, g, a, b, c))
        monkeypatch.setattr(rules, "_SMALL", 0)
        kept = [array.copy() for array in (w, g, a, b, c)]
        found = each(rule(w, g, a, b, c))
        assert len(found) == len(expected)
        for ours, theirs in zip(found, expected, strict=True):
            assert ours.dtype == theirs.dtype == dtype
            assert ours.shape == (count,)
            np.testing.assert_array_equal(ours, theirs)
            np.testing.assert_array_equal(np.signbit(ours[~np.isnan(ours)]), np.signbit(theirs[~np.isnan(theirs)]))
        for array, before in zip((w, g, a, b, c), kept, strict=True):
            np.testing.assert_array_equal(array, before)


def test_compiled_code_takes_arrays_however_they_lie(always_compiled):
    flat = arrays(6 * 50, np.float32)
    usual = rules.adam(*(array.reshape(6, 50) for array in flat[:4]), 7, 0.1, (0.9, 0.999), 1e-8)
    w, g, a, b = (array.reshape(6, 50) for array in flat[:4])
    wide = np.zeros((12, 100), np.float32)
    wide[::2, ::2] = a
    bytes_ = np.zeros(b.nbytes + 1, np.uint8)
    skewed = bytes_[1:].view(np.float32).reshape(b.shape)
    skewed[...] = b
    assert not skewed.flags.aligned
    w.flags.writeable = False
    found = rules.adam(w, np.asfortranarray(g), wide[::2, ::2], skewed, 7, 0.1, (0.9, 0.999), 1e-8)
    for ours, expected in zip(found, usual, strict=True):
        np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("dtype", [np.float16, np.longdouble])
def test_a_dtype_without_compiled_code_goes_to_numpy(dtype, always_compiled):
    w, g, a, b, _ = arrays(50, dtype)
    found = rules.adam(w, g, a, b, 7, 0.1, (0.9, 0.999), 1e-4)
    assert all(array.dtype == dtype for array in found)


def test_arrays_that_do_not_match_go_to_numpy(always_compiled):
    """Compiled code reads as many numbers, of one dtype, from each."""
    w, g, a, _, _ = arrays(50, np.float32)
    wide, one = rules.momentum(w, g.astype(np.float64), a, 0.1, 0.9), rules.momentum(w, g[:1], a[0], 0.1, 0.9)
    assert wide[0].dtype == np.float64  # as everywhere in NumPy
    np.testing.assert_allclose(wide[0], w - 0.1 * (0.9 * a + g), rtol=1e-6)
    np.testing.assert_allclose(one[0], w - 0.1 * (0.9 * a[0] + g[:1]), rtol=1e-6)


def test_what_overflows_is_no_warning():
    """The kernels say nothing, so NumPy must not either: a warning would come and go with the size."""
    w, g = np.full(3, 1e38, np.float32), np.full(3, -1e38, np.float32)
    assert np.isinf(rules.descend(w, g, 1e3)).all()
    assert np.isnan(rules.adagrad(w, 0 * g, 0 * w, 1.0, 0.0)[0]).all()


def test_large_parameters_go_through_compiled_code_and_small_ones_do_not_start_numba():
    code = """
import sys, numpy as np, tapegrad as tg
from tapegrad import optim
small, large = (tg.tensor(np.ones(n, np.float32), requires_grad=True) for n in (1000, 20000))
optimizer = optim.Adam([small, large])
small.grad = np.ones(1000)
optimizer.step()
print("numba" in sys.modules)
large.grad = np.ones(20000)
optimizer.step()
print("tapegrad.kernels.update" in sys.modules, np.ptp(large.numpy()), large.numpy()[0] == small.numpy()[0])
"""
    for variables, second in (({}, "True 0.0 False"), ({"NUMBA_DISABLE_JIT": "1"}, "False 0.0 False")):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | variables,
        )
        assert done.stdout.splitlines() == ["False", second]


def test_an_optimizer_of_large_parameters_moves_as_one_of_small_ones(monkeypatch):
    def ends():
        w = tg.tensor(np.linspace(-1, 1, 60, dtype=np.float32).reshape(6, 10), requires_grad=True)
        optimizer = optim.Nadam([w], 0.1, weight_decay=0.01)
        for _ in range(5):
            optimizer.zero_grad()
            (w**4).sum().backward()
            optimizer.step()
        return w.numpy()

    plain = ends()
    monkeypatch.setattr(rules, "_SMALL", 0)
    np.testing.assert_array_equal(ends(), plain)
