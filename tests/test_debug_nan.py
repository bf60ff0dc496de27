"""detect_nan(): which op or rule made the first NaN, where it was called, and when nothing here made it."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import tapegrad as tg

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of what is done here on purpose


def leaf(*values):
    return tg.tensor(list(values), dtype=np.float64, requires_grad=True)


def line(function, number):
    """The place of a line of a function, 0 being the one that it starts at."""
    return f"{__file__}:{function.__code__.co_firstlineno + number}"


def message(run, *arguments):
    """What the NaNError says that `run` raises."""
    with pytest.raises(tg.NaNError) as caught, tg.detect_nan():
        run(*arguments)
    return str(caught.value)


# Forward


def test_the_op_that_makes_a_nan_is_named_with_its_shapes_and_line():
    def run():
        y = leaf(1, -1, 4, -9) * 2
        return np.log(y) + 1

    assert message(run).startswith(
        "detect_nan: log of float64 (4,) gave 2 NaNs among 4 elements, the first at [1], where it is log of -2, "
        f"while no argument had one; it was called at {line(run, 2)}. "
    )


@pytest.mark.parametrize(
    ("run", "told"),
    [
        (lambda: leaf(np.inf) - np.inf, "subtract of float64 (1,) gave NaN, where it is subtract of inf and inf,"),
        (lambda: leaf(0, 1) / np.array([[1.0], [0.0]]), "divide of float64 (2,), float64 (2, 1) gave a NaN among 4"),
        (lambda: leaf(-8) ** 0.5, "pow of float64 (1,) gave NaN, where it is pow of -8 and 0.5,"),
        (lambda: leaf(np.inf, 1) @ leaf(0, 1), "matmul of float64 (2,), float64 (2,) gave NaN, while"),
        (lambda: np.sum(leaf(np.inf, -np.inf)), "sum of float64 (2,) gave NaN, while"),
        (lambda: tg.einsum("i,i->", leaf(np.inf, 1), leaf(0, 1)), "einsum of float64 (2,), float64 (2,) gave NaN,"),
        (lambda: np.log(tg.tensor([-1.0])), "log of float32 (1,) gave NaN"),  # recorded or not
        (lambda: leaf(3).astype(np.float16) * np.float16(np.inf) * 0, "multiply of float16 (1,) gave NaN"),
    ],
)
def test_every_kind_of_op_is_watched(run, told):
    assert f"detect_nan: {told}" in message(run)


def test_the_first_element_of_a_broadcast_result_tells_its_operands():
    told = message(lambda: leaf(0, 1) / np.array([[1.0], [0.0]]))
    assert "the first at [1, 0], where it is divide of 0 and 0," in told


def test_python_numbers_in_a_transform_are_watched():
    told = message(tg.grad(lambda x: x * float("inf") - x * float("inf")), 1.0)
    assert "gave NaN, where it is subtract of inf and inf" in told


def test_ops_that_are_not_recorded_are_watched():
    def run():
        with tg.no_grad():
            np.log(leaf(-1))

    assert "log of float64 (1,) gave NaN" in message(run)


@pytest.mark.parametrize(
    ("run", "told"),
    [
        (lambda: leaf(1, 2) * np.array([1, np.nan]), "argument 1 of multiply, float64 (2,), already had a NaN among 2"),
        (lambda: leaf(1, np.nan) * 2, "argument 0 of multiply, float64 (2,), already had a NaN among 2"),
        (lambda: leaf(1, 2) * float("nan"), "argument 1 of multiply, nan, already had NaN"),
        (lambda: leaf(1, 2) + np.float64("nan"), "argument 1 of add, float64 (), already had NaN"),
        (lambda: tg.concat([leaf(1), leaf(2), leaf(np.nan)]), "argument 2 of concat, float64 (1,), already had NaN"),
        (lambda: tg.pad(leaf(1), 1, constant_values=np.nan), "constant_values of pad, nan, already had NaN"),
        (lambda: tg.grad(lambda x: x * 2.0)(float("nan")), "argument 0 of multiply, nan, already had NaN"),
    ],
)
def test_a_nan_that_was_given_is_not_blamed_on_the_op(run, told):
    text = message(run)
    assert f"detect_nan: {told}" in text
    assert f"was called at {line(run, 0)}. " in text


@pytest.mark.parametrize(
    "run",
    [
        lambda x: x / np.array([0.0, 1.0, 1.0]),  # infinite, which is no NaN
        lambda x: tg.where(np.array([True, True, True]), x, np.nan),  # a NaN that nobody chooses
        lambda x: tg.nan_to_num(tg.tensor(np.array([np.nan, 1, 2]))) * x,
        lambda x: tg.isnan(tg.tensor(np.array([np.nan, 1, 2]))),
        lambda x: x[np.array([], int)],
        lambda x: tg.argmax(x),
    ],
)
def test_what_gives_no_nan_runs(run):
    with tg.detect_nan():
        run(leaf(1, 2, 3))


# Backward


def test_the_rule_that_makes_a_nan_is_named_with_the_line_of_its_op():
    def run():
        y = np.sqrt(leaf(4, 0, 9))
        z = tg.where(np.array([True, False, True]), y, 0.0) * np.array([1.0, 2.0, 3.0])
        z.sum().backward()

    assert message(run).startswith(
        "detect_nan: the gradient rule of sqrt for argument 0, float64 (3,), gave a NaN among 3 elements, the first "
        f"at [1], while the gradient that it was given had none; sqrt was called at {line(run, 1)}. "
    )


def test_the_line_may_be_known_from_debug_mode():
    def run():
        return (np.sqrt(leaf(0)) * 0.0).sum()

    with tg.debug():
        y = run()
    assert f"sqrt was called at {line(run, 1)}. " in message(y.backward)


def test_an_unknown_line_is_said_to_be_unknown():
    y = (np.sqrt(leaf(0)) * 0.0).sum()
    assert "; sqrt was called outside detect_nan(), so its line is not known. " in message(y.backward)


def test_a_rule_that_is_recorded_itself_is_told_in_the_note():
    def run():
        y = np.sqrt(leaf(0))
        (y * 0.0).sum().backward(create_graph=True)

    with pytest.raises(tg.NaNError, match="detect_nan: divide of") as caught, tg.detect_nan():
        run()
    (note,) = caught.value.__notes__
    assert note == f"in the gradient of sqrt for argument 0: arguments (1,), result (1,), called at {line(run, 1)}"


def test_transforms_are_watched():
    def f(x):
        return (np.sqrt(x) * 0.0).sum()

    assert f"sqrt was called at {line(f, 1)}. " in message(tg.grad(f), np.zeros(2))


NOT_A_RULE = "No gradient rule made it"


def test_a_nan_that_backward_was_given_is_not_blamed_on_a_rule():
    y = leaf(1, 2) * 2
    told = message(y.backward, np.array([1, np.nan]))
    assert "the gradient of the result of multiply, float64 (2,), has a NaN among 2 elements, the first at [1]" in told
    assert NOT_A_RULE in told


def test_nor_is_one_that_a_hook_made():
    y = leaf(1, 2) * 2
    y.register_hook(lambda g: np.full(g.shape, np.nan))
    told = message((y * 3).backward, np.ones(2))
    assert "the gradient of the result of multiply, float64 (2,), has 2 NaNs" in told
    assert NOT_A_RULE in told


def opposite_infinities(x):
    # 1 * inf and 1 * -inf arrive at x from two sides.
    return tg.concat([x * np.array([1.0, np.inf]), x * np.array([1.0, -np.inf])])


def test_infinities_that_cancel_at_a_leaf_are_found():
    x = leaf(1, 2)
    told = message(lambda: opposite_infinities(x).backward(np.ones(4)))
    assert "the gradient of a leaf, float64 (2,), has a NaN among 2 elements, the first at [1]" in told
    assert NOT_A_RULE in told


def test_infinities_that_cancel_at_an_argument_of_a_transform_are_found():
    _, pull = tg.vjp(opposite_infinities, np.array([1.0, 2.0]))
    assert NOT_A_RULE in message(pull, np.ones(4))


def test_gradients_that_are_numbers_arrive():
    x = leaf(4, 9)
    with tg.detect_nan():
        (np.sqrt(x) * x[0] * x[1]).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [9 / 4 * 4 + 9 * (2 + 3), 4 * (2 + 3) + 36 / 6])


# The block


def test_outside_of_the_block_nan_is_a_number_as_any():
    with pytest.raises(tg.NaNError), tg.detect_nan():
        np.log(leaf(-1))
    assert np.isnan(np.log(leaf(-1)).numpy()).all()


def test_other_threads_are_not_watched():
    made = []
    x = leaf(-1)
    with tg.detect_nan():
        thread = threading.Thread(target=lambda: made.append(np.log(x)))
        thread.start()
        thread.join()
    assert np.isnan(made[0].numpy()).all()


def test_the_error_is_a_floating_point_error():
    assert issubclass(tg.NaNError, FloatingPointError)
