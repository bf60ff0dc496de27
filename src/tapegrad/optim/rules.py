"""The update rules: pure functions of arrays, the old parameter, gradient and state in, the new ones out.

Nothing is written into, and nothing is remembered here: an optimizer keeps the state between steps. `rate` is the
learning rate, and `weight_decay` adds the gradient of `weight_decay / 2 * (parameter ** 2).sum()`. Each rule stands on
the arithmetic of one number, which comes below it with a name that begins with `_`: NumPy applies it to small arrays,
and for large ones it is compiled into one pass over memory. Both give the same bits.

TensorFlow and PyTorch place epsilon differently; where they do, the place is a parameter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels.choice import serves

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Array = np.ndarray[Any, np.dtype[Any]]

_SMALL = 1 << 14  # elements below which NumPy is quicker than handing arrays to a kernel


def _apply(
    rule: Callable[..., Any], arrays: Sequence[Array], numbers: Sequence[float], weight_decay: float = 0.0
) -> Any:
    """What `rule` makes of a parameter, its gradient and its state, and of numbers, which take the arrays' dtype."""
    parameter, gradient, *state = arrays
    numbers = [float(number) for number in numbers]  # a NumPy scalar would widen float32 arrays
    weight_decay = float(weight_decay)
    if parameter.size >= _SMALL and _has_kernel(arrays):
        from ..kernels import update

        new = update.apply(rule, arrays, numbers, weight_decay)
        return tuple(new) if state else new[0]
    with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):  # as silent as the kernels
        if weight_decay:
            gradient = gradient + weight_decay * parameter
        return rule(parameter, gradient, *state, *numbers)


def _has_kernel(arrays: Sequence[Array]) -> bool:
    """Whether there is compiled code for these arrays."""
    dtype, shape = arrays[0].dtype, arrays[0].shape
    return serves(dtype) and all(a.dtype == dtype and a.shape == shape for a in arrays)


def descend(parameter: Array, gradient: Array, rate: float, weight_decay: float = 0.0) -> Array:
    """Gradient descent: one step straight down the gradient."""
    return _apply(_descend, (parameter, gradient), (rate,), weight_decay)  # type: ignore[no-any-return]


def _descend(parameter: Any, gradient: Any, rate: Any) -> Any:
    return parameter - rate * gradient


def momentum(
    parameter: Array,
    gradient: Array,
    velocity: Array,
    rate: float,
    beta: float,
    nesterov: bool = False,
    weight_decay: float = 0.0,
) -> tuple[Array, Array]:
    """Gradient descent along a velocity, the sum of the past gradients, each weighted `beta` per step of its age.

    Nesterov's form stores the looked-ahead parameters, as PyTorch and TensorFlow do. Source: Sutskever et al.,
    On the importance of initialization and momentum in deep learning, ICML 2013.
    """
    rule = _nesterov if nesterov else _momentum
    return _apply(rule, (parameter, gradient, velocity), (rate, beta), weight_decay)  # type: ignore[no-any-return]


def _momentum(parameter: Any, gradient: Any, velocity: Any, rate: Any, beta: Any) -> Any:
    velocity = beta * velocity + gradient
    return parameter - rate * velocity, velocity


def _nesterov(parameter: Any, gradient: Any, velocity: Any, rate: Any, beta: Any) -> Any:
    velocity = beta * velocity + gradient
    return parameter - rate * (gradient + beta * velocity), velocity


def adagrad(
    parameter: Array, gradient: Array, total: Array, rate: float, epsilon: float, weight_decay: float = 0.0
) -> tuple[Array, Array]:
    """A step of the gradient over the root of `total`, the sum of all its squares.

    PyTorch starts `total` at 0 and adds an epsilon to the root; TensorFlow starts it at 0.1 and has none. Source:
    Duchi, Hazan and Singer, Adaptive subgradient methods, JMLR 2011.
    """
    return _apply(_adagrad, (parameter, gradient, total), (rate, epsilon), weight_decay)  # type: ignore[no-any-return]


def _adagrad(parameter: Any, gradient: Any, total: Any, rate: Any, epsilon: Any) -> Any:
    total = total + gradient * gradient
    return parameter - rate * gradient / (np.sqrt(total) + epsilon), total


def adadelta(
    parameter: Array,
    gradient: Array,
    square: Array,
    change: Array,
    rate: float,
    rho: float,
    epsilon: float,
    weight_decay: float = 0.0,
) -> tuple[Array, Array, Array]:
    """A step as large as the past ones: `change` is the running square of the steps, `square` of the gradients.

    Both families add epsilon inside of the roots. Source: Zeiler, ADADELTA: an adaptive learning rate method, 2012.
    """
    arrays = (parameter, gradient, square, change)
    return _apply(_adadelta, arrays, (rate, rho, 1 - rho, epsilon), weight_decay)  # type: ignore[no-any-return]


