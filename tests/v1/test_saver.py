"""Checkpoints: what is saved is restored, by name; a kill in between leaves one that loads."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from safetensors.numpy import load_file

import tapegrad.compat.v1 as tf
from tapegrad.compat.v1._missing import NotCoveredError


def two():
    return tf.Variable([1.0, 2.0], name="w"), tf.Variable(3, name="n", trainable=False)


def started():
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    return session


def test_what_is_saved_is_restored(tmp_path):
    w, n = two()
    saver = tf.train.Saver()
    path = str(tmp_path / "model.ckpt")
    with started() as session:
        session.run([w.assign([5.0, 6.0]), n.assign(7)])
        assert saver.save(session, path, global_step=n) == path + "-7"
    with tf.Session() as session:  # nothing needs to be initialized
        saver.restore(session, path + "-7")
        np.testing.assert_array_equal(session.run(w), [5, 6])
        assert session.run(n) == 7
    assert {name: array.tolist() for name, array in load_file(path + "-7.index").items()} == {"w": [5, 6], "n": 7}
    assert json.loads((tmp_path / "model.ckpt-7.meta").read_text())["variables"]["w"]["shape"] == [2]


def test_slots_are_saved_too(tmp_path):
    w, _ = two()
    train = tf.train.AdamOptimizer(0.1).minimize(w * w)
    saver = tf.train.Saver()
    with started() as session:
        for _ in range(4):
            session.run(train)
        path = saver.save(session, tmp_path / "m")
        session.run(train)
        expected = session.run(w)
    assert sorted(load_file(path + ".index")) == ["beta1_power", "beta2_power", "n", "w", "w/Adam", "w/Adam_1"]
    with started() as session:
        session.run([train] * 2)
        saver.restore(session, path)
        session.run(train)
        np.testing.assert_array_equal(session.run(w), expected)


def test_some_variables_under_other_names(tmp_path):
    w, n = two()
    with started() as session:
        path = tf.train.Saver({"weights": w}).save(session, str(tmp_path / "m"))
        session.run([w.assign([0.0, 0.0]), n.assign(9)])
        tf.train.Saver({"weights": w}).restore(session, path)
        np.testing.assert_array_equal(session.run(w), [1, 2])
        assert session.run(n) == 9
        with pytest.raises(tf.errors.NotFoundError, match="Key w not found in checkpoint"):
            tf.train.Saver([w]).restore(session, path)
    reader = tf.train.NewCheckpointReader(path)
    assert reader.get_variable_to_shape_map() == {"weights": [2]}
    assert reader.has_tensor("weights")
    np.testing.assert_array_equal(reader.get_tensor("weights"), [1, 2])
    assert tf.train.list_variables(path) == [("weights", [2])]


def test_the_newest_are_kept(tmp_path):
    two()
    saver = tf.train.Saver(max_to_keep=2)
    with started() as session:
        for step in range(5):
            saver.save(session, str(tmp_path / "m"), global_step=step)
    assert sorted(os.listdir(tmp_path)) == ["checkpoint", "m-3.index", "m-3.meta", "m-4.index", "m-4.meta"]
    state = tf.train.get_checkpoint_state(tmp_path)
    assert state.model_checkpoint_path == tf.train.latest_checkpoint(tmp_path) == str(tmp_path / "m-4")
    assert state.all_model_checkpoint_paths == saver.last_checkpoints == [str(tmp_path / f"m-{i}") for i in (3, 4)]
    again = tf.train.Saver(max_to_keep=2)
    again.recover_last_checkpoints(state.all_model_checkpoint_paths)
    with started() as session:
        again.save(session, str(tmp_path / "m"), global_step=9, write_meta_graph=False)
    assert sorted(os.listdir(tmp_path)) == ["checkpoint", "m-4.index", "m-4.meta", "m-9.index"]


def test_a_relative_path_moves_with_its_folder(tmp_path, monkeypatch):
    two()
    monkeypatch.chdir(tmp_path)
    os.mkdir("logs")
    with started() as session:
        tf.train.Saver().save(session, "logs/m", 1)
    assert (tmp_path / "logs" / "checkpoint").read_text().splitlines()[0] == 'model_checkpoint_path: "m-1"'
    os.rename("logs", 'the "other" one')
    assert tf.train.latest_checkpoint('the "other" one') == os.path.join('the "other" one', "m-1")
    assert tf.train.latest_checkpoint("logs") is None


def test_refusals(tmp_path):
    with pytest.raises(ValueError, match="No variables to save"):
        tf.train.Saver()
    two()
    saver = tf.train.Saver()
    with started() as session:
        with pytest.raises(ValueError, match="doesn't exist, can't save"):
            saver.save(session, str(tmp_path / "none" / "m"))
        path = saver.save(session, str(tmp_path / "m"))
        for missing in (str(tmp_path / "other"), None):
            with pytest.raises(ValueError, match="save_path"):
                saver.restore(session, missing)
        (tmp_path / "bad.index").write_bytes(b"\0\1" * 50)
        with pytest.raises(tf.errors.DataLossError, match="Checkpoints of TensorFlow itself"):
            saver.restore(session, tmp_path / "bad")
    with tf.Session() as session, pytest.raises(tf.errors.FailedPreconditionError, match="uninitialized"):
        saver.save(session, str(tmp_path / "m"))
    with tf.Graph().as_default(), tf.Session() as session:
        _, n = tf.Variable([0.0] * 3, name="w"), tf.Variable(0, name="n")
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"w:0 is \(3,\).*\(2,\)"):
            tf.train.Saver().restore(session, path)
        with pytest.raises(tf.errors.FailedPreconditionError):  # nothing was restored
            session.run(n)
        with pytest.raises(NotCoveredError, match="Run the code that built the graph"):
            tf.train.import_meta_graph(path + ".meta")


def test_variables_start_with_a_checkpoint(tmp_path):
    two()
    with started() as session:
        path = tf.train.Saver().save(session, str(tmp_path / "m"))
    with tf.Graph().as_default():
        w = tf.Variable([0.0, 0.0], name="net/w")
        tf.train.init_from_checkpoint(path, {"/": "net/"})
        with started() as session:
            np.testing.assert_array_equal(session.run(w), [1, 2])


@pytest.mark.slow
def test_a_killed_process_leaves_a_checkpoint_that_loads(tmp_path):
    script = f"""
