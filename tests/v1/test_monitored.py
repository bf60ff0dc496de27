"""Monitored sessions and hooks; moving averages."""

import os

import numpy as np
import pytest

import tapegrad.compat.v1 as tf


def counting():
    """A step that counts, and a variable that doubles with it."""
    step = tf.train.get_or_create_global_step()
    w = tf.Variable(1.0, name="w")
    with tf.control_dependencies([w.assign(w * 2)]):
        return step.assign_add(1), w


def test_training_stops_saves_and_goes_on(tmp_path):
    for last, expected in ((5, 5), (8, 3)):
        with tf.Graph().as_default():
            train, _ = counting()
            stop = tf.train.StopAtStepHook(last_step=last)
            runs = 0
            with tf.train.MonitoredTrainingSession(
                checkpoint_dir=str(tmp_path), hooks=[stop], save_checkpoint_steps=2, save_checkpoint_secs=None
            ) as session:
                while not session.should_stop():
                    session.run(train)
                    runs += 1
            assert runs == expected
            with pytest.raises(RuntimeError, match="finalized"):
                tf.constant(1)
            with pytest.raises(RuntimeError, match="should_stop"):
                session.run(train)
    assert tf.train.latest_checkpoint(tmp_path) == str(tmp_path / "model.ckpt-8")
    assert tf.train.load_variable(str(tmp_path), "w") == 2.0**8
    kept = sorted(name for name in os.listdir(tmp_path) if name.endswith(".index"))
    assert kept == [f"model.ckpt-{step}.index" for step in (2, 4, 5, 7, 8)]


def test_hooks_are_told_in_order():
    told = []

    class Hook(tf.train.SessionRunHook):
        def begin(self):
            told.append("begin")
            self.twice = tf.constant(2) * 2

        def after_create_session(self, session, coord):
            told.append("created")

        def before_run(self, run_context):
            return tf.train.SessionRunArgs(self.twice)

        def after_run(self, run_context, run_values):
            told.append(int(run_values.results))
            if len(told) == 4:
                run_context.request_stop()

        def end(self, session):
            told.append("end")

    train, _ = counting()
    with tf.train.MonitoredSession(hooks=[Hook()]) as session:
        while not session.should_stop():
            assert session.run({"step": train})["step"] == len(told) - 2 or told[-1] == 4
    assert told == ["begin", "created", 4, 4, "end"]


def test_the_end_of_the_data_ends_quietly_and_errors_do_not():
    x = tf.data.Dataset.range(3).make_one_shot_iterator().get_next()
    seen = []
    with tf.train.SingularMonitoredSession() as session:
        while not session.should_stop():
            seen.append(int(session.run(x)))
    assert seen == [0, 1, 2]
    with pytest.raises(ZeroDivisionError), tf.train.MonitoredSession():
        raise ZeroDivisionError


def test_queues_of_a_monitored_session_are_started():
    batch = tf.train.batch([tf.train.range_input_producer(4, num_epochs=1, shuffle=False).dequeue()], 2)
    found = []
    with tf.train.MonitoredSession() as session:
        while not session.should_stop():
            found.append(session.run(batch).tolist())
    assert found == [[0, 1], [2, 3]]


def test_logging_and_nan():
    train, w = counting()
    lines = []
    log = tf.train.LoggingTensorHook({"w": w}, every_n_iter=2, formatter=lambda values: lines.append(values["w"]) or "")
    named = tf.train.LoggingTensorHook(["w:0"], at_end=True, formatter=lambda values: lines.append(values["w:0"]) or "")
    with tf.train.MonitoredSession(hooks=[log, named, tf.train.StopAtStepHook(num_steps=4)]) as session:
        while not session.should_stop():
            session.run(train)
    assert lines == [2, 8, 16]
    with tf.Graph().as_default():
        loss = tf.log(tf.constant(-1.0))
        with (
            pytest.raises(tf.train.NanLossDuringTrainingError),
            tf.train.MonitoredSession(hooks=[tf.train.NanTensorHook(loss)]) as session,
        ):
            session.run(loss)


