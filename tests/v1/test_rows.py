"""Gradients of tables are the rows that were looked up; optimizers move these in place, and nobody else sees that."""

import json
from pathlib import Path

import numpy as np
import pytest
from v1.golden import rows_cases as cases

import tapegrad.compat.v1 as tf

GOLDEN = json.loads((Path(__file__).parent / "golden" / "rows.json").read_text())


def agrees(found, expected):
    np.testing.assert_allclose(found["losses"], expected["losses"], rtol=2e-5)
    assert list(found["values"]) == list(expected["values"])
    for variable, value in expected["values"].items():
        np.testing.assert_allclose(found["values"][variable], value, rtol=5e-5, atol=2e-6, err_msg=variable)


@pytest.mark.parametrize("name", cases.OPTIMIZERS)
def test_training_follows_tensorflow(name):
    agrees(cases.train(tf, cases.OPTIMIZERS[name]), GOLDEN["optimizers"][name])


@pytest.mark.parametrize("name", cases.ROUTES)
def test_a_changed_gradient_follows_tensorflow(name):
    agrees(cases.train(tf, cases.OPTIMIZERS["momentum"], cases.ROUTES[name]), GOLDEN["routes"][name])


def test_gradients_are_tensorflows():
    for found, expected in zip(cases.gradients(tf), GOLDEN["gradients"], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_gradients_of_gradients():
    start = np.linspace(-1, 1, 10, dtype=np.float32).reshape(5, 2)
    table = tf.Variable(start)
    (first,) = tf.gradients(tf.reduce_sum(tf.nn.embedding_lookup(table, [1, 3]) ** 3), table)
    (second,) = tf.gradients(tf.reduce_sum(first * first), table)
    expected = np.zeros_like(start)
    expected[[1, 3]] = 36 * start[[1, 3]] ** 3
    with tf.Session() as session:
        session.run(table.initializer)
        for _ in range(4):
            np.testing.assert_allclose(session.run(second), expected, rtol=1e-5)


def test_lookups_in_a_loop_and_outside():
    table = tf.Variable(np.arange(8, dtype=np.float32).reshape(4, 2))
    inside = tf.map_fn(lambda place: tf.gather(table, place) ** 2, tf.constant([1, 2]), dtype=tf.float32)
    loss = tf.reduce_sum(inside) + tf.reduce_sum(tf.gather(table, [2, 2]))
    (gradient,) = tf.gradients(loss, table)
    with tf.Session() as session:
        session.run(table.initializer)
        for _ in range(4):
            np.testing.assert_allclose(session.run(gradient), [[0, 0], [4, 6], [10, 12], [0, 0]])


# --------------------------------------------------------------------------------------------------
# Nobody sees that rows are changed in place

START = np.linspace(-1, 1, 40, dtype=np.float32).reshape(10, 4)
STEPS = 6  # some of them compiled


class Table:
    """A table, and a step that takes 1 off the rows that are fed; `seen` is made of it before the step is."""

    def __init__(self, make=lambda: tf.train.GradientDescentOptimizer(1.0), see=tf.identity):
        self.variable = tf.Variable(START, name="table")
        self.seen = see(self.variable)
        self.ids = tf.placeholder(tf.int32, [None])
        self.optimizer = make()
        self.train = self.optimizer.minimize(tf.reduce_sum(tf.nn.embedding_lookup(self.variable, self.ids)))

    def step(self, session, *more):
        return session.run([self.train, *more], {self.ids: [2, 5, 2]})[1:]


def after(steps, start=START):
    """The table after some steps."""
    expected = start.copy()
    expected[2] -= 2 * steps
    expected[5] -= steps
    return expected


def array_of(session, variable):
    return session._values[variable]._array


def test_steps_write_into_one_array():
    table = Table(lambda: tf.train.MomentumOptimizer(1.0, 0.5))
    slot = table.optimizer.get_slot(table.variable, "momentum")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        table.step(session)
        arrays = [array_of(session, variable) for variable in (table.variable, slot)]
        for _ in range(STEPS):
            table.step(session)
        assert array_of(session, table.variable) is arrays[0]
        assert array_of(session, slot) is arrays[1]


def test_what_was_fetched_stays():
    table = Table(see=lambda x: tf.reshape(x, [4, 10]))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for step in range(STEPS):
            alone, view = session.run(table.variable), session.run(table.seen)
            read, old = table.step(session, table.variable, table.seen)
            np.testing.assert_allclose(read, after(step + 1), atol=1e-5)
            table.step(session)
            np.testing.assert_allclose(alone, after(step), atol=1e-5)
            np.testing.assert_allclose(view.reshape(10, 4), after(step), atol=1e-5)
            np.testing.assert_allclose(old.reshape(10, 4), after(step), atol=1e-5)
            session.run(table.variable.assign(after(step + 1)))


def test_a_variable_that_was_given_the_table_stays():
    table = Table()
    others = [tf.Variable(tf.zeros([10, 4])) for _ in range(4)]
    ways = [table.variable, tf.reshape(table.variable, [10, 4]), tf.identity(table.variable), table.variable[:]]
    copies = [tf.assign(other, way) for other, way in zip(others, ways, strict=True)]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for step in range(STEPS):
            table.step(session)
            session.run(copies)
            table.step(session)
            for other in others:
                np.testing.assert_allclose(session.run(other), after(2 * step + 1), atol=1e-5)
        np.testing.assert_allclose(session.run(table.variable), after(2 * STEPS), atol=1e-5)


def test_arrays_of_the_caller_stay():
    table = Table()
    mine = START + 3
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(STEPS):
            table.variable.load(mine, session)
            table.step(session)
            table.step(session)
            np.testing.assert_allclose(session.run(table.variable), after(2, START + 3), atol=1e-5)
            np.testing.assert_array_equal(mine, START + 3)
    np.testing.assert_array_equal(START, np.linspace(-1, 1, 40, dtype=np.float32).reshape(10, 4))


def test_a_variable_that_the_table_was_given_stays():
    table, other = Table(), tf.Variable(START + 3)
    give = table.variable.assign(other)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(STEPS):
            table.step(session)
            session.run(give)
            table.step(session)
            table.step(session)
            np.testing.assert_allclose(session.run(table.variable), after(2, START + 3), atol=1e-5)
            np.testing.assert_array_equal(session.run(other), START + 3)


def test_a_checkpoint_holds_the_moment_when_it_was_saved(tmp_path):
    table = Table()
    saver = tf.train.Saver()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(3):
            table.step(session)
        path = saver.save(session, str(tmp_path / "model.ckpt"))
        for _ in range(3):
            table.step(session)
        np.testing.assert_allclose(session.run(table.variable), after(6), atol=1e-5)
        for _ in range(2):
            saver.restore(session, path)
            table.step(session)
            np.testing.assert_allclose(session.run(table.variable), after(4), atol=1e-5)


def test_each_session_has_its_own_table():
    table = Table()
    with tf.Session() as one, tf.Session() as other:
        for session in (one, other):
            session.run(tf.global_variables_initializer())
        for step in range(STEPS):
            table.step(one)
            np.testing.assert_allclose(one.run(table.variable), after(step + 1), atol=1e-5)
            np.testing.assert_allclose(other.run(table.variable), after(0), atol=1e-5)
        table.step(other)
        np.testing.assert_allclose(other.run(table.variable), after(1), atol=1e-5)


def test_what_waits_for_the_step_sees_the_new_table():
    table = Table(see=lambda x: tf.reduce_sum(x, 1))
    built_later = tf.reduce_sum(table.variable, 1)
    with tf.control_dependencies([table.train]):
        later = tf.reduce_sum(table.variable.read_value(), 1)
        row = tf.gather(table.variable, 2)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for step in range(STEPS):
            old, new, second, third = table.step(session, table.seen, later, row, built_later)
            np.testing.assert_array_equal(new, third)
            np.testing.assert_allclose(old, after(step).sum(1), atol=1e-4)
            np.testing.assert_allclose(new, after(step + 1).sum(1), atol=1e-4)
            np.testing.assert_allclose(second, after(step + 1)[2], atol=1e-5)


def test_two_optimizers_in_one_run():
    """The second goes back through products with the table as it was when the run began."""
    weights = tf.Variable(np.ones((4, 1), np.float32))
    table = Table(see=lambda x: tf.matmul(x, weights))
    second = tf.train.GradientDescentOptimizer(0.01).minimize(tf.reduce_sum(table.seen), var_list=[weights])
    expected, w = START.copy(), np.ones((4, 1), np.float32)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(STEPS):
            table.step(session, second)
            w = w - 0.01 * expected.sum(0, keepdims=True).T
            expected = after(1, expected)
            np.testing.assert_allclose(session.run(weights), w, rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(session.run(table.variable), expected, atol=1e-4)


def test_two_steps_of_one_table_in_one_run():
    table = Table()
    other = tf.train.GradientDescentOptimizer(1.0).minimize(tf.reduce_sum(tf.gather(table.variable, [0, 2])))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        expected = START
        for _ in range(STEPS):
            table.step(session, other)
            expected = after(1, expected)
            expected[[0, 2]] -= 1
            np.testing.assert_allclose(session.run(table.variable), expected, atol=1e-4)


def test_a_place_that_does_not_exist_changes_nothing():
    table = Table()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for step in range(STEPS):
            with pytest.raises(tf.errors.InvalidArgumentError, match="from 0 to 9"):
                session.run(table.train, {table.ids: [1, 2, 10]})
            np.testing.assert_allclose(session.run(table.variable), after(step), atol=1e-5)
            table.step(session)


def test_a_table_without_a_value_is_told():
    table = Table(lambda: tf.train.MomentumOptimizer(1.0, 0.5))
    with tf.Session() as session:
        session.run(table.variable.initializer)
        for _ in range(4):
            with pytest.raises(tf.errors.FailedPreconditionError, match="table/Momentum"):
                table.step(session)