import numpy as np, tapegrad.compat.v1 as tf
step = tf.Variable(0, name="step")
rows = [tf.Variable(np.zeros(200_000, np.float32), name=f"w{{i}}") for i in range(4)]
change = [w.assign(w + 1) for w in rows] + [step.assign_add(1)]
saver = tf.train.Saver(max_to_keep=2)
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    while True:
        session.run(change)
        saver.save(session, {str(tmp_path / "m")!r}, global_step=step)
        print("saved", flush=True)
"""
    chance = random.Random(0)
    for _ in range(6):
        process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "saved\n"
        time.sleep(chance.uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        reader = tf.train.load_checkpoint(tmp_path)
        step = reader.get_tensor("step")
        assert tf.train.latest_checkpoint(tmp_path).endswith(f"m-{step}")
        assert all((reader.get_tensor(f"w{i}") == step).all() for i in range(4))


def test_what_a_saver_knows_of_its_checkpoints(tmp_path):
    two()
    saver = tf.train.Saver(pad_step_number=True)
    with started() as session:
        path = saver.save(session, tmp_path / "model", global_step=tf.constant(7))
    assert path == f"{tmp_path}/model-00000007"
    assert saver.last_checkpoints == [path]
    other = tf.train.Saver()
    other.set_last_checkpoints(["a", "b"])
    assert other.last_checkpoints == ["a", "b"]
    other.set_last_checkpoints_with_time([("c", 1.0)])
    assert other.last_checkpoints == ["c"]
    other.recover_last_checkpoints([path, f"{tmp_path}/gone"])
    assert other.last_checkpoints == [path]


def test_a_checkpoint_is_read_without_a_graph(tmp_path):
    two()
    with started() as session:
        path = tf.train.Saver().save(session, tmp_path / "model")
    for where in (path, tmp_path):
        reader = tf.train.load_checkpoint(where)
        assert reader.get_variable_to_shape_map() == {"w": [2], "n": []}
        assert reader.get_variable_to_dtype_map() == {"w": tf.float32, "n": tf.int32}
    assert tf.train.list_variables(path) == [("n", []), ("w", [2])]
    assert tf.train.load_variable(path, "w:0").tolist() == [1.0, 2.0]
    assert reader.has_tensor("w")
    assert not reader.has_tensor("v")
    with pytest.raises(tf.errors.NotFoundError, match="Key v not found"):
        reader.get_tensor("v")
    with pytest.raises(tf.errors.NotFoundError, match="there is no such checkpoint"):
        tf.train.NewCheckpointReader(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="Couldn't find 'checkpoint' file"):
        tf.train.load_checkpoint(tmp_path / "empty")


def test_new_checkpoints_are_given_until_none_comes(tmp_path):
    two()
    with started() as session:
        first = tf.train.Saver().save(session, tmp_path / "model", 1)
        found = tf.train.checkpoints_iterator(tmp_path, timeout=0.01)
        assert next(found) == first
        second = tf.train.Saver().save(session, tmp_path / "model", 2)
        assert list(found) == [second]
        asked = []
        again = tf.train.checkpoints_iterator(tmp_path, timeout=0, timeout_fn=lambda: asked.append(1) or len(asked) > 1)
        assert list(again) == [second]
        assert len(asked) == 2


def test_a_state_may_be_relative_to_its_folder(tmp_path):
    tf.train.update_checkpoint_state(str(tmp_path), f"{tmp_path}/m-2", [f"{tmp_path}/m-1"])
    assert tf.train.get_checkpoint_state(tmp_path).model_checkpoint_path == f"{tmp_path}/m-2"
    assert tf.train.get_checkpoint_state(tmp_path, "other") is None
    assert tf.train.get_checkpoint_state(None) is None


def test_variables_do_not_start_with_what_does_not_fit(tmp_path):
    two()
    with started() as session:
        path = tf.train.Saver().save(session, tmp_path / "model")
    with tf.Graph().as_default():
        tf.get_variable("v", [3])
        for names, told in (({"gone": "v"}, "gone is not found"), ({"w": "v"}, "doesn't match with shape")):
            with pytest.raises(ValueError, match=told):
                tf.train.init_from_checkpoint(path, names)


def test_graphs_in_files_are_not_covered():
    two()
    saver = tf.train.Saver()
    for act in (
        saver.export_meta_graph, saver.as_saver_def, saver.to_proto, tf.train.export_meta_graph,
        lambda: tf.train.import_meta_graph("x.meta"), lambda: tf.train.write_graph(None, "x", "y"),
    ):  # fmt: skip
        with pytest.raises(NotCoveredError):
            act()


def test_wrong_places_and_values_are_refused(tmp_path):
    two()
    with started() as session:
        saver = tf.train.Saver()
        with pytest.raises(ValueError, match="Parent directory"):
            saver.save(session, tmp_path / "none" / "model")
        with pytest.raises(ValueError, match="is a folder"):
            saver.save(session, f"{tmp_path}/")
        path = saver.save(session, tmp_path / "model")
    with tf.Graph().as_default():
        other = tf.Variable([1, 2], name="w")
        with tf.Session() as session, pytest.raises(tf.errors.InvalidArgumentError, match="of float32"):
            tf.train.Saver([other]).restore(session, path)
    with tf.Graph().as_default():
        column = tf.Variable([[0.0], [0.0]], name="w")
        with tf.Session() as session:
            tf.train.Saver([column], reshape=True).restore(session, path)
            assert session.run(column).tolist() == [[1.0], [2.0]]
