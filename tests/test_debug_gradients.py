"""keep_gradients(): values on the way keep their gradients, whatever they are."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

import tapegrad as tg

X = np.array([0.3, -0.7, 1.1])
G = np.array([0.5, 2.0, -1.5])


def leaf(array=X):
    return tg.tensor(array, requires_grad=True)


def test_every_tensor_recorded_in_the_block_gets_its_gradient():
    x = leaf()
    with tg.keep_gradients():
        a = np.sin(x)
        b = a * a
        c = b + a
    c.backward(G)
    np.testing.assert_allclose(c.grad.numpy(), G)
    np.testing.assert_allclose(b.grad.numpy(), G)
    np.testing.assert_allclose(a.grad.numpy(), G * (2 * np.sin(X) + 1))
    np.testing.assert_allclose(x.grad.numpy(), a.grad.numpy() * np.cos(X))


def test_outside_of_the_block_only_leaves_do():
    x = leaf()
    before = x * 2
    with tg.keep_gradients():
        inside = before * 3
    after = inside * 4
    after.backward(G)
    assert before.grad is None
    assert after.grad is None
    np.testing.assert_allclose(inside.grad.numpy(), 4 * G)


def test_gradients_add_up_as_those_of_leaves_do():
    x = leaf()
    with tg.keep_gradients():
        y = x * 2
    z = y * 5
    z.backward(G, retain_graph=True)
    z.backward(G)
    np.testing.assert_allclose(y.grad.numpy(), 10 * G)


def test_ops_of_any_number_of_arguments_take_part():
    with tg.keep_gradients():
        a, b = leaf() * 2, leaf() * 3
        joined = tg.concat([a, b])
        product = tg.einsum("i,i->i", joined, joined)
    product.backward(np.arange(6.0))
    np.testing.assert_allclose(joined.grad.numpy(), 2 * np.arange(6.0) * np.concatenate([2 * X, 3 * X]))
    np.testing.assert_allclose(b.grad.numpy(), joined.grad.numpy()[3:])


def test_values_inside_of_transformed_functions_take_part():
    seen = []

    def f(x):
        seen.append(np.sin(x))
        return (seen[-1] ** 2 * G).sum()

    with tg.keep_gradients():
        tg.grad(f)(X)
    np.testing.assert_allclose(seen[0].grad.numpy(), 2 * np.sin(X) * G)


def test_python_numbers_take_part():
    seen = []

    def f(x):
        seen.append(x * 2.0)
        return seen[-1] * seen[-1] * x

    with tg.keep_gradients():
        assert tg.grad(f)(3.0) == 3 * 4 * 3.0**2
    assert seen[0].grad.item() == 2 * 6.0 * 3.0


def test_a_checkpoint_takes_part():
    x = leaf()
    with tg.keep_gradients():
        y = tg.checkpoint(lambda x: np.exp(x) * 2)(x)
        z = y * y
    z.backward(G)
    np.testing.assert_allclose(y.grad.numpy(), G * 2 * 2 * np.exp(X))


def test_create_graph_gives_gradients_that_can_be_differentiated():
    x = leaf()
    with tg.keep_gradients():
        y = x * x
        z = (y * y).sum()
        z.backward(create_graph=True)
    y.grad.backward(G)  # y.grad = 2 x^2
    np.testing.assert_allclose(x.grad.numpy(), 4 * X**3 + 4 * X * G)


@pytest.mark.parametrize("keep", ["keep_gradients", "retain_grad"])
def test_an_update_in_place_keeps_the_gradient_of_its_new_value(keep):
    x = leaf()
    if keep == "keep_gradients":
        with tg.keep_gradients():
            h = np.sin(x)
            h *= 3
    else:
        h = np.sin(x)
        h.retain_grad()
        h *= 3
    (h * h).backward(G)
    np.testing.assert_allclose(h.grad.numpy(), 2 * 3 * np.sin(X) * G)
    np.testing.assert_allclose(x.grad.numpy(), h.grad.numpy() * 3 * np.cos(X))


def test_leaves_made_in_the_block_are_leaves_as_any():
    with tg.keep_gradients():
        x, y = leaf(), tg.Tensor(X, requires_grad=True)
        (x * y).backward(G)
    np.testing.assert_allclose(x.grad.numpy(), G * X)
    np.testing.assert_allclose(y.grad.numpy(), G * X)


def test_no_tensor_is_kept_alive():
    x = leaf()
    gc.disable()
    try:
        with tg.keep_gradients():
            y = np.sin(x)
            z = (y * y).sum()
        alive = weakref.ref(y)
        del y
        assert alive() is None
    finally:
        gc.enable()
    z.backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * np.sin(X) * np.cos(X))


def test_other_threads_are_not_watched():
    x = leaf()
    made = []
    with tg.keep_gradients():
        thread = threading.Thread(target=lambda: made.append(x * 2))
        thread.start()
        thread.join()
    made[0].backward(G)
    assert made[0].grad is None


def test_without_a_record_nothing_happens():
    with tg.keep_gradients(), tg.no_grad():
        y = leaf() * 2
    assert y.grad is None
