"""Products of matrices by the register tile, against NumPy's in double precision."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tapegrad as tg
from tapegrad.kernels import blas, product
from tapegrad.ops import _matrices
from tapegrad.testing import check_gradients

sizes = st.integers(0, 70)


def drawn(rows: int, columns: int, transposed: bool, dtype: Any, seed: int) -> Any:
    shape = (columns, rows) if transposed else (rows, columns)
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def agree(x: Any, y: Any, transpose_x: bool, transpose_y: bool) -> None:
    result = product.matmul(x, y, transpose_x, transpose_y)
    a, b = (x.T if transpose_x else x), (y.T if transpose_y else y)
    expected = a.astype(np.longdouble) @ b.astype(np.longdouble)
    # Rounding is bounded by the sum of the sizes of what is added up.
    allowed = 4 * np.finfo(x.dtype).eps * (np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64)) + 1e-30
    assert result.dtype == x.dtype
    assert result.shape == expected.shape
    assert np.all(np.abs(result - expected) <= allowed)


@given(sizes, sizes, sizes, st.booleans(), st.booleans(), st.sampled_from([np.float32, np.float64]))
def test_products_are_right_for_any_sizes(rows, depth, columns, transpose_x, transpose_y, dtype):
    x, y = drawn(rows, depth, transpose_x, dtype, 1), drawn(depth, columns, transpose_y, dtype, 2)
    agree(x, y, transpose_x, transpose_y)


@given(sizes, sizes, sizes, st.booleans(), st.booleans(), st.booleans())
def test_a_bias_is_added_and_what_is_below_zero_is_cut(rows, depth, columns, transpose_x, transpose_y, relu):
    x, y = drawn(rows, depth, transpose_x, np.float32, 1), drawn(depth, columns, transpose_y, np.float32, 2)
    bias = drawn(1, columns, False, np.float32, 3)[0]
    result = product.matmul(x, y, transpose_x, transpose_y, bias, relu)
    expected = product.matmul(x, y, transpose_x, transpose_y) + bias
    np.testing.assert_array_equal(result, np.maximum(expected, 0) if relu else expected)


@given(sizes, sizes, sizes, st.booleans(), st.booleans(), st.sampled_from([np.float32, np.float64]))
def test_the_gradient_of_relu_multiplies_by_zero_or_one(rows, depth, columns, transpose_x, transpose_y, dtype):
    x, y = drawn(rows, depth, transpose_x, dtype, 1), drawn(depth, columns, transpose_y, dtype, 2)
    x[::7] = np.inf
    gate = np.random.default_rng(3).choice(np.array([1.5, 0, -0.0, -1, np.nan, np.inf], dtype), (rows, columns))
    result = product.matmul(x, y, transpose_x, transpose_y, gate=gate)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(result, product.matmul(x, y, transpose_x, transpose_y) * (gate > 0))


@pytest.mark.parametrize(
    ("rows", "depth", "columns"), [(60, 1100, 300), (300, 40, 1100), (17, 513, 1025), (40, 2048, 200)]
)
@pytest.mark.parametrize("transpose_x", [False, True])
@pytest.mark.parametrize("transpose_y", [False, True])
def test_large_products_in_several_parts_are_right(rows, depth, columns, transpose_x, transpose_y):
    x = drawn(rows, depth, transpose_x, np.float32, 1)
    y = drawn(depth, columns, transpose_y, np.float32, 2)
    agree(x, y, transpose_x, transpose_y)
    bias, gate = drawn(1, columns, False, np.float32, 3)[0], drawn(rows, columns, False, np.float32, 4)
    plain = product.matmul(x, y, transpose_x, transpose_y)
    finished = product.matmul(x, y, transpose_x, transpose_y, bias, True, gate)
    np.testing.assert_array_equal(finished, np.maximum(plain + bias, 0) * (gate > 0))


def test_long_sums_round_little():
    """A gradient sums over all examples: 60,000 numbers in one row of additions would lose a digit."""
    r = np.random.default_rng(0)
    x, y = r.random((60_000, 40), np.float32), r.standard_normal((60_000, 36), np.float32)
    exact = x.T.astype(np.float64) @ y.astype(np.float64)
    ours = np.abs(product.matmul(x, y, transpose_x=True) - exact).max()
    assert ours <= 4 * np.abs(x.T @ y - exact).max()


def test_any_layout_in_memory_gives_the_same():
    x, y = drawn(30, 50, False, np.float32, 1), drawn(50, 70, False, np.float32, 2)
    expected = product.matmul(x, y)
    wide = np.zeros((60, 140), np.float32)
    wide[::2, ::-2] = 0
    apart = wide[:50, ::2]
    apart[:] = y
    for other in (np.asfortranarray(y), apart, y[::-1][::-1]):
        np.testing.assert_array_equal(product.matmul(x, other), expected)
    x.flags.writeable = False
    np.testing.assert_array_equal(product.matmul(x, y), expected)


def test_the_bits_do_not_depend_on_the_number_of_threads():
    x, y = drawn(200, 600, False, np.float32, 1), drawn(600, 500, False, np.float32, 2)
    count = tg.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 5):
            tg.set_num_threads(threads)
            results.append(product.matmul(x, y).tobytes())
    finally:
        tg.set_num_threads(count)
    assert len(set(results)) == 1


def test_nothing_that_is_not_finite_spreads():
    x, y = drawn(40, 30, False, np.float32, 1), drawn(30, 50, False, np.float32, 2)
    x[3, 4], y[5, 6] = np.nan, np.inf
    result = product.matmul(x, y)
    assert np.isnan(result[3]).all()
    assert not np.isfinite(result[:, 6]).any()
    rest = np.delete(np.delete(result, 3, 0), 6, 1)
    assert np.isfinite(rest).all()


@pytest.mark.parametrize("fast", [False, True])
def test_programs_take_the_quicker_products_with_matrices_transposed_as_they_are(fast, monkeypatch):
    from tapegrad.static import compile

    monkeypatch.setattr(product, "faster", lambda: fast)
    x, w = drawn(120, 300, False, np.float32, 1), tg.tensor(drawn(300, 150, False, np.float32, 2), requires_grad=True)

    def step(x):
        w.grad = None
        ((x @ w) ** 2).mean().backward()
        return w.grad

    run = compile(step)
    expected = step(x).numpy()
    for _ in range(3):
        np.testing.assert_allclose(run(x).numpy(), expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    functions = [entry.function for entry in run.programs[0].entries]
    assert functions.count(_matrices.product_op.op.function) == (2 if fast else 0)


@pytest.mark.parametrize("axes", [(0, 1), (-1, 0), (0, 0), (1, -1)])
def test_a_program_takes_a_matrix_as_transposed_only_where_its_dimensions_are_exchanged(axes, monkeypatch):
    monkeypatch.setattr(product, "faster", lambda: True)
    x, w = drawn(80, 80, False, np.float32, 1), drawn(80, 70, False, np.float32, 2)
    run = tg.compile(lambda x, w: tg.swapaxes(x, *axes) @ w + w[0])
    expected = np.swapaxes(x, *axes).astype(np.float64) @ w + w[0]
    for _ in range(3):
        np.testing.assert_allclose(run(x, w), expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    ("lanes", "core", "disabled", "answer"),
    [
        (16, "Haswell", False, True),
        (16, "Zen", False, True),
        (16, "SkylakeX", False, False),  # OpenBLAS uses all of the processor, too
        (8, "Haswell", False, False),
        (16, None, False, False),  # another library
        (16, "Haswell", True, False),
    ],
)
def test_which_products_are_quicker(lanes, core, disabled, answer, monkeypatch):
    monkeypatch.setattr(product, "LANES", lanes)
    monkeypatch.setattr(blas, "core", lambda: core)
    monkeypatch.setattr(product.numba.config, "DISABLE_JIT", int(disabled))
    assert product.faster() is answer


def test_the_librarys_kernels_are_those_that_it_says_when_asked_another_way():
    core = blas.core()
    if core is None:
        pytest.skip("NumPy has another library here")
    shown = subprocess.run(
        [sys.executable, "-c", "import numpy; print(numpy.__version__)"],
        env={**os.environ, "OPENBLAS_VERBOSE": "2"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"Core: {core}" in shown.stdout + shown.stderr


# --------------------------------------------------------------------------------------------------
# As an op: gradients, and layers


@pytest.fixture
def for_everything(monkeypatch):
    """Products of every size go by the tile."""
    monkeypatch.setattr(product, "faster", lambda: True)
    monkeypatch.setattr(_matrices, "FEWEST", 0)


@pytest.mark.parametrize("transpose_x", [False, True])
@pytest.mark.parametrize("transpose_y", [False, True])
def test_the_op_has_right_gradients_of_every_order(transpose_x, transpose_y):
    x, y = drawn(3, 2, transpose_x, np.float64, 1), drawn(2, 4, transpose_y, np.float64, 2)
    check_gradients(lambda x, y: _matrices.large_product(x, y, transpose_x, transpose_y), x, y, order=2)


@pytest.mark.usefixtures("for_everything")
def test_gradients_of_large_products_go_by_the_tile():
    x, y, g = (drawn(*shape, False, np.float32, seed) for seed, shape in enumerate([(40, 30), (30, 50), (40, 50)]))
    called: list[Any] = []
    matmul = product.matmul
    product.matmul = lambda *arguments: called.append(arguments[2:]) or matmul(*arguments)
    try:
        a, b = tg.tensor(x, requires_grad=True), tg.tensor(y, requires_grad=True)
        out = a @ b
        np.testing.assert_array_equal(out.numpy(), x @ y)  # the product itself is NumPy's
        out.backward(g)
    finally:
        product.matmul = matmul
    assert sorted(called) == [(False, True), (True, False)]
    np.testing.assert_allclose(a.grad.numpy(), g.astype(np.float64) @ y.T, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(b.grad.numpy(), x.T.astype(np.float64) @ g, rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("for_everything")
def test_a_layer_and_its_program_compute_the_same_bits():
    layer = tg.nn.Linear(40, 30)
    x = drawn(20, 40, False, np.float32, 3)

    def step(x: Any) -> Any:
        layer.weight.grad = None
        loss = (layer(x) ** 2).mean()
        loss.backward()
        return loss, layer.weight.grad

    compiled = tg.compile(step, fuse=False)
    expected = [y.numpy().copy() for y in step(x)]
    for _ in range(3):
        for mine, other in zip(compiled(x), expected, strict=True):
            np.testing.assert_array_equal(mine.numpy(), other)
    y = x.astype(np.float64) @ layer.weight.numpy() + layer.bias.numpy()
    np.testing.assert_allclose(expected[0], (y**2).mean(), rtol=1e-5)


@pytest.mark.parametrize(
    ("rows", "depth", "columns", "dtype", "answer"),
    [
        (400, 200, 100, np.float32, True),
        (400, 200, 100, np.float64, False),  # the library's are as quick
        (40, 20, 10, np.float32, False),
        (4000, 2000, 10, np.float32, True),
    ],
)
def test_which_products_suit(rows, depth, columns, dtype, answer, monkeypatch):
    monkeypatch.setattr(product, "faster", lambda: True)
    assert _matrices.suits(rows, depth, columns, np.dtype(dtype), np.dtype(dtype)) is answer


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("relu", [False, True])
def test_a_program_adds_the_bias_and_takes_relu_on_the_way(relu, swapped, monkeypatch):
    monkeypatch.setattr(product, "faster", lambda: True)
    x, w, b = (
        drawn(70, 50, False, np.float32, 1),
        drawn(50, 40, False, np.float32, 2),
        drawn(1, 40, False, np.float32, 3),
    )

    def layer(x: Any, w: Any, b: Any) -> Any:
        y = b + x @ w if swapped else x @ w + b
        return tg.relu(y) if relu else y

    run = tg.compile(layer)
    expected = layer(*(tg.tensor(a.astype(np.float64)) for a in (x, w, b[0]))).numpy()
    for _ in range(3):
        np.testing.assert_allclose(run(x, w, b[0]), expected, rtol=1e-5, atol=1e-5)
    assert [entry.name for entry in run.programs[0].entries] == ["layer"]


@pytest.mark.parametrize("swapped", [False, True])
def test_a_program_takes_the_gradient_of_relu_on_the_way(swapped, monkeypatch):
    monkeypatch.setattr(product, "faster", lambda: True)
    x, w, h = (drawn(*s, False, np.float32, i) for i, s in enumerate([(70, 50), (50, 40), (70, 40)]))

    def gradient(x: Any, w: Any, h: Any) -> Any:
        g, passed = x @ w, tg.greater(h, 0)
        return passed * g if swapped else g * passed

    run = tg.compile(gradient)
    for _ in range(3):
        np.testing.assert_allclose(run(x, w, h), (x.astype(np.float64) @ w) * (h > 0), rtol=1e-5, atol=1e-5)
    assert [entry.name for entry in run.programs[0].entries] == ["gated product"]


def test_no_other_product_with_a_truth_is_taken_for_the_gradient_of_relu(monkeypatch):
    monkeypatch.setattr(product, "faster", lambda: True)
    x, w, h = (drawn(*s, False, np.float32, i) for i, s in enumerate([(70, 50), (50, 40), (70, 40)]))

    def others(x: Any, w: Any, h: Any) -> Any:
        y = x @ w
        return y, y * (h > 0), (x @ (w + 1)) * (h > 0.5), (x @ (w + 2)) * (h[0] > 0), (x @ (w + 3)) * (h < 0)

    run = tg.compile(others)
    arguments = [tg.tensor(a) for a in (x, w, h)]
    for _ in range(3):
        for mine, expected in zip(run(*arguments), others(*arguments), strict=True):
            np.testing.assert_allclose(mine.numpy(), expected.numpy(), rtol=1e-5, atol=2e-4)
    assert "gated product" not in [entry.name for entry in run.programs[0].entries]


@pytest.mark.parametrize("kept", ["product", "sum"])
def test_what_is_read_elsewhere_is_computed_by_itself(kept, monkeypatch):
    monkeypatch.setattr(product, "faster", lambda: True)
    x, w, b = (tg.tensor(drawn(*s, False, np.float32, i)) for i, s in enumerate([(70, 50), (50, 40), (1, 40)]))

    def layer(x: Any, w: Any, b: Any) -> Any:
        y = x @ w
        z = y + b
        return (y if kept == "product" else z), tg.relu(z)

    run = tg.compile(layer)
    b = b[0]
    for _ in range(3):
        for mine, other in zip(run(x, w, b), layer(x, w, b), strict=True):
            np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=1e-5, atol=1e-5)
