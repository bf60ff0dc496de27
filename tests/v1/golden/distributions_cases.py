"""Distributions, made with `tf`, TensorFlow or tapegrad's names."""

from __future__ import annotations

from typing import Any


def values(tf: Any) -> dict[str, list[Any]]:
    """What is known of distributions without drawing from them."""
    d = tf.distributions
    normal, standard = d.Normal([0.5, 1.0], [[2.0], [0.3]]), d.Normal(0.0, 1.0)
    uniform = d.Uniform([1.0, 2.0], 4.0)
    coin, other_coin = d.Bernoulli(logits=[0.3, -2.0]), d.Bernoulli(probs=[0.2, 0.9])
    classes = d.Categorical(logits=[[1.0, 2.0, -1.0], [0.0, 0.0, 3.0]])
    others = d.Categorical(probs=[[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]])
    return {
        "normal": [
            normal.log_prob([0.1, 0.2]), normal.prob(1.0), normal.entropy(), normal.mean(), normal.stddev(),
            normal.cdf(0.7), d.kl_divergence(normal, standard), normal.variance(), normal.mode(),
        ],
        "uniform": [
            uniform.prob([3.0, 1.5]), uniform.entropy(), uniform.mean(), uniform.variance(), uniform.log_prob(3.0),
            uniform.stddev(),
        ],
        "bernoulli": [
            coin.log_prob([1, 0]), other_coin.prob([0, 1]), other_coin.entropy(), coin.mean(), other_coin.mode(),
            coin.variance(), coin.kl_divergence(other_coin), other_coin.logits,
        ],
        "categorical": [
            classes.log_prob([1, 2]), others.prob([0, 1]), classes.entropy(), others.mode(),
            d.kl_divergence(classes, others), others.logits, classes.probs, others.log_prob([[0, 1], [2, 2]]),
        ],
    }  # fmt: skip


def sizes(tf: Any) -> tuple[Any, list[Any]]:
    """A placeholder of (rows, 2), and the shapes of what is drawn."""
    d, rows = tf.distributions, tf.placeholder(tf.float32, [None, 2])
    made = [
        d.Normal([0.5, 1.0], [[2.0], [0.3]]), d.Uniform([1.0, 2.0], 4.0), d.Bernoulli(logits=[0.3, -2.0]),
        d.Categorical(logits=[[1.0, 2.0, -1.0], [0.0, 0.0, 3.0]]), d.Normal(rows, 1.0), d.Categorical(logits=rows),
    ]  # fmt: skip
    return rows, [tf.shape(one.sample(*size)) for one in made for size in ((), (3,), ([2, 3],))]