def _adadelta(
    parameter: Any, gradient: Any, square: Any, change: Any, rate: Any, rho: Any, rest: Any, epsilon: Any
) -> Any:
    square = rho * square + rest * (gradient * gradient)
    step = np.sqrt(change + epsilon) / np.sqrt(square + epsilon) * gradient
    return parameter - rate * step, square, rho * change + rest * (step * step)


def rmsprop(
    parameter: Array,
    gradient: Array,
    square: Array,
    mean: Array | None,
    velocity: Array | None,
    rate: float,
    alpha: float,
    beta: float,
    epsilon: float,
    tensorflow: bool = False,
    weight_decay: float = 0.0,
) -> tuple[Array, Array, Array | None, Array | None]:
    """A step of the gradient over the root of its running square, which weighs the past `alpha`.

    With a running `mean` of the gradient, this is centred: the square of the mean is taken off. With a `velocity`, the
    step goes along it, which weighs the past `beta`. PyTorch adds epsilon to the root and multiplies the velocity by
    the rate; `tensorflow` adds it inside of the root, and multiplies what goes into the velocity. Gives the new
    parameter, square, mean and velocity. Source: Tieleman and Hinton, lecture 6.5, 2012; centred: Graves, Generating
    sequences with recurrent neural networks, 2013.
    """
    inside, outside = (epsilon, 0.0) if tensorflow else (0.0, epsilon)
    before, after = (rate, 1.0) if tensorflow else (1.0, rate)
    numbers: list[float] = [alpha, 1 - alpha, inside, outside, before, after]
    arrays = [parameter, gradient, square]
    match mean is not None, velocity is not None:
        case False, False:
            rule: Callable[..., Any] = _rmsprop
        case False, True:
            rule = _rmsprop_along
            numbers.append(beta)
        case True, False:
            rule = _centred
        case _:
            rule = _centred_along
            numbers.append(beta)
    arrays += [array for array in (mean, velocity) if array is not None]
    parameter, square, *others = _apply(rule, arrays, numbers, weight_decay)
    return (
        parameter,
        square,
        others.pop(0) if mean is not None else None,
        others.pop(0) if velocity is not None else None,
    )


def _rmsprop(
    parameter: Any, gradient: Any, square: Any,
    alpha: Any, rest: Any, inside: Any, outside: Any, before: Any, after: Any,
) -> Any:  # fmt: skip
    square = alpha * square + rest * (gradient * gradient)
    step = before * gradient / (np.sqrt(square + inside) + outside)
    return parameter - after * step, square


def _rmsprop_along(
    parameter: Any, gradient: Any, square: Any, velocity: Any,
    alpha: Any, rest: Any, inside: Any, outside: Any, before: Any, after: Any, beta: Any,
) -> Any:  # fmt: skip
    square = alpha * square + rest * (gradient * gradient)
    velocity = beta * velocity + before * gradient / (np.sqrt(square + inside) + outside)
    return parameter - after * velocity, square, velocity


def _centred(
    parameter: Any, gradient: Any, square: Any, mean: Any,
    alpha: Any, rest: Any, inside: Any, outside: Any, before: Any, after: Any,
) -> Any:  # fmt: skip
    square = alpha * square + rest * (gradient * gradient)
    mean = alpha * mean + rest * gradient
    step = before * gradient / (np.sqrt(square - mean * mean + inside) + outside)
    return parameter - after * step, square, mean


def _centred_along(
    parameter: Any, gradient: Any, square: Any, mean: Any, velocity: Any,
    alpha: Any, rest: Any, inside: Any, outside: Any, before: Any, after: Any, beta: Any,
) -> Any:  # fmt: skip
    square = alpha * square + rest * (gradient * gradient)
    mean = alpha * mean + rest * gradient
    velocity = beta * velocity + before * gradient / (np.sqrt(square - mean * mean + inside) + outside)
    return parameter - after * velocity, square, mean, velocity


def adam(
    parameter: Array,
    gradient: Array,
    mean: Array,
    square: Array,
    step: int,
    rate: float,
    betas: tuple[float, float],
    epsilon: float,
    epsilon_hat: bool = False,
    weight_decay: float = 0.0,
    decoupled: bool = False,
) -> tuple[Array, Array, Array]:
    """A step of the gradient's running mean over the root of its running square; `step` counts from 1.

    Both start at zero and are corrected for it. `epsilon` is added to the corrected root, as PyTorch does, and with
    `epsilon_hat` to the root before it is corrected, as TensorFlow does. A `decoupled` weight decay shrinks the
    parameter itself by `rate * weight_decay`, instead of adding to the gradient. Sources: Kingma and Ba, Adam: a method
    for stochastic optimization, ICLR 2015, algorithm 1 and the end of section 2; Loshchilov and Hutter, Decoupled
    weight decay regularization, ICLR 2019.
    """
    beta1, beta2 = betas
    correction = (1 - beta2**step) ** 0.5
    numbers = (
        1 - rate * weight_decay if decoupled else 1.0,
        rate * correction / (1 - beta1**step),
        *_averages(betas),
        epsilon if epsilon_hat else epsilon * correction,
    )
    arrays = (parameter, gradient, mean, square)
    return _apply(_adam, arrays, numbers, 0.0 if decoupled else weight_decay)  # type: ignore[no-any-return]


