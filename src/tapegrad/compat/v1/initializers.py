"""Initializers under their short names: `tf.initializers`."""

from __future__ import annotations

from typing import Any

from ._initializers import (
    constant_initializer,
    glorot_normal_initializer,
    glorot_uniform_initializer,
    identity_initializer,
    ones_initializer,
    orthogonal_initializer,
    random_normal_initializer,
    random_uniform_initializer,
    truncated_normal_initializer,
    uniform_unit_scaling_initializer,
    variance_scaling_initializer,
    zeros_initializer,
)
from ._missing import not_covered
from ._variables import global_variables_initializer as global_variables
from ._variables import local_variables_initializer as local_variables
from ._variables import variables_initializer as variables

__all__ = [
    "constant",
    "global_variables",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "local_variables",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "truncated_normal",
    "uniform_unit_scaling",
    "variables",
    "variance_scaling",
    "zeros",
]

__getattr__ = not_covered(__name__)

constant = constant_initializer
glorot_normal = glorot_normal_initializer
glorot_uniform = glorot_uniform_initializer
identity = identity_initializer
ones = ones_initializer
orthogonal = orthogonal_initializer
random_normal = random_normal_initializer
random_uniform = random_uniform_initializer
truncated_normal = truncated_normal_initializer
uniform_unit_scaling = uniform_unit_scaling_initializer
variance_scaling = variance_scaling_initializer
zeros = zeros_initializer


def he_normal(seed: Any = None) -> variance_scaling_initializer:
    """Truncated normal numbers of variance 2 / fan in. Source: He et al., ICCV 2015."""
    return variance_scaling_initializer(2.0, "fan_in", "truncated_normal", seed)


def he_uniform(seed: Any = None) -> variance_scaling_initializer:
    """Uniform numbers of variance 2 / fan in. Source: He et al., ICCV 2015."""
    return variance_scaling_initializer(2.0, "fan_in", "uniform", seed)


def lecun_normal(seed: Any = None) -> variance_scaling_initializer:
    """Truncated normal numbers of variance 1 / fan in. Source: LeCun et al., Efficient BackProp, 1998."""
    return variance_scaling_initializer(1.0, "fan_in", "truncated_normal", seed)


def lecun_uniform(seed: Any = None) -> variance_scaling_initializer:
    """Uniform numbers of variance 1 / fan in. Source: LeCun et al., Efficient BackProp, 1998."""
    return variance_scaling_initializer(1.0, "fan_in", "uniform", seed)
