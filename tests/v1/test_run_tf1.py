"""`python -m tapegrad run-tf1`: what is served under which name, statuses, tracebacks, and words on Python 2."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

import numpy as np
import pytest

import tapegrad.compat.v1 as tf
from tapegrad.compat import python2, serve
from tapegrad.compat.v1 import _missing


def run_tf1(folder, source, *arguments, status=0, options=()):
    """What a script of that source prints, and what it tells as errors."""
    (folder / "script.py").write_text(source)
    package = os.path.dirname(os.path.dirname(os.path.dirname(tf.__path__[0])))
    done = subprocess.run(
        [sys.executable, "-m", "tapegrad", "run-tf1", *options, "script.py", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": package},
    )
    assert done.returncode == status, done.stderr
    return done.stdout, done.stderr


SERVED = """
import sys
import beside
import tensorflow as tf
import tensorflow.compat.v1 as v1
import tensorflow.contrib.layers as layers
import tensorflow.nn.rnn_cell as cells
from tensorflow.contrib import rnn
from tensorflow.contrib.learn.python.learn.datasets.mnist import read_data_sets
from tensorflow.models.rnn import seq2seq
from tensorflow.examples.tutorials.mnist import input_data
from tensorflow.python.framework import ops, tensor_shape
from tensorflow.python.ops import array_ops, rnn_cell
from tensorflow.python.ops.array_ops import identity
import tapegrad.compat.v1 as ours

assert tf is ours and v1 is ours and ops is ours and array_ops is ours, tf
assert cells is rnn_cell is ours.nn.rnn_cell
assert layers is ours.contrib.layers and rnn is ours.contrib.rnn
assert seq2seq is ours.contrib.legacy_seq2seq
assert identity is ours.identity and read_data_sets is input_data.read_data_sets
assert tensor_shape.scalar() == ours.TensorShape([])
assert tf.__spec__.name == "tapegrad.compat.v1"
assert not hasattr(tf, "no_such_name")
print(__name__, __file__, sys.argv, sys.path[0] == sys.modules["beside"].__file__[:-10])
"""


def test_all_names_lead_to_the_same_modules_and_the_script_is_main(tmp_path):
    (tmp_path / "beside.py").write_text("")
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('the file beside the script was imported')")
    printed, told = run_tf1(tmp_path, SERVED, "-x", "--y=1")
    assert printed == "__main__ script.py ['script.py', '-x', '--y=1'] True\n"
    assert told == ""


@pytest.mark.parametrize(
    ("line", "status"), [("", 0), ("sys.exit()", 0), ("sys.exit(7)", 7), ("sys.exit('bad')", 1), ("1 / 0", 1)]
)
def test_statuses_are_those_of_python(line, status, tmp_path):
    run_tf1(tmp_path, f"import sys\n{line}\n", status=status)


def test_a_traceback_begins_in_the_script_and_ends_there_when_the_message_tells_all(tmp_path):
    source = (
        "import tensorflow as tf\nx = tf.placeholder(tf.float32, name='x')\ny = x + 1\nprint(tf.Session().run(y))\n"
    )
    _, told = run_tf1(tmp_path, source, status=1)
    lines = told.splitlines()
    assert lines[:2] == ["Traceback (most recent call last):", '  File "script.py", line 4, in <module>']
    assert len(lines) < 6
    assert "'x' with dtype float32 and shape <unknown> (built at script.py:2); it is needed for 'add:0'" in lines[-1]


PYTHON_2 = """import urllib2
print "hello", 1
try:
    pass
except ValueError, e:
    raise ValueError, "again"
for i in xrange(3):
    print i