def _adam(
    parameter: Any, gradient: Any, mean: Any, square: Any,
    keep: Any, rate: Any, beta1: Any, rest1: Any, beta2: Any, rest2: Any, epsilon: Any,
) -> Any:  # fmt: skip
    mean = beta1 * mean + rest1 * gradient
    square = beta2 * square + rest2 * (gradient * gradient)
    return keep * parameter - rate * mean / (np.sqrt(square) + epsilon), mean, square


def _averages(betas: tuple[float, float]) -> tuple[float, float, float, float]:
    """What running averages weigh the past and the present with; the difference is not left to the arrays' dtype."""
    beta1, beta2 = betas
    return beta1, 1 - beta1, beta2, 1 - beta2


def nadam(
    parameter: Array,
    gradient: Array,
    mean: Array,
    square: Array,
    product: float,
    step: int,
    rate: float,
    betas: tuple[float, float],
    epsilon: float,
    momentum_decay: float,
    weight_decay: float = 0.0,
) -> tuple[Array, Array, Array, float]:
    """Adam with Nesterov's look ahead: the mean in its step is the one that the next gradient will find.

    What weighs the past in the mean grows with the steps, the quicker the larger `momentum_decay`, towards the first
    beta; `product` is that of its values so far, 1 before the first step. Source: Dozat, Incorporating Nesterov
    momentum into Adam, 2016, in PyTorch's form.
    """
    weight = betas[0] * (1 - 0.5 * 0.96 ** (step * momentum_decay))
    following = betas[0] * (1 - 0.5 * 0.96 ** ((step + 1) * momentum_decay))
    product *= weight
    correction = (1 - betas[1] ** step) ** 0.5
    numbers = (
        rate * correction * (1 - weight) / (1 - product),
        rate * correction * following / (1 - product * following),
        *_averages(betas),
        epsilon * correction,
    )
    return *_apply(_nadam, (parameter, gradient, mean, square), numbers, weight_decay), product


def _nadam(
    parameter: Any, gradient: Any, mean: Any, square: Any,
    rate: Any, rate_of_mean: Any, beta1: Any, rest1: Any, beta2: Any, rest2: Any, epsilon: Any,
) -> Any:  # fmt: skip
    mean = beta1 * mean + rest1 * gradient
    square = beta2 * square + rest2 * (gradient * gradient)
    return parameter - (rate * gradient + rate_of_mean * mean) / (np.sqrt(square) + epsilon), mean, square


def adamax(
    parameter: Array,
    gradient: Array,
    mean: Array,
    largest: Array,
    step: int,
    rate: float,
    betas: tuple[float, float],
    epsilon: float,
    weight_decay: float = 0.0,
) -> tuple[Array, Array, Array]:
    """Adam with the largest of the past gradients, faded by `betas[1]` per step, in place of the root of the square.

    `epsilon` is added to the gradient's size, as PyTorch does. Source: Kingma and Ba, ICLR 2015, algorithm 2.
    """
    numbers = (rate / (1 - betas[0] ** step), betas[0], 1 - betas[0], betas[1], epsilon)
    arrays = (parameter, gradient, mean, largest)
    return _apply(_adamax, arrays, numbers, weight_decay)  # type: ignore[no-any-return]


def _adamax(
    parameter: Any, gradient: Any, mean: Any, largest: Any,
    rate: Any, beta1: Any, rest1: Any, beta2: Any, epsilon: Any,
) -> Any:  # fmt: skip
    mean = beta1 * mean + rest1 * gradient
    largest = np.maximum(beta2 * largest, np.abs(gradient) + epsilon)
    return parameter - rate * mean / largest, mean, largest


def lion(
    parameter: Array, gradient: Array, mean: Array, rate: float, betas: tuple[float, float], weight_decay: float = 0.0
) -> tuple[Array, Array]:
    """A step of `rate` in every number, towards the sign of a running mean; the weight decay is decoupled.

    `betas[0]` weighs the past in what the sign is taken of, `betas[1]` in what is kept. Source: Chen et al., Symbolic
    discovery of optimization algorithms, NeurIPS 2023, algorithm 2.
    """
    numbers = (1 - rate * weight_decay, rate, *_averages(betas))
    return _apply(_lion, (parameter, gradient, mean), numbers)  # type: ignore[no-any-return]


def _lion(
    parameter: Any, gradient: Any, mean: Any, keep: Any, rate: Any, beta1: Any, rest1: Any, beta2: Any, rest2: Any
) -> Any:
    step = np.sign(beta1 * mean + rest1 * gradient)
    return keep * parameter - rate * step, beta2 * mean + rest2 * gradient
