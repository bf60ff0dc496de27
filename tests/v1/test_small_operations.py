"""Operations, variables and data that scripts seldom ask for."""

import numpy as np
import pytest

import tapegrad.compat.v1 as tf
from tapegrad.compat.v1._missing import NotCoveredError

X = np.arange(12.0, dtype=np.float32).reshape(3, 4)


def run(tensor, feeds=None):
    with tf.Session() as session:
        session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
        return session.run(tensor, feeds)


def test_tensors_of_a_tuple_wait_for_each_other():
    state = tf.Variable(0)
    first, none, second = tf.tuple([tf.constant(1), None, tf.constant(2)], control_inputs=[tf.assign(state, 5).op])
    assert none is None
    with tf.Session() as session:
        session.run(state.initializer)
        assert session.run(first) == 1
        assert session.run([second, state]) == [2, 5]
    assert run(tf.identity_n([X, 3]))[1] == 3


def test_slices_of_each_example():
    places = np.array([[3, 0], [1, 1], [2, 3]])
    assert np.array_equal(run(tf.gather(X, places, batch_dims=1)), np.take_along_axis(X, places, 1))
    assert np.array_equal(run(tf.stack(tf.constant(X), axis=1)), X.T)
    assert np.array_equal(run(tf.stack(tf.constant(X))), X)


def test_shapes_are_broadcast():
    assert tf.broadcast_static_shape([3, 1], [4]).as_list() == [3, 4]
    assert tf.broadcast_static_shape([None, 1], [4]).as_list() == [None, 4]
    assert tf.broadcast_static_shape([2, None, 1], [3, None]).as_list() == [2, 3, None]
    assert tf.broadcast_static_shape([None], [None]).as_list() == [None]
    assert tf.broadcast_static_shape(None, [4]).ndims is None
    with pytest.raises(ValueError, match=r"3.*4"):
        tf.broadcast_static_shape([3], [4])
    assert run(tf.broadcast_dynamic_shape(tf.constant([3, 1]), tf.constant([4]))).tolist() == [3, 4]


def test_pieces_whose_sizes_a_run_tells():
    sizes = tf.placeholder(tf.int32, [2])
    first, second = tf.split(X, sizes, axis=1, num=2)
    found = run([first, second], {sizes: [1, 3]})
    assert np.array_equal(found[0], X[:, :1])
    assert np.array_equal(found[1], X[:, 1:])


def test_a_variable_scope_may_be_changed_while_it_is_open():
    with tf.variable_scope("a") as scope:
        scope.set_initializer(tf.constant_initializer(3))
        scope.set_regularizer(lambda x: tf.reduce_sum(x) * 2.0)
        scope.set_dtype(tf.float64)
        v = tf.get_variable("v", [2])
        n = tf.get_local_variable("n", [], initializer=tf.zeros_initializer())
        scope.set_custom_getter(lambda getter, name, *rest, **others: (name, others["shape"]))
        assert tf.get_variable("w", [4])[0] == "a/w"
    outside = tf.Variable(1.0)
    assert v.dtype.base_dtype == tf.float64
    assert scope.global_variables() == scope.trainable_variables() == [v]
    assert scope.local_variables() == [n]
    assert outside not in scope.get_collection(tf.GraphKeys.GLOBAL_VARIABLES)
    assert run(v).tolist() == [3, 3]
    assert run(tf.losses.get_regularization_loss()) == 12
    with tf.variable_scope("a") as scope:
        scope.reuse_variables()
        assert tf.get_variable("v", [2], tf.float64) is v


def test_which_variables_have_values():
    v, w = tf.Variable(1.0, name="v"), tf.Variable(2.0, name="w")
    left, has = tf.report_uninitialized_variables(), tf.is_variable_initialized(v)
    with tf.Session() as session:
        assert session.run(left).tolist() == [b"v", b"w"]
        session.run(v.initializer)
        assert session.run(has)
        assert session.run(left).tolist() == [b"w"]
        assert session.run(tf.report_uninitialized_variables([v])).tolist() == []
        assert session.run(w.initialized_value()) == 2.0


def test_what_a_variable_is():
    v = tf.Variable([1.0, 2.0], name="v")
    assert repr(v) == "<tf.Variable 'v:0' shape=(2,) dtype=float32_ref>"
    assert (v.device, v.get_shape().as_list(), {v: 1}[v]) == ("", [2], 1)
    assert run(v.value()).tolist() == run(v.read_value()).tolist() == [1, 2]
    with pytest.raises(ValueError, match="not compatible"):
        v.set_shape([3])
    with pytest.raises(TypeError, match="not iterable"):
        iter(v)
    with pytest.raises(NotCoveredError, match="protocol buffers"):
        v.to_proto()
    with pytest.raises(ValueError, match="must be fully defined"):
        tf.get_variable("w", [None, 2])


