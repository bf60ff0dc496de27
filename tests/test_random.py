"""The stream of random numbers: what it draws, that it can be seeded, saved and continued, and who draws from it."""

from __future__ import annotations

import copy
import json
import pickle
import threading

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import random

DRAWS = {
    "uniform": lambda: random.uniform((3, 4), -1, 2),
    "normal": lambda: random.normal((3, 4), 1, 2),
    "truncated_normal": lambda: random.truncated_normal((3, 4)),
    "bernoulli": lambda: random.bernoulli((3, 4), 0.3),
    "integers": lambda: random.integers(0, 1000, (3, 4)),
    "permutation": lambda: random.permutation(12),
}
CONTINUOUS = [random.uniform, random.normal, random.truncated_normal, random.bernoulli]


def values(drawn):
    return drawn.numpy() if isinstance(drawn, tg.Tensor) else drawn


@pytest.fixture(autouse=True)
def _seeded():
    random.seed(2024)


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_a_seed_fixes_what_is_drawn(draw):
    random.seed(5)
    first, second = values(draw()), values(draw())
    random.seed(5)
    assert np.array_equal(values(draw()), first)
    assert not np.array_equal(first, second)
    random.seed(6)
    assert not np.array_equal(values(draw()), first)


def test_the_numbers_are_those_of_pcg64():
    numbers = np.random.Generator(np.random.PCG64(5))
    random.seed(5)
    assert np.array_equal(random.normal((3, 4), 1, 2, np.float64).numpy(), numbers.standard_normal((3, 4)) * 2 + 1)
    assert np.array_equal(random.uniform(5, -1, 2, np.float64).numpy(), numbers.random(5) * 3 - 1)
    assert np.array_equal(random.normal(5).numpy(), numbers.standard_normal(5, np.float32))
    assert np.array_equal(random.permutation(9), numbers.permutation(9))


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_a_state_is_continued_after_a_journey_through_json(draw):
    random.integers(0, 2, 3)  # leaves half of a 64-bit word over, which is part of the state
    state = json.loads(json.dumps(random.get_state()))
    first = values(draw())
    random.seed(0)
    random.set_state(state)
    assert np.array_equal(values(draw()), first)


def test_a_saved_state_does_not_move_with_the_stream():
    state = random.get_state()
    before = copy.deepcopy(state)
    random.normal(100)
    assert state == before
    assert state != random.get_state()


@pytest.mark.parametrize("state", [{}, {"bit_generator": "MT19937"}, None, 5, {"bit_generator": "PCG64", "state": 1}])
def test_a_state_that_was_not_saved_here_is_refused_and_changes_nothing(state):
    before = random.get_state()
    with pytest.raises(ValueError, match="set_state: expected what get_state gave, got"):
        random.set_state(state)
    assert random.get_state() == before


