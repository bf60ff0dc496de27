"""Summaries and event files: the same messages as TensorFlow's, in files that other readers read."""

import io
import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from v1.golden import summary_cases as cases

import tapegrad.compat.v1 as tf
from tapegrad.compat.v1._missing import NotCoveredError
from tapegrad.compat.v1._png import encode_png

GOLDEN = json.loads((Path(__file__).parent / "golden" / "summary.json").read_text())


def parsed(content):
    message = tf.summary.Summary()
    message.ParseFromString(content)
    return message


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)))


@pytest.mark.parametrize("name", cases.CASES)
def test_summaries_are_tensorflows(name):
    expected = parsed(bytes.fromhex(GOLDEN[name]["summary"]))
    tensor = cases.CASES[name](tf)
    assert tensor.name == GOLDEN[name]["name"]
    with tf.Session() as session:
        found = parsed(session.run(tensor))
    assert [value.tag for value in found.value] == [value.tag for value in expected.value]
    for ours, theirs in zip(found.value, expected.value, strict=True):
        if theirs.HasField("image"):
            assert (ours.image.height, ours.image.width, ours.image.colorspace) == (3, 2, theirs.image.colorspace)
            np.testing.assert_array_equal(
                pixels(ours.image.encoded_image_string), pixels(theirs.image.encoded_image_string)
            )
        elif theirs.HasField("tensor"):
            assert list(ours.tensor.string_val) == list(theirs.tensor.string_val)
            assert ours.metadata.plugin_data.plugin_name == theirs.metadata.plugin_data.plugin_name
            assert ours.tensor.tensor_shape == theirs.tensor.tensor_shape
        elif theirs.HasField("histo"):
            for field in ("min", "max", "num", "sum", "sum_squares", "bucket", "bucket_limit"):
                np.testing.assert_allclose(getattr(ours.histo, field), getattr(theirs.histo, field), rtol=1e-12)
        else:
            assert ours == theirs


def events(folder):
    """The events of the one file in a folder."""
    from tensorboardX.proto.event_pb2 import Event

    (file,) = folder.iterdir()
    content, place, found = file.read_bytes(), 0, []
    while place < len(content):
        (length,) = struct.unpack_from("<Q", content, place)
        event = Event()
        event.ParseFromString(content[place + 12 : place + 12 + length])
        found.append(event)
        place += length + 16
    return found


def test_a_file_has_the_graph_and_the_summaries(tmp_path):
    from tensorboardX.proto.graph_pb2 import GraphDef

    x = tf.placeholder(tf.float32, [None, 2], name="x")
    with tf.control_dependencies([tf.no_op(name="first")]):
        y = tf.add(x, 1.0, name="layer/y")
    tf.summary.scalar("loss", y[0, 0])
    merged = tf.summary.merge_all()
    with tf.Session() as session, tf.summary.FileWriter(tmp_path / "logs", session.graph) as writer:
        for step in range(6):  # some of these compiled
            writer.add_summary(session.run(merged, {x: [[step, 0.0]]}), step)
        writer.flush()
        assert len(events(tmp_path / "logs")) == 8
        writer.add_summary(tf.summary.Summary(value=[tf.summary.Summary.Value(tag="own", simple_value=5)]), 9)
    first, graph, *summaries, own = events(tmp_path / "logs")
    assert first.file_version == "brain.Event:2"
    assert [(e.step, e.summary.value[0].simple_value) for e in summaries] == [(i, i + 1) for i in range(6)]
    assert (own.step, own.summary.value[0].tag) == (9, "own")
    described = {n.name: n for n in GraphDef.FromString(graph.graph_def).node}
    assert described["layer/y"].op == "Add"
    assert set(described["layer/y"].input) >= {"x", "^first"}
    assert [d.size for d in described["x"].attr["_output_shapes"].list.shape[0].dim] == [-1, 2]


def test_nothing_to_merge_and_what_is_refused():
    assert tf.summary.merge_all() is None
    broken = tf.summary.histogram("w", tf.constant([1.0, np.nan]))
    with (
        tf.Session() as session,
        pytest.raises(tf.errors.InvalidArgumentError, match="Nan in summary histogram for: w"),
    ):
        session.run(broken)
    with pytest.raises(NotCoveredError, match="tensor_summary is not covered"):
        tf.summary.tensor_summary("x", tf.constant(1))
    with pytest.raises(ValueError, match="expected a uint8 image"):
        encode_png(np.zeros((2, 2), np.uint8))


def test_scripts_run_without_the_library(tmp_path):
    """A writer warns that it writes nothing; what needs the library says what to install."""
    script = f"""
import sys, warnings
from importlib.abc import MetaPathFinder
class Absent(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] == "tensorboardX":
            raise ModuleNotFoundError(name)
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "tensorboardX" else real(name, *more)
sys.meta_path.insert(0, Absent())
import tapegrad.compat.v1 as tf
assert "tensorboardX" not in sys.modules
tf.summary.scalar("loss", tf.constant(1.0))
merged = tf.summary.merge_all()
with warnings.catch_warnings(record=True) as told, tf.Session() as session:
    warnings.simplefilter("always")
    writer = tf.summary.FileWriter({str(tmp_path / "logs")!r}, session.graph)
    writer.add_summary(session.run(merged), 1)
    writer.close()
print([str(w.message) for w in told])
try:
    tf.summary.Summary
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert "nothing is written to" in first
    assert 'pip install "tapegrad[tensorboard]"' in first
    assert second == 'tensorboardX not installed; run: pip install "tapegrad[tensorboard]"'
    assert not (tmp_path / "logs").exists()