@pytest.mark.parametrize(
    ("optimizer", "moved"),
    [
        ("SGD", 0.5), ("Momentum", 0.5), (tf.train.GradientDescentOptimizer, 0.5),
        (tf.train.GradientDescentOptimizer(0.1), 0.1), (lambda rate: tf.train.GradientDescentOptimizer(rate), 0.5),
    ],
)  # fmt: skip
def test_a_training_step_by_an_optimizer_in_any_form(optimizer, moved):
    v = tf.Variable(3.0)
    step = tf.contrib.layers.optimize_loss(v * 1.0, tf.train.get_or_create_global_step(), 0.5, optimizer)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(step) == 3.0
        assert session.run(v) == pytest.approx(3 - moved)
        assert session.run(tf.train.get_global_step()) == 1


def test_training_steps_with_clipped_gradients_and_a_decayed_rate():
    v = tf.Variable([3.0, 4.0])
    loss, step = tf.reduce_sum(v * v) / 2, tf.train.get_or_create_global_step()
    optimize = tf.contrib.layers.optimize_loss
    clipped = optimize(loss, step, 1.0, "SGD", clip_gradients=1.0)  # of norm 5
    halved = optimize(loss, step, 1.0, "SGD", clip_gradients=lambda pairs: [(g / 2, v) for g, v in pairs])
    slow = optimize(loss, step, 1.0, "SGD", learning_rate_decay_fn=lambda rate, step: rate * 0.1)
    for training, told in ((clipped, [2.4, 3.2]), (halved, [1.5, 2.0]), (slow, [2.7, 3.6])):
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            session.run(training)
            assert session.run(v) == pytest.approx(told)
    with pytest.raises(ValueError, match="Optimizer name should be one of"):
        optimize(loss, step, 1.0, "Newton")
    with pytest.raises(NotCoveredError, match="gradient_noise_scale"):
        optimize(loss, step, 1.0, "SGD", gradient_noise_scale=1.0)


def test_optimizers_under_the_names_of_keras():
    known = tf.keras.optimizers
    for make, kind in (
        (known.SGD, "GradientDescentOptimizer"), (lambda: known.SGD(momentum=0.5), "MomentumOptimizer"),
        (known.Adam, "AdamOptimizer"), (known.RMSprop, "RMSPropOptimizer"), (known.Adagrad, "AdagradOptimizer"),
        (lambda: known.optimizer_of("Adam"), "AdamOptimizer"),
    ):  # fmt: skip
        assert isinstance(make(), getattr(tf.train, kind))
    v = tf.Variable(1.0)
    step = known.SGD(learning_rate=0.25).minimize(v * 1.0)
    with tf.Session() as session:
        session.run(v.initializer)
        session.run(step)
        assert session.run(v) == 0.75
    with pytest.raises(NotCoveredError, match="decay, clipnorm is not covered"):
        known.Adam(decay=0.1, clipnorm=1.0)
    with pytest.raises(ValueError, match="Unknown optimizer: 'newton'"):
        known.optimizer_of("newton")


def test_data_that_is_numbered_and_data_with_errors():
    data = tf.data.Dataset.range(4)
    odd = data.map(lambda x: tf.check_numerics(1.0 / tf.cast(x - 1, tf.float32), "not finite"))
    numbered = data.skip(2).enumerate(start=10).make_one_shot_iterator().get_next()
    kept = odd.apply(tf.data.experimental.ignore_errors()).make_one_shot_iterator().get_next()
    found = []
    with tf.Session() as session:
        assert session.run(numbered) == (10, 2)
        assert session.run(numbered) == (11, 3)
        found += [float(session.run(kept)) for _ in range(3)]
        with pytest.raises(tf.errors.OutOfRangeError):
            session.run(kept)
    assert found == [-1.0, 1.0, 0.5]


def test_pipelines_of_rows_and_epochs():
    row, label = tf.train.slice_input_producer([X, [5, 6, 7]], num_epochs=1, shuffle=False)
    rows, labels = tf.train.batch([row, label], 2, allow_smaller_final_batch=True)
    limited = tf.train.limit_epochs(tf.constant(4), num_epochs=2)
    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        coordinator = tf.train.Coordinator()
        threads = tf.train.start_queue_runners(session, coordinator)
        first, second = session.run([rows, labels]), session.run([rows, labels])
        assert np.array_equal(first[0], X[:2])
        assert [first[1].tolist(), second[1].tolist()] == [[5, 6], [7]]
        assert [session.run(limited), session.run(limited)] == [4, 4]
        with pytest.raises(tf.errors.OutOfRangeError):
            session.run(limited)
        coordinator.request_stop()
        coordinator.join(threads)
    with pytest.raises(ValueError, match="at least one tensor"):
        tf.train.slice_input_producer([])
    with pytest.raises(ValueError, match="num_epochs must be > 0"):
        tf.train.limit_epochs(1, 0)
    with pytest.raises(ValueError, match="All shapes must be fully defined"):
        tf.train.batch([tf.placeholder(tf.float32)], 2)


def test_files_that_fit_a_pattern(tmp_path):
    for name in ("b.txt", "a.txt", "c.csv"):
        (tmp_path / name).write_text("")
    found = run(tf.train.match_filenames_once(f"{tmp_path}/*.txt"))
    assert found.tolist() == [f"{tmp_path}/{name}".encode() for name in ("a.txt", "b.txt")]