if 1 <> 2: x = 0777
"""


def test_a_script_of_python_2_is_told_line_by_line(tmp_path):
    _, told = run_tf1(tmp_path, PYTHON_2, status=1)
    for number in (1, 2, 5, 6, 7, 8, 9):
        assert f"script.py:{number}: {PYTHON_2.splitlines()[number - 1].strip()}" in told
    assert "script.py is a script of Python 2" in told
    assert "write urllib.request" in told
    assert "write range" in told
    assert "2to3 -w script.py" in told


def test_other_mistakes_are_not_taken_for_python_2(tmp_path):
    _, told = run_tf1(tmp_path, "x = (1,\nprint(x)\n", status=1)
    assert "SyntaxError" in told
    assert "Python 2" not in told


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("xrange(3)", "write range"),
        ("import cPickle", "pickle.load(file, encoding='latin1')"),
        ("{}.iteritems()", "d.items()"),
        ("{}.has_key(1)", "key in d"),
        ("{}.keys().sort()", "list(d.keys())"),
        ("range(4 / 2)", "write //"),
        ("[1, 2][2 / 2:]", "write //"),
        ("map(str, [1])[0]", "list(...)"),
        ("len(zip([1], [2]))", "list(...)"),
        ("from itertools import izip", "zip"),
        ("import string; string.letters", "string.ascii_letters"),
        ("import urllib; urllib.urlretrieve", "urllib.request.urlretrieve"),
    ],
)
def test_what_python_2_had_is_told_when_it_is_missed(line, word):
    with pytest.raises(Exception) as caught:  # noqa: PT011  (of many kinds)
        exec(line, {})
    assert word in python2.of_error(caught.value)


def test_errors_of_today_get_no_word_on_python_2():
    for line in ["int('x')", "no_such_name", "import no_such_module", "[].no_such", "1 + 'x'"]:
        with pytest.raises(Exception) as caught:  # noqa: PT011
            exec(line, {})
        assert python2.of_error(caught.value) is None


def test_tabs_among_spaces_are_told():
    source = "if 1:\n        x = 1\n\ty = 2\n"
    with pytest.raises(TabError) as caught:
        compile(source, "s.py", "exec")
    assert "expand -t 8 s.py" in python2.of_syntax(caught.value, source, "s.py")[0]


def test_names_that_numpy_and_python_dropped_are_there_and_numbers_print_as_then(tmp_path):
    source = (
        "import collections, time\nimport numpy as np\n"
        "print(np.float(1), np.Inf, np.product([2, 3]), np.asscalar(np.array([4])))\n"
        "print(collections.Mapping, [np.float32(1)])\n"
        "time.clock()\n"
    )
    printed, _ = run_tf1(tmp_path, source)
    assert printed == "1.0 inf 6 4\n<class 'collections.abc.Mapping'> [1.0]\n"


def test_methods_that_arrays_had_are_there(tmp_path):
    source = (
        "import numpy as np\nfrom array import array\n"
        "a = np.array([[1, 9], [4, 2]], np.uint8)\n"
        "print(a.tostring(), a.T.tostring(order='F'), np.int32(7).tostring(), array('b', b'xy').tostring())\n"
        "print(a.ptp(), a.ptp(axis=0), np.fromstring(a.tostring(), np.uint8), np.fromstring('3 4', int, sep=' '))\n"
        "a.itemset((0, 1), 5)\na.itemset(3, 6)\nprint(a.tolist(), np.array([1], np.int16).newbyteorder()[0])\n"
        "class Own:\n    def tostring(self):\n        return 'own'\nprint(Own().tostring())\n"
        "Own().ptp()\n"
    )
    printed, told = run_tf1(tmp_path, source, status=1)
    assert printed.splitlines() == [
        r"b'\x01\t\x04\x02' b'\x01\t\x04\x02' b'\x07\x00\x00\x00' b'xy'",
        "8 [3 7] [1 9 4 2] [3 4]",
        "[[1, 5], [4, 6]] 256",
        "own",
    ]
    assert "'Own' object has no attribute 'ptp'" in told


TRAINS = """
import tensorflow as tf
w = tf.Variable([1.0, 4.0])
loss = tf.reduce_sum(tf.square(w))
step = tf.train.GradientDescentOptimizer(1.0).minimize(loss)
sess = tf.Session()
sess.run(tf.global_variables_initializer())
for _ in range(6):
    sess.run(step)
