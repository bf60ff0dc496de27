"""The ops under the normalisation layers: compiled code against the formulas in NumPy, and against plain means."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tapegrad as tg
from tapegrad.kernels import standardize as kernels
from tapegrad.nn import _standardize as formulas
from tapegrad.testing import check_gradients

EPS = 1e-5


def by_formulas(name, *arrays, **options):
    """What an op gives when numba is switched off."""
    before = numba.config.DISABLE_JIT
    numba.config.DISABLE_JIT = True
    try:
        return getattr(formulas, name)(*arrays, **options)
    finally:
        numba.config.DISABLE_JIT = before


WIDTHS = st.sampled_from([1, 2, 3, 16, 31, 63, 64, 65, 127, 128, 130, 200])


@given(
    rows=st.integers(1, 40) | st.sampled_from([127, 128, 129, 300]),
    width=WIDTHS,
    axis=st.sampled_from([0, 1]),
    dtype=st.sampled_from([np.float32, np.float64]),
    mean=st.sampled_from([0.0, 1e3]),
    seed=st.integers(0, 2**32),
)
def test_compiled_code_gives_what_the_formulas_give(rows, width, axis, dtype, mean, seed):
    random = np.random.default_rng(seed)
    x = (random.standard_normal((rows, width)) + mean).astype(dtype)
    g, params = random.standard_normal((rows, width)).astype(dtype), random.standard_normal((2, width)).astype(dtype)
    small = 20 * np.finfo(dtype).eps
    centre, variance = kernels.moments(x, axis)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(centre, exact.mean(axis, keepdims=True), rtol=small, atol=small)
    # A mean that is rounded is off by `mean * eps`, and the variance by the square of that.
    np.testing.assert_allclose(
        variance, exact.var(axis, keepdims=True), rtol=10 * small, atol=(mean * small) ** 2 + small
    )
    scale = (1 / np.sqrt(variance + dtype(EPS))).astype(dtype)
    at = (centre, scale)
    options = {"axes": (axis,), "eps": EPS}
    pairs = {
        "normalize": (kernels.normalize(x, params, *at, axis), "_normalize_raw", (x, params, *at), {}),
        "gradient": (kernels.gradient(g, x, params, *at, axis), "_gradient_raw", (g, x, params, *at), {}),
        "sums": (kernels.sums(g, x, *at, axis), "_sums_raw", (g, x, *at), {"learned": 1}),
    }
    for name, (found, formula, arrays, more) in pairs.items():
        wide = [a.astype(np.float64) for a in arrays]
        expected = by_formulas(formula, *wide, **options, **more)
        assert found.dtype == dtype
        assert found.shape == expected.shape
        size = np.abs(expected).max() + float(scale.max()) + 1
        np.testing.assert_allclose(found, expected, rtol=10 * small, atol=10 * small * size * rows**0.5, err_msg=name)


def test_layers_use_compiled_code_and_large_ones_are_right(monkeypatch):
    """More jobs than threads, and rows that do not fill the last job."""
    called = []
    monkeypatch.setattr(kernels, "normalize", lambda *a, of=kernels.normalize: called.append(a[-1]) or of(*a))
    x = np.random.default_rng(0).standard_normal((3001, 37)).astype(np.float32)
    for layer, axis in ((tg.nn.BatchNorm(37), 0), (tg.nn.LayerNorm(37), 1)):
        y = layer(x).numpy()
        assert called.pop() == axis
        wide = x.astype(np.float64)
        centred = wide - wide.mean(axis, keepdims=True)
        np.testing.assert_allclose(y, centred / np.sqrt(wide.var(axis, keepdims=True) + EPS), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("layer", [tg.nn.BatchNorm(300), tg.nn.LayerNorm(300)], ids=lambda v: type(v).__name__)
def test_results_do_not_depend_on_the_number_of_threads(layer):
    x = tg.tensor(np.random.default_rng(0).standard_normal((500, 300)).astype(np.float32), requires_grad=True)
    g = np.random.default_rng(1).standard_normal((500, 300)).astype(np.float32)
    before, found = tg.get_num_threads(), []
    try:
        for count in (1, 2, 5):
            tg.set_num_threads(count)
            for tensor in (x, *layer.parameters()):
                tensor.grad = None
            y = layer(x)
            y.backward(g)
            found.append([y.numpy(), x.grad.numpy(), layer.weight.grad.numpy(), layer.bias.grad.numpy()])
    finally:
        tg.set_num_threads(before)
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


SHAPES = {
    "columns": ((4, 3), (0,), (3,)),
    "rows": ((3, 4), (1,), (4,)),
    "groups": ((2, 2, 2, 3), (1, 3), (2, 3)),
}


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("name", SHAPES)
def test_every_order_is_that_of_finite_differences(name, compiled, monkeypatch):
    monkeypatch.setattr(numba.config, "DISABLE_JIT", not compiled)
    shape, axes, learned = SHAPES[name]
    random = np.random.default_rng(3)
    check_gradients(
        lambda x, params: formulas.standardize(x, params, axes, 0.1)[0],
        random.standard_normal(shape), random.standard_normal((2, *learned)), order=3,
    )  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_a_constant_group_has_a_finite_gradient(name):
    shape, axes, learned = SHAPES[name]
    x = tg.tensor(np.full(shape, 7.0, np.float32), requires_grad=True)
    y = formulas.standardize(x, np.ones((2, *learned), np.float32), axes, EPS)[0]
    np.testing.assert_array_equal(y.numpy(), np.ones(shape))
    y.backward(np.random.default_rng(1).standard_normal(shape))
    assert np.isfinite(x.grad.numpy()).all()


def test_other_dtypes_and_orders_in_memory():
    x = np.random.default_rng(0).standard_normal((6, 5))
    layer = tg.nn.LayerNorm(5, dtype=np.float64)
    expected = layer(x).numpy()
    np.testing.assert_allclose(layer(np.asfortranarray(x)).numpy(), expected, rtol=1e-12)
    np.testing.assert_allclose(layer(x[::-1])[::-1].numpy(), expected, rtol=1e-12)
    np.testing.assert_allclose(layer(x.astype(np.float32)).numpy(), expected, atol=1e-5)
    assert layer(x.astype(np.float32)).dtype == np.float64
    whole = tg.nn.LayerNorm(5)(np.arange(10).reshape(2, 5))
    np.testing.assert_allclose(whole.numpy(), np.tile(np.arange(-2, 3) / np.sqrt(2 + EPS), (2, 1)), rtol=1e-6)
    half = tg.nn.LayerNorm(5, dtype=np.float16)(x.astype(np.float16))
    assert half.dtype == np.float16
    np.testing.assert_allclose(half.numpy(), expected, atol=0.01)


def test_the_variance_of_columns_is_right_however_far_away_their_mean_is():
    x = (np.random.default_rng(0).standard_normal((1000, 5)) + 1e6).astype(np.float32)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(kernels.moments(x, 0)[1], exact.var(0, keepdims=True), rtol=1e-5)
