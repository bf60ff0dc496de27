"""Random numbers: `tf.random`."""

from __future__ import annotations

from ._missing import not_covered
from ._random_ops import get_seed, multinomial, set_random_seed, truncated_normal
from ._random_ops import multinomial as categorical
from ._random_ops import random_gamma as gamma
from ._random_ops import random_normal as normal
from ._random_ops import random_poisson as poisson
from ._random_ops import random_shuffle as shuffle
from ._random_ops import random_uniform as uniform
from ._sampling import fixed_unigram_candidate_sampler, log_uniform_candidate_sampler, uniform_candidate_sampler

__all__ = [
    "categorical",
    "fixed_unigram_candidate_sampler",
    "gamma",
    "get_seed",
    "log_uniform_candidate_sampler",
    "multinomial",
    "normal",
    "poisson",
    "set_random_seed",
    "shuffle",
    "truncated_normal",
    "uniform",
    "uniform_candidate_sampler",
]

__getattr__ = not_covered(__name__)