@pytest.mark.parametrize("draw", CONTINUOUS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("shape", [(), (0,), 3, (2, 0, 3), (2, 3)])
@pytest.mark.parametrize("dtype", [None, np.float16, np.float32, np.float64, np.longdouble])
def test_draws_have_the_shape_and_dtype_asked_for(draw, shape, dtype):
    drawn = draw(shape, dtype=dtype)
    assert isinstance(drawn, tg.Tensor)
    assert drawn.shape == (shape if isinstance(shape, tuple) else (shape,))
    assert drawn.dtype == (np.float32 if dtype is None else dtype)
    assert not drawn.requires_grad


def test_draws_follow_the_default_dtype():
    tg.set_default_dtype(np.float64)
    try:
        assert random.normal(2).dtype == np.float64
    finally:
        tg.set_default_dtype(np.float32)


@pytest.mark.parametrize("dtype", [np.int64, bool, np.complex64])
def test_a_draw_of_another_kind_of_dtype_is_refused(dtype):
    with pytest.raises(tg.DTypeError, match="draws are floating-point numbers"):
        random.normal(3, dtype=dtype)


N = 200_000


# Mean and variance of the distribution; the bounds are five standard errors.
@pytest.mark.parametrize(
    ("draw", "mean", "variance"),
    [
        (lambda: random.uniform(N, -1, 3), 1, 4**2 / 12),
        (lambda: random.normal(N, -2, 3), -2, 9),
        (lambda: random.truncated_normal(N, 1, 2), 1, 4 * 0.7737413),
        (lambda: random.bernoulli(N, 0.3), 0.3, 0.21),
        (lambda: random.integers(-2, 5, N), 1, (7**2 - 1) / 12),
    ],
)
def test_draws_have_the_moments_of_their_distribution(draw, mean, variance):
    drawn = np.asarray(values(draw()), np.float64)
    fourth = ((drawn - mean) ** 4).mean()
    assert abs(drawn.mean() - mean) < 5 * np.sqrt(variance / N)
    assert abs(((drawn - mean) ** 2).mean() - variance) < 5 * np.sqrt((fourth - variance**2) / N)


def test_draws_stay_within_their_bounds():
    drawn = random.uniform(N, -1, 3).numpy()
    assert drawn.min() >= -1
    assert drawn.max() <= 3
    drawn = random.truncated_normal(N, 1, 2).numpy()
    assert drawn.min() >= -3
    assert drawn.max() <= 5
    assert set(random.bernoulli(100, 0.5).numpy()) == {0.0, 1.0}
    assert set(random.integers(-2, 2, 100)) == {-2, -1, 0, 1}
    assert sorted(random.permutation(50)) == list(range(50))
    assert random.permutation(0).shape == (0,)


def test_the_edges_of_a_probability():
    assert random.bernoulli(1000, 0).numpy().sum() == 0
    assert random.bernoulli(1000, 1).numpy().sum() == 1000
    for probability in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="a probability lies between 0 and 1"):
            random.bernoulli(3, probability)


def test_a_generator_is_drawn_from_inside_its_block_only():
    with random.Generator(1):
        alone = random.normal(4).numpy()
    random.seed(9)
    first = random.normal(4).numpy()
    random.seed(9)
    with random.Generator(1) as outer:
        assert np.array_equal(random.normal(4).numpy(), alone)
        with random.Generator(1):
            assert np.array_equal(random.normal(4).numpy(), alone)
        assert random.get_state() == outer.get_state()
        random.seed(9)  # seeds the one inside whose block it stands
        assert np.array_equal(random.normal(4).numpy(), first)
    assert np.array_equal(random.normal(4).numpy(), first)


def test_a_block_ends_with_an_exception_too():
    state = random.get_state()
    with pytest.raises(KeyError), random.Generator(1):
        raise KeyError
    assert random.get_state() == state


def test_generators_without_a_seed_differ():
    assert random.Generator().get_state() != random.Generator().get_state()
    with pytest.raises(ValueError, match="non-negative"):
        random.Generator(-1)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g))])
def test_a_copied_generator_goes_on_by_itself(copied):
    generator = random.Generator(3)
    twin = copied(generator)
    for g in (generator, twin):
        with g:
            assert np.array_equal(
                random.integers(0, 100, 5), np.random.Generator(np.random.PCG64(3)).integers(0, 100, 5)
            )


def test_threads_with_generators_of_their_own_draw_what_each_draws_alone():
    def draw(seed):
        with random.Generator(seed):
            return [random.normal(50).numpy() for _ in range(50)]

    alone = [draw(seed) for seed in range(8)]
    together = [None] * 8
    threads = [threading.Thread(target=lambda s=s: together.__setitem__(s, draw(s))) for s in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.array_equal(alone, together)


def test_threads_that_share_the_stream_lose_no_number():
    """Each draw is one piece of the stream: together they are what one thread would have drawn."""
    random.seed(4)
    alone = {random.integers(0, 2**62, 4).tobytes() for _ in range(800)}
    random.seed(4)
    drawn = [[] for _ in range(8)]
    threads = [
        threading.Thread(target=lambda own=own: [own.append(random.integers(0, 2**62, 4)) for _ in range(100)])
        for own in drawn
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {piece.tobytes() for own in drawn for piece in own} == alone
