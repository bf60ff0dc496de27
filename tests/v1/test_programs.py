"""What surrounds a program: flags, files, messages, configuration, tests of its own."""
# ruff: noqa: PT009, PT027  (a script's own tests are unittest's)

import logging
import subprocess
import sys

import pytest

import tapegrad.compat.v1 as tf
from tapegrad.compat.v1 import flags as flags_module

SCRIPT = """
import tapegrad.compat.v1 as tf
flags = tf.app.flags
flags.DEFINE_integer("steps", 10, "How many steps.")
flags.DEFINE_float("rate", 1, "The rate.")
flags.DEFINE_string("folder", None, "Where.")
flags.DEFINE_boolean("fast", True, "Whether.")
flags.DEFINE_list("names", "a,b", "Which.")
FLAGS = flags.FLAGS

def main(argv):
    print(FLAGS.steps, FLAGS.rate, FLAGS.folder, FLAGS.fast, FLAGS.names, argv[1:])
    return 3

if __name__ == "__main__":
    tf.app.run()
"""


@pytest.mark.parametrize(
    ("arguments", "expected", "code"),
    [
        ([], "10 1.0 None True ['a', 'b'] []\n", 3),
        (["--steps=7", "-rate", "0.5", "--nofast", "x", "--folder", "a=b"], "7 0.5 a=b False ['a', 'b'] ['x']\n", 3),
        (["--fast=false", "--other=1", "--names=", "--", "--rate=2"], "10 1.0 None False [] ['--other=1', '--rate=2']\n", 3),  # noqa: E501
        (["--steps=many"], "", 1),
    ],
)  # fmt: skip
def test_flags_of_a_program(tmp_path, arguments, expected, code):
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, tmp_path / "script.py", *arguments], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == (expected, code)
    if code == 1:
        assert "flag --steps=many" in done.stderr


def test_flags():
    values = flags_module.FlagValues()
    flags_module.DEFINE_string("kind", "a", "Which.", flag_values=values)
    flags_module.DEFINE_enum("size", "small", ["small", "large"], flag_values=values)
    flags_module.DEFINE_integer("count", 3, lower_bound=1, flag_values=values)
    assert values(["program", "--kind=b", "rest"]) == ["program", "rest"]
    assert (values.kind, values.size, values["count"].value) == ("b", "small", 3)
    values.kind = "c"
    assert values.flag_values_dict() == {"kind": "c", "size": "small", "count": 3}
    assert "--[no]" not in values.main_module_help()
    for line in ("--size=huge", "--count=0"):
        with pytest.raises(flags_module.IllegalFlagValueError):
            values(["program", line])
    with pytest.raises(flags_module.Error, match="Unknown command line flag 'other'; there are count, kind, size"):
        values(["program", "--other=1"])
    with pytest.raises(flags_module.DuplicateFlagError, match="defined twice"):
        flags_module.DEFINE_string("kind", "other", flag_values=values)
    with pytest.raises(AttributeError, match="there is no flag 'none'"):
        _ = values.none
    flags_module.DEFINE_string("needed", None, flag_values=values)
    flags_module.mark_flag_as_required("needed", values)
    with pytest.raises(flags_module.IllegalFlagValueError, match="needed"):
        values(["program"])
    del values.needed
    assert "needed" not in values


