"""Choices and loops: what runs, in which order, how often; nested; with effects inside; and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import tapegrad.compat.v1 as tf


def runs(fetched, fed=None, times=5):
    """The values of several runs: op by op, while it is compiled, and compiled."""
    with tf.Session() as session:
        session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
        return [session.run(fetched, fed) for _ in range(times)]


def test_only_the_chosen_branch_acts():
    x = tf.placeholder(tf.float32, [])
    counts = [tf.get_variable(name, [], initializer=tf.zeros_initializer()) for name in "ab"]
    chosen = tf.cond(x > 0, lambda: tf.assign_add(counts[0], x), lambda: tf.assign_add(counts[1], 1))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for value in (1, 2, -1, 3, -2, 4, 5):
            session.run(chosen, {x: value})
        assert session.run(counts) == [15, 2]


def test_a_branch_may_be_an_operation_or_nothing_but_tensors():
    x = tf.placeholder(tf.float32, [])
    v = tf.get_variable("v", [], initializer=tf.zeros_initializer())
    done = tf.cond(x > 0, lambda: tf.group(v.assign_add(1)), tf.no_op)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for value in (1, -1, 1, 1):
            session.run(done, {x: value})
        assert session.run(v) == 3
    with pytest.raises(ValueError, match="must have a return value"):
        tf.cond(x > 0, lambda: None, lambda: None)


def test_old_arguments_of_cond():
    x = tf.placeholder(tf.float32, [])
    y = tf.cond(pred=x > 0, fn1=lambda: x, fn2=lambda: -x)
    with tf.Session() as session:
        assert [session.run(y, {x: value}) for value in (2, -3)] == [2, 3]


def test_what_cond_refuses():
    x = tf.placeholder(tf.float32, [])
    with pytest.raises(TypeError, match="pred must not be a Python bool"):
        tf.cond(True, lambda: x, lambda: x)
    with pytest.raises(TypeError, match="must be callable"):
        tf.cond(x > 0, x, x)
    with pytest.raises(ValueError, match="same type"):
        tf.cond(x > 0, lambda: x, lambda: 1)
    with pytest.raises(ValueError, match="same number"):
        tf.cond(x > 0, lambda: (x, x), lambda: (x,))


def test_case_without_a_default_and_exclusive():
    x = tf.placeholder(tf.float32, [])
    last = tf.case({x > 5: lambda: x, x > 1: lambda: -x})
    one = tf.case([(x > 5, lambda: x), (x > 1, lambda: -x)], exclusive=True, default=lambda: x * 0)
    with tf.Session() as session:
        for _ in range(5):
            assert session.run([last, one], {x: 2}) == [-2, -2]
            assert session.run(last, {x: 6}) == 6
            with pytest.raises(tf.errors.InvalidArgumentError, match="none of the predicates holds"):
                session.run(last, {x: 0})
            with pytest.raises(tf.errors.InvalidArgumentError, match="more than one predicate holds"):
                session.run(one, {x: 6})


def test_loops_in_loops_and_choices_in_loops():
    n = tf.placeholder(tf.int32, [])

    def outer(i, total):
        def inner(j, total):
            odd = tf.equal(tf.mod(i + j, 2), 1)
            return j + 1, total + tf.cond(odd, lambda: i * j, lambda: -1)

        return i + 1, tf.while_loop(lambda j, _: j < i, inner, [tf.constant(0), total])[1]

    total = tf.while_loop(lambda i, _: i < n, outer, [tf.constant(0), tf.constant(0)])[1]
    expected = sum(i * j if (i + j) % 2 else -1 for i in range(6) for j in range(i))
    assert runs(total, {n: 6}) == [expected] * 5


def test_a_loop_that_assigns_reads_what_it_assigned():
    v = tf.get_variable("v", [], initializer=tf.ones_initializer())

    def body(i):
        with tf.control_dependencies([v.assign(v * 2)]):
            return i + 1

    end = tf.while_loop(lambda i: i < 3, body, [tf.constant(0)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for turn in range(1, 5):
            session.run(end)
            assert session.run(v) == 8**turn


def test_random_numbers_and_prints_in_a_loop(capfd):
    def body(i, x):
        x = tf.Print(x, [i], "turn ")
        return i + 1, x + tf.random_uniform([])

    _, x = tf.while_loop(lambda i, x: i < 3, body, [tf.constant(0), tf.constant(0.0)])
    values = runs(x)
    assert len(set(values)) == 5
    assert all(0 < value < 3 for value in values)
    shown = capfd.readouterr()
    assert (shown.out + shown.err).count("turn ") == 15


def test_a_long_loop_stays_a_loop_and_differentiates():
    w = tf.get_variable("w", [], initializer=tf.constant_initializer(1.001))
    _, y = tf.while_loop(lambda i, y: i < 2000, lambda i, y: (i + 1, y * w), [tf.constant(0), tf.constant(1.0)])
    (g,) = tf.gradients(y, w)
    for value, gradient in runs([y, g]):
        assert value == pytest.approx(1.001**2000, 1e-3)
        assert gradient == pytest.approx(2000 * 1.001**1999, 1e-3)


def test_variables_made_inside_are_those_of_the_graph():
    x = tf.placeholder(tf.float32, [2, 3])

    def body(i, y):
        with tf.variable_scope("loop", reuse=tf.AUTO_REUSE):
            return i + 1, tf.layers.dense(y, 3, name="step")

    _, y = tf.while_loop(lambda i, y: i < 2, body, [tf.constant(0), x])
    (kernel, bias) = tf.trainable_variables()
    assert kernel.name == "loop/step/kernel:0"
    step = tf.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(y))
    fed = np.ones((2, 3), np.float32)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(4):
            w, b = session.run([kernel, bias])
            session.run(step, {x: fed})
            hidden = fed @ w + b
            new = session.run([kernel, bias])
            of_hidden = np.ones((2, 3)) @ w.T
            np.testing.assert_allclose(new[0], w - 0.1 * (hidden.T @ np.ones((2, 3)) + fed.T @ of_hidden), 1e-4, 1e-5)
            np.testing.assert_allclose(new[1], b - 0.1 * (2 + of_hidden.sum(0)), 1e-4, 1e-5)


def test_a_branch_may_hold_a_training_step():
    w = tf.get_variable("w", [], initializer=tf.constant_initializer(3.0))
    on = tf.placeholder(tf.bool, [])
    loss = tf.square(w)

    def train():
        return tf.group(tf.train.GradientDescentOptimizer(0.25).minimize(tf.square(w) + loss))

    step = tf.cond(on, train, tf.no_op)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        values = []
        for value in (True, False, True, True, False, True):
            session.run(step, {on: value})
            values.append(session.run(w))
        assert values == [0, 0, 0, 0, 0, 0]
        w.load(3.0, session)
        session.run(tf.cond(on, lambda: tf.gradients(w**3, w)[0], lambda: w), {on: True})


def test_gradients_inside_of_a_loop():
    x = tf.placeholder(tf.float32, [])

    def descend(i, y):
        return i + 1, y - 0.1 * tf.gradients(tf.square(y - 2), y)[0]

    _, y = tf.while_loop(lambda i, y: i < 3, descend, [tf.constant(0), x])
    expected = 5.0
    for _ in range(3):
        expected -= 0.2 * (expected - 2)
    np.testing.assert_allclose(runs(y, {x: 5.0}), [expected] * 5, 1e-6)


def test_what_while_loop_refuses():
    start = [tf.constant(0), tf.zeros([2])]
    with pytest.raises(ValueError, match="is not an invariant for the loop"):
        tf.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, tf.concat([x, x], 0)), start)
    with pytest.raises(TypeError, match="but has type float32"):
        tf.while_loop(lambda i: i < 3, lambda i: tf.cast(i, tf.float32), [tf.constant(0)])
    with pytest.raises(ValueError, match="as many tensors as there are loop variables"):
        tf.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1,), start)
    with pytest.raises(TypeError, match="must be callable"):
        tf.while_loop(1, 2, start)
    with pytest.raises(ValueError, match="same structure"):
        tf.while_loop(lambda i, x: i < 3, lambda i, x: (i, x), start, shape_invariants=[tf.TensorShape([])])


def test_what_is_inside_has_no_value_outside():
    kept = []

    def body(i):
        kept.append(i + 1)
        return kept[0]

    tf.while_loop(lambda i: i < 3, body, [tf.constant(0)])
    with tf.Session() as session, pytest.raises(tf.errors.InvalidArgumentError, match="inside of a loop or a choice"):
        session.run(kept[0])


def test_nests_in_loops():
    state = {"a": tf.constant(1.0), "b": (tf.constant(2.0), tf.constant(3.0))}
    out = tf.while_loop(lambda s: s["a"] < 10, lambda s: {"a": s["a"] * 2, "b": (s["b"][1], s["b"][0])}, [state])
    assert runs(out, times=1) == [{"a": 16, "b": (2, 3)}]
    ys = tf.map_fn(lambda row: {"sum": row["x"] + row["y"]}, {"x": tf.constant([1, 2]), "y": tf.constant([3, 4])})
    assert runs(ys, times=1)[0]["sum"].tolist() == [4, 6]


def test_tensor_arrays():
    array = tf.TensorArray(tf.float32, size=3)
    for place in range(3):
        array = array.write(place, tf.fill([2], float(place)))
    assert array.stack().shape.as_list() == [3, 2]
    split = tf.TensorArray(tf.float32, size=2).split(tf.constant([1.0, 2.0, 3.0]), [1, 2])
    grown = tf.TensorArray(tf.int32, size=0, dynamic_size=True).write(2, 7).write(0, 5).write(1, 6)
    scattered = tf.TensorArray(tf.int32, size=2).scatter([1, 0], tf.constant([1, 2]))
    fetched = [array.gather([2, 0]), array.concat(), split.read(1), grown.stack(), grown.size(), scattered.stack()]
    for values in runs(fetched):
        assert [np.asarray(v).tolist() for v in values] == [
            [[2, 2], [0, 0]], [0, 0, 1, 1, 2, 2], [2, 3], [5, 6, 7], 3, [2, 1],
        ]  # fmt: skip
    with tf.Session() as session:
        with pytest.raises(tf.errors.InvalidArgumentError, match="nothing was written there"):
            session.run(tf.TensorArray(tf.float32, size=2).read(1))
        with pytest.raises(tf.errors.InvalidArgumentError, match="array is not resizeable and size is: 3"):
            session.run(array.write(3, tf.zeros([2])).flow)