print(sess.run(w))
"""


def test_the_tape_is_shown_with_the_lines_that_built_it(tmp_path):
    printed, _ = run_tf1(tmp_path, TRAINS, options=["--show-tape"])
    assert printed.startswith("[1. 4.]\nThe tape of the last run")
    table = printed.splitlines()[3:]
    assert [line.split()[1] for line in table[1:4]] == ["leaf", "square", "sum"]
    assert table[2].endswith("script.py:4")
    printed, _ = run_tf1(tmp_path, "x = 1\n", options=["--show-tape"])
    assert "no tape" in printed


def test_data_of_a_folder_must_be_there(tmp_path):
    _, told = run_tf1(tmp_path, "", status=2, options=["--data", "nowhere"])
    assert told.startswith("tapegrad: run-tf1 --data: expected MNIST's files in nowhere, where train-images-idx3")
    assert "Traceback" not in told


def test_a_script_that_is_not_there_is_told(tmp_path):
    (tmp_path / "script.py").unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "tapegrad", "run-tf1", str(tmp_path / "none.py")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "none.py" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("matmull", ["tf.matmull is not covered", "tf.matmul (", "docs/tf1.md"]),
        ("import_graph_def", ["protocol buffers", "docs/tf1.md"]),
        ("sotfmax_cross_entropy_with_logits", ["tf.nn.softmax_cross_entropy_with_logits"]),
    ],
)
def test_a_name_that_is_not_covered_tells_what_is(name, words):
    with pytest.raises(AttributeError) as caught:
        getattr(tf, name)
    for word in words:
        assert word in str(caught.value)
    assert not hasattr(tf, name)


def test_every_public_module_tells_what_is_nearest():
    for path, module in _missing.public_modules():
        with pytest.raises(AttributeError) as caught:
            module.no_such_name_at_all  # noqa: B018
        assert "docs/tf1.md" in str(caught.value), path or "the root"


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("tensorflow.layerz", "tensorflow.layers"),
        ("tensorflow.contrib.slim", "tf.contrib.layers"),
        ("tensorflow.python.client.timeline", "tapegrad.profile"),
        ("tensorflow.models.image", "tensorflow.image"),
    ],
)
def test_a_module_that_is_not_covered_tells_what_is(name, word, monkeypatch):
    monkeypatch.setattr(sys, "meta_path", [serve._finder, *sys.meta_path])
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    with pytest.raises(ImportError) as caught:
        importlib.import_module(name)
    assert word in str(caught.value)
    assert "is not covered by tapegrad" in str(caught.value)


def test_every_inner_module_of_the_table_leads_somewhere():
    for place in tf.python.PLACES:
        value = tf.python
        for name in place.split("."):
            value = getattr(value, name)
        assert value is not None


def test_inner_moving_averages_weigh_the_past():
    average = tf.python.training.moving_averages.assign_moving_average
    x = tf.placeholder(tf.float32, [])
    v = tf.get_variable("v", initializer=tf.constant(5.0), trainable=False)
    w = tf.get_variable("w", initializer=tf.constant(5.0), trainable=False)
    both = [average(v, x, 0.9), average(w, x, 0.9, zero_debias=False)]
    assert [q.name for q in tf.global_variables()] == ["v:0", "w:0", "v/biased:0", "v/local_step:0"]
    values = np.array([3.0, 1.0, 4.0, 1.0, 5.0])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        found = [session.run(both, {x: value}) for value in values]
    for count in range(1, 6):
        weights = 0.1 * 0.9 ** np.arange(count)[::-1]
        alone = weights @ values[:count]
        wanted = [alone / weights.sum(), alone + 0.9**count * 5]
        np.testing.assert_allclose(found[count - 1], wanted, rtol=1e-5)


def test_inner_choices_that_are_known_are_made_at_once():
    choose = tf.python.layers.utils.smart_cond
    assert choose(True, lambda: "yes", lambda: "no") == "yes"
    assert choose(tf.constant(False), lambda: "yes", lambda: "no") == "no"
    which = tf.placeholder(tf.bool, [])
    out = choose(which, lambda: tf.constant(1.0), lambda: tf.constant(2.0))
    with tf.Session() as session:
        assert [session.run(out, {which: value}) for value in (True, False)] == [1, 2]


def test_six_is_served_where_it_is_not_installed(monkeypatch):
    monkeypatch.setattr(serve, "_installed", lambda name: False)
    monkeypatch.setattr(sys, "meta_path", [serve._finder, *sys.meta_path])
    monkeypatch.setattr(sys, "modules", {name: x for name, x in sys.modules.items() if name.split(".")[0] != "six"})
    names = {}
    exec("import six\nfrom six.moves import xrange, cPickle, urllib\nfrom six import iteritems", names)
    exec("from six.moves.urllib.request import urlretrieve", names)
    with pytest.raises(ModuleNotFoundError):
        exec("import six.moves.no_such_module", names)
    assert names["xrange"] is range
    assert names["six"].__name__ == "tapegrad.compat._six"
    assert names["six"].PY3
    assert list(names["iteritems"]({1: 2})) == [(1, 2)]
    assert names["urllib"].request.urlretrieve


def test_six_is_left_alone_where_it_is(monkeypatch):
    pytest.importorskip("six")
    assert serve._finder.find_spec("six") is None
    assert serve._finder.find_spec("numpy") is None