def test_hooks_refuse_what_makes_no_sense():
    for make in (
        lambda: tf.train.StopAtStepHook(),
        lambda: tf.train.StopAtStepHook(1, 2),
        lambda: tf.train.LoggingTensorHook([], every_n_iter=0),
        lambda: tf.train.SecondOrStepTimer(),
    ):
        with pytest.raises(ValueError, match=r"must be|should be|invalid"):
            make()
    with pytest.raises(RuntimeError, match="Global step should be created"):
        tf.train.MonitoredSession(hooks=[tf.train.StopAtStepHook(1)])


def test_moving_averages(tmp_path):
    w, step = tf.Variable([4.0, 0.0], name="w"), tf.Variable(0, trainable=False)
    average = tf.train.ExponentialMovingAverage(0.9, step)
    update = average.apply([w])
    assert average.average(w).name == "w/ExponentialMovingAverage:0"
    assert average.average_name(w) == "w/ExponentialMovingAverage"
    assert tf.moving_average_variables() == [w]
    expected = np.float32([4, 0])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for number in range(5):
            session.run(w.assign([number, 1.0]))
            session.run(step.assign(number * 20))
            session.run(update)
            decay = min(0.9, (1 + number * 20) / (10 + number * 20))
            expected = decay * expected + (1 - decay) * np.float32([number, 1])
            np.testing.assert_allclose(session.run(average.average(w)), expected, rtol=1e-5)
        path = tf.train.Saver().save(session, str(tmp_path / "m"))
        tf.train.Saver(average.variables_to_restore()).restore(session, path)
        np.testing.assert_allclose(session.run(w), expected, rtol=1e-5)


def test_a_supervisor_starts_saves_and_goes_on(tmp_path):
    folder = str(tmp_path)
    for expected, last in ((0, 3), (0, 5), (5, 7)):
        with tf.Graph().as_default():
            step, w = counting()
            tf.summary.scalar("w", w)
            sv = tf.train.Supervisor(logdir=folder, save_model_secs=1000)
            with pytest.raises(RuntimeError, match="finalized"):
                tf.constant(1)
            with sv.managed_session() as sess:
                assert sess.run(sv.global_step) == expected  # nothing is saved at the end, as in TensorFlow
                while not sv.should_stop():
                    if sess.run(step) >= last:
                        sv.request_stop()
                if last == 5:
                    sv.saver.save(sess, sv.save_path, global_step=sv.global_step)
            assert sv.coord.joined
    assert tf.train.latest_checkpoint(folder) == os.path.join(folder, "model.ckpt-5")  # saved at the start, too
    assert tf.train.load_variable(folder, "w") == 2.0**5
    assert any(name.startswith("events.out") for name in os.listdir(folder))


def test_a_supervisor_does_what_is_due(tmp_path):
    step, w = counting()
    seen = []
    sv = tf.train.Supervisor(
        logdir=str(tmp_path), save_model_secs=1e-9, summary_op=None, init_fn=lambda sess: seen.append(sess.run(w))
    )
    sess = sv.prepare_or_wait_for_session()
    for _ in range(3):
        sess.run(step)
        assert not sv.should_stop()
    sv.stop()
    assert sv.should_stop()
    assert seen == [1.0]
    names = sorted(name for name in os.listdir(tmp_path) if name.endswith(".index"))
    assert names == [f"model.ckpt-{step}.index" for step in range(4)]


def test_a_supervisor_ends_quietly_with_the_data_and_tells_errors():
    numbers = tf.data.Dataset.range(2).make_one_shot_iterator().get_next()
    words = tf.placeholder(tf.string)
    sv = tf.train.Supervisor(saver=None, summary_op=None)
    assert (sv.saver, sv.save_path, sv.summary_writer) == (None, None, None)
    seen = []
    with sv.managed_session(start_standard_services=False) as sess:
        while True:
            seen.append(int(sess.run(numbers)))
    assert seen == [0, 1]
    with pytest.raises(tf.errors.InvalidArgumentError, match="feed"), sv.managed_session() as sess:
        sess.run(words)
    with pytest.raises(RuntimeError, match="summary writer"):
        sv.summary_computed(sess, b"")