def test_files(tmp_path):
    folder = str(tmp_path / "a" / "b")
    tf.gfile.MakeDirs(folder)
    path = folder + "/x.txt"
    with tf.gfile.GFile(path, "w") as file:
        file.write("one\ntwo\n")
    with tf.gfile.Open(path) as file:
        assert file.readline() == "one\n"
        assert [*file] == ["two\n"]
        assert file.size() == 8
    assert tf.gfile.FastGFile(path, "rb").read() == b"one\ntwo\n"
    tf.gfile.Copy(path, folder + "/y.txt")
    with pytest.raises(tf.errors.AlreadyExistsError):
        tf.gfile.Copy(path, folder + "/y.txt")
    tf.gfile.Rename(folder + "/y.txt", folder + "/z.txt")
    assert sorted(tf.gfile.ListDirectory(folder)) == ["x.txt", "z.txt"]
    assert tf.gfile.Glob(folder + "/*.txt") == [path, folder + "/z.txt"]
    assert next(iter(tf.gfile.Walk(str(tmp_path))))[1] == ["a"]
    assert tf.gfile.Stat(path).length == 8
    tf.gfile.Remove(path)
    assert not tf.gfile.Exists(path)
    tf.gfile.DeleteRecursively(str(tmp_path / "a"))
    assert not tf.gfile.IsDirectory(folder)
    for act in (tf.gfile.Remove, tf.gfile.ListDirectory, tf.gfile.Stat, lambda name: tf.gfile.GFile(name).read()):
        with pytest.raises(tf.errors.NotFoundError):
            act(path)


def test_messages(capsys):
    logger, before = logging.getLogger("tensorflow"), tf.logging.get_verbosity()
    handlers, propagate = logger.handlers[:], logger.propagate
    handler = tf.logging._Stream()
    logger.handlers, logger.propagate = [handler], False
    try:
        tf.logging.set_verbosity(tf.logging.INFO)
        for number in range(4):
            tf.logging.info("step %d", number)
            tf.logging.log_every_n(tf.logging.INFO, "every", 3)
            tf.logging.log_first_n(tf.logging.INFO, "first", 1)
        tf.logging.set_verbosity(tf.logging.ERROR)
        tf.logging.warn("unseen")
    finally:
        logger.handlers, logger.propagate = handlers, propagate
        tf.logging.set_verbosity(before)
    found = capsys.readouterr().err.split()
    assert found.count("every") == 2
    assert found.count("first") == 1
    assert found.count("step") == 4
    assert "unseen" not in found


def test_configuration_is_kept_and_changes_nothing():
    config = tf.ConfigProto(allow_soft_placement=True, gpu_options=tf.GPUOptions(per_process_gpu_memory_fraction=0.3))
    config.gpu_options.allow_growth = True
    config.intra_op_parallelism_threads = 4
    config.graph_options.optimizer_options.global_jit_level = tf.OptimizerOptions.ON_1
    assert config.allow_soft_placement
    assert config.gpu_options.per_process_gpu_memory_fraction == 0.3
    metadata, options = tf.RunMetadata(), tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
    with tf.Session(config=config) as session:
        assert session.run(tf.constant(2), options=options, run_metadata=metadata) == 2


def test_a_scripts_own_tests():
    class Own(tf.test.TestCase):
        def test_values(self):
            with self.test_session():
                self.assertAllClose(tf.constant([1.0, 2.0]).eval(), [1, 2])
            with self.assertRaises(AssertionError):
                self.assertAllEqual([1, 2], [1, 3])
            self.assertEqual(self.evaluate(tf.constant(3)), 3)

    result = Own("test_values").run()
    assert result is None or result.wasSuccessful()
    import unittest

    outcome = unittest.TestResult()
    Own("test_values").run(outcome)
    assert outcome.wasSuccessful()
    assert tf.test.gpu_device_name() == ""
    assert not tf.test.is_gpu_available()


def test_old_names_of_summaries(tmp_path):
    from tapegrad.compat.v1._old_names import OldNameWarning

    tf.warn_of_old_names(True)
    with pytest.warns(OldNameWarning, match=r"scalar_summary.*tf\.summary\.scalar"):
        tf.scalar_summary("loss", tf.constant(1.0))
    with pytest.warns(OldNameWarning, match="histogram_summary"):
        tf.histogram_summary("w", tf.constant([1.0]))
    with pytest.warns(OldNameWarning, match="merge_all"):
        merged = tf.merge_all_summaries()
    with pytest.warns(OldNameWarning, match="SummaryWriter"):
        writer = tf.train.SummaryWriter(str(tmp_path / "logs"), tf.get_default_graph())
    with tf.Session() as session:
        writer.add_summary(session.run(merged), 0)
    writer.close()
