"""Every check of every row of `op_table`."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from op_table import (
    CONVOLUTIONS,
    EMBEDDINGS,
    OTHERS,
    POOLINGS,
    ROWS,
    Row,
    Sample,
    arrays_of,
    check_sample,
    is_array,
    leaves,
    with_arrays,
)

import tapegrad as tg
from tapegrad import Tensor
from tapegrad.errors import BackwardError

EVERY = [*ROWS, *OTHERS]
REFUSE_0D = {"matmul", "vecdot", "matrix_transpose", "swapaxes", "moveaxis", "unstack", "split", "array_split"} | {
    row.name for row in [*CONVOLUTIONS, *POOLINGS, *EMBEDDINGS]
}


def samples(rows: list[Row], when: Callable[[Row, Sample], bool] = lambda row, sample: True) -> Any:
    """Make a check of a sample a test of each row: of all its samples, and the failure says of which."""

    def test_of(check: Callable[[Row, Sample], None]) -> Callable[[Row], None]:
        @pytest.mark.parametrize("row", [row for row in rows if any(when(row, s) for s in row.samples)], ids=str)
        def test(row: Row) -> None:
            for sample in row.samples:
                if when(row, sample):
                    try:
                        check(row, sample)
                    except BaseException as error:
                        error.add_note(f"of {row}({sample})")
                        raise

        test.__doc__ = check.__doc__
        return test

    return test_of


DIFFERENTIABLE = [row for row in EVERY if row.differentiable]
SPOKEN_BY_NUMPY = [row for row in ROWS if row.numpy]


def same(ours: Any, theirs: Any, dtype: bool = True) -> None:
    """Bit for bit: NaNs, the sign of zero, and unless told otherwise the dtype included."""
    assert np.shape(ours) == np.shape(theirs)
    if dtype:
        assert np.asarray(ours).dtype == np.asarray(theirs).dtype
    np.testing.assert_array_equal(ours, theirs)
    if np.asarray(theirs).dtype.kind == "f":
        np.testing.assert_array_equal(np.signbit(ours), np.signbit(theirs))


def raw(result: Any) -> list[Any]:
    """The values of a result, one array for each of its Tensors."""
    assert all(type(y) is Tensor for y in leaves(result))
    return [y._array for y in leaves(result)]


def recorded(arrays: list[Any]) -> list[Tensor]:
    """Tensors of the arrays themselves, which require gradients where they can have any."""
    tensors = [tg.asarray(a) for a in arrays]
    for t in tensors:
        t.requires_grad = t.dtype.kind == "f"
    return tensors


def apply(row: Row, sample: Sample, arrays: list[Any], function: Any = None) -> Any:
    with np.errstate(all="ignore"):
        return (function or row.ours)(*with_arrays(row, sample, arrays), **sample.parameters)


def agree(row: Row, ours: list[Any], theirs: list[Any]) -> None:
    assert len(ours) == len(theirs)
    for mine, reference in zip(ours, theirs, strict=True):
        if row.exact:
            same(mine, reference)
        else:
            assert mine.dtype == reference.dtype
            assert mine.shape == reference.shape
            eps = np.finfo(mine.dtype).eps
            np.testing.assert_allclose(mine, reference, rtol=16 * eps, atol=4 * eps)


def gradients(row: Row, sample: Sample, arrays: list[Any], seed: int = 0) -> list[Any]:
    """The gradients of a sample for random cotangents, by `backward`."""
    inputs = recorded(arrays)
    outputs = [y for y in leaves(apply(row, sample, inputs)) if isinstance(y, Tensor)]
    rng = np.random.default_rng(seed)
    for y in outputs:
        g = rng.standard_normal(y.shape)
        if y.requires_grad:
            with np.errstate(all="ignore"):
                y.backward(g.astype(y.dtype), retain_graph=True)
    return [None if x.grad is None else x.grad._array for x in inputs]


# --------------------------------------------------------------------------------------------------
# The table itself


def test_every_public_op_has_a_row():
    names = [row.name for row in ROWS]
    assert sorted(names) == sorted(set(names)), "a name has two rows"
    assert set(names) == set(tg.ops.__all__)
    assert all(getattr(tg, name) is getattr(tg.ops, name) for name in names)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_rows_have_samples_of_every_kind(row):
    shapes = [[np.shape(a) for a in leaves(s.arguments) if is_array(a)] for s in row.samples]
    assert any(0 in shape for several in shapes for shape in several), "no sample without elements"
    assert any(a.ndim for s in row.samples for a in leaves(s.arguments) if is_array(a))
    if row.name not in REFUSE_0D:
        assert any(() in several for several in shapes), "no 0-d sample"


# --------------------------------------------------------------------------------------------------
# Values


@samples(EVERY)
def test_values_are_those_of_the_reference(row, sample):
    arrays = arrays_of(row, sample)
    expected = leaves(apply(row, sample, arrays, row.reference))
    agree(row, raw(apply(row, sample, recorded(arrays))), expected)


@samples(EVERY)
def test_arrays_in_arrays_out(row, sample):
    """Without a Tensor an op is the function on arrays, and nothing else."""
    arrays = arrays_of(row, sample)
    expected = apply(row, sample, arrays, row.reference)
    result = apply(row, sample, arrays)
    assert type(result) is type(expected)
    agree(row, leaves(result), leaves(expected))


@samples(EVERY)
def test_other_dtypes_do_what_they_do_in_numpy(row, sample):
    for dtype in (np.float32, np.int64):
        with np.errstate(all="ignore"):
            arrays = [np.asarray(3 * a).astype(dtype) for a in arrays_of(row, sample)]
        try:
            expected = leaves(apply(row, sample, arrays, row.reference))
        except (TypeError, ValueError) as error:
            with pytest.raises(TypeError if isinstance(error, TypeError) else ValueError):
                apply(row, sample, [tg.asarray(a) for a in arrays])
        else:
            agree(row, raw(apply(row, sample, [tg.asarray(a) for a in arrays])), expected)


def layouts(array: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """The same values, differently laid out in memory."""
    yield "transposed", np.array(array.T, order="C").T
    yield "reversed", np.array(array[(slice(None, None, -1),) * array.ndim])[(slice(None, None, -1),) * array.ndim]
    wide = np.full(tuple(2 * n for n in array.shape), 99, array.dtype)
    wide[(slice(None, None, 2),) * array.ndim] = array
    yield "strided", wide[(slice(None, None, 2),) * array.ndim]


@samples(DIFFERENTIABLE)
def test_any_layout_in_memory_gives_the_same(row, sample):
    arrays = arrays_of(row, sample)
    expected = leaves(apply(row, sample, arrays, row.reference))
    usual = gradients(row, sample, arrays)
    for layout in zip(*map(layouts, arrays), strict=True):
        others = [array for _, array in layout]
        for y, reference in zip(raw(apply(row, sample, recorded(others))), expected, strict=True):
            np.testing.assert_allclose(y, reference, rtol=1e-13, atol=1e-13)
        for g, reference in zip(gradients(row, sample, others), usual, strict=True):
            assert (g is None) == (reference is None)
            if g is not None:
                np.testing.assert_allclose(g, reference, rtol=1e-12, atol=1e-12, err_msg=layout[0][0])


@samples(EVERY)
def test_arguments_are_not_written_to(row, sample):
    held = [a for a in leaves(sample.arguments) if is_array(a)]
    before = copy.deepcopy(held)
    arrays = arrays_of(row, sample)
    gradients(row, sample, arrays)
    for a, b in zip(held, before, strict=True):
        same(a, b)
    protected = [np.array(a) for a in arrays]
    for a in protected:
        a.flags.writeable = False
    gradients(row, sample, protected)


# --------------------------------------------------------------------------------------------------
# Gradients


@samples(DIFFERENTIABLE, lambda row, sample: sample.smooth)
def test_gradients_are_those_of_finite_differences(row, sample):
    check_sample(row, sample)


@samples(DIFFERENTIABLE)
def test_backward_gives_what_vjp_gives(row, sample):
    """The two ways to the same gradients: leaves that accumulate, and a function that is transformed."""
    arrays = arrays_of(row, sample)

    def function(*new):
        return leaves(apply(row, sample, new))

    with np.errstate(all="ignore"):
        outputs, pullback = tg.vjp(function, *arrays)
        rng = np.random.default_rng(0)
        expected = pullback([rng.standard_normal(np.shape(y)) for y in outputs])
    for g, reference in zip(gradients(row, sample, arrays), expected, strict=True):
        if g is None:
            assert not reference.any()
        else:
            np.testing.assert_allclose(g, reference, rtol=1e-13, atol=1e-13)


@samples(DIFFERENTIABLE, lambda row, sample: len(arrays_of(row, sample)) > 1)
def test_each_argument_alone_gives_the_same_gradient(row, sample):
    """What is kept for the rules depends on which arguments want a gradient."""
    arrays = arrays_of(row, sample)
    together = gradients(row, sample, arrays)
    for i, expected in enumerate(together):
        alone = tg.asarray(arrays[i])
        alone.requires_grad = True
        for others in (arrays, [tg.asarray(a) for a in arrays]):  # whether the others are arrays, or Tensors
            alone.grad = None
            mixed = [*others[:i], alone, *others[i + 1 :]]
            rng = np.random.default_rng(0)
            for y in leaves(apply(row, sample, mixed)):
                g = rng.standard_normal(np.shape(y))
                if isinstance(y, Tensor) and y.requires_grad:
                    with np.errstate(all="ignore"):
                        y.backward(g.astype(y.dtype), retain_graph=True)
            if expected is not None:
                np.testing.assert_allclose(alone.grad._array, expected, rtol=1e-13, atol=1e-13)


@samples(DIFFERENTIABLE)
def test_float32_stays_float32(row, sample):
    with np.errstate(over="ignore"):
        arrays = [a.astype(np.float32) for a in arrays_of(row, sample)]
    expected = leaves(apply(row, sample, arrays, row.reference))
    outputs = raw(apply(row, sample, recorded(arrays)))
    assert [y.dtype for y in outputs] == [np.asarray(y).dtype for y in expected]
    exact = gradients(row, sample, [a.astype(np.float64) for a in arrays])
    for g, reference in zip(gradients(row, sample, arrays), exact, strict=True):
        assert (g is None) == (reference is None)
        if g is not None:
            assert g.dtype == np.float32
            if sample.smooth:
                np.testing.assert_allclose(g, reference, rtol=1e-3, atol=1e-4)


@samples([row for row in EVERY if not row.differentiable])
def test_what_has_no_gradient_is_not_recorded_and_says_so(row, sample):
    y = apply(row, sample, recorded(arrays_of(row, sample)))
    assert type(y) is Tensor
    assert not y.requires_grad
    with pytest.raises(BackwardError, match="nothing was recorded for this tensor"):
        y.backward(np.ones(y.shape))


@samples(DIFFERENTIABLE)
def test_nothing_is_recorded_under_no_grad(row, sample):
    inputs = recorded(arrays_of(row, sample))
    expected = raw(apply(row, sample, inputs))
    with tg.no_grad():
        outputs = leaves(apply(row, sample, inputs))
    assert not any(y.requires_grad for y in outputs if not any(y is x for x in inputs))
    for y, reference in zip(raw(outputs), expected, strict=True):
        same(y, reference)


# --------------------------------------------------------------------------------------------------
# Spellings


@samples(SPOKEN_BY_NUMPY)
def test_numpys_spelling_is_ours(row, sample):
    arrays = arrays_of(row, sample)
    ours = leaves(apply(row, sample, recorded(arrays)))
    theirs = leaves(apply(row, sample, recorded(arrays), row.reference))
    for a, b in zip(ours, theirs, strict=True):
        assert type(a) is type(b) is Tensor
        same(a._array, b._array)
        assert a.requires_grad == b.requires_grad
        if a.requires_grad:
            assert a._entry.op is b._entry.op


@samples([row for row in ROWS if row.method])
def test_the_method_is_the_op(row, sample):
    x, *rest = sample.arguments
    with np.errstate(all="ignore"):
        expected = getattr(x, row.method)(*rest, **sample.parameters)
        y = getattr(tg.tensor(x, requires_grad=row.differentiable), row.method)(*rest, **sample.parameters)
    assert type(y) is Tensor
    same(y._array, expected)
    assert y.requires_grad == (row.differentiable and y.dtype.kind == "f")


# --------------------------------------------------------------------------------------------------
# Refusals


@pytest.mark.parametrize(
    ("row", "bad"), [(row, bad) for row in EVERY for bad in row.bad], ids=lambda case: getattr(case, "fragment", None)
)
def test_bad_input_is_refused_with_a_message_that_says_why(row, bad):
    def wrapped(value: Any) -> Any:
        if isinstance(value, list):
            return [wrapped(item) for item in value]
        floating = is_array(value) and value.dtype.kind == "f"
        return tg.tensor(value, requires_grad=True) if floating else value

    with pytest.raises(bad.error) as caught:
        row.ours(*map(wrapped, bad.arguments), **bad.parameters)
    assert bad.fragment in "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])
