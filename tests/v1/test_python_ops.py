"""Functions of the user's, prints, checks, strings, records, files and sparse tensors."""

import numpy as np
import pytest

import tapegrad.compat.v1 as tf
from tapegrad.compat.v1._missing import NotCoveredError


def run(*tensors, feeds=None):
    with tf.Session() as sess:
        return sess.run(list(tensors), feeds)


# --------------------------------------------------------------------------------------------------
# Functions of the user's


def test_py_func():
    x = tf.placeholder(tf.float32, [None, 2])

    def double(array):
        assert type(array) is np.ndarray
        array *= 2  # its own copy
        return array

    def both(array, number):
        return array.sum(), np.int64(number)

    y = tf.py_func(double, [x], tf.float32)
    assert y.shape.ndims is None
    y.set_shape([None, 2])
    total, number = tf.py_func(both, [x, 7], [tf.float32, tf.int64])
    fed = np.array([[1.0, 2.0]], np.float32)
    first, second, third, after = run(y, total, number, x + 0, feeds={x: fed})
    np.testing.assert_array_equal(first, [[2, 4]])
    np.testing.assert_array_equal(after, fed)
    assert (second, third) == (3, 7)
    assert run(tf.py_func(lambda s: s.upper(), ["ab"], tf.string)) == [b"AB"]


def test_py_func_of_another_kind_or_number():
    with pytest.raises(tf.errors.InvalidArgumentError, match="was to give float32, and gave float64"):
        run(tf.py_func(lambda: np.float64(1), [], tf.float32))
    with pytest.raises(tf.errors.InvalidArgumentError, match="was to give 2 values, and gave 1"):
        run(*tf.py_func(lambda: np.float32(1), [], [tf.float32, tf.float32]))
    with pytest.raises(NotCoveredError, match=r"tf.py_func"):
        tf.py_function(abs, [1], tf.int32)


def test_print_shows_values_and_does_not_keep_a_run_from_being_compiled(capsys):
    x = tf.placeholder(tf.float32, [None, 2])
    w = tf.Variable([[1.0], [2.0]])
    product = tf.matmul(tf.Print(x, [x, tf.shape(x)], "x: ", first_n=4, summarize=3), w)
    y = tf.reduce_sum(tf.Print(product, [w], first_n=0))
    slope = tf.gradients(y, w)[0]
    with tf.Session() as sess:
        sess.run(w.initializer)
        for _ in range(6):
            value, g = sess.run([y, slope], {x: [[1.0, 2.5], [3.0, 4.0]]})
            assert value == 17
            np.testing.assert_array_equal(g, [[4], [6.5]])
        assert any(p._parts is not None and not p._parts._refused for p in sess._plans.values())
    assert capsys.readouterr().err == "x: [[1 2.5][3...]...][2 2]\n" * 4


def test_print_as_a_function(capsys):
    run(tf.print("x =", tf.range(1, 9), tf.constant("s"), tf.constant([[1.0, 2.5], [3.0, 4.0]])))
    assert capsys.readouterr().err == 'x = [1 2 3 ... 6 7 8] "s" [[1 2.5]\n [3 4]]\n'
    run(tf.print([], tf.zeros([4, 2]), sep="|", summarize=-1, end=""))
    assert capsys.readouterr().err == "[]|[[0 0]\n [0 0]\n [0 0]\n [0 0]]"


# --------------------------------------------------------------------------------------------------
# Checks


def test_checks_stop_a_run():
    x = tf.placeholder(tf.float32, [None])
    positive = tf.assert_positive(x, message="prices")
    with tf.control_dependencies([positive]):
        y = tf.identity(x)
    np.testing.assert_array_equal(run(y, feeds={x: [1.0, 2.0]})[0], [1, 2])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"prices Condition x > y did not hold.*\[1 -2\]"):
        run(y, feeds={x: [1.0, -2.0]})
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"assertion failed: \[1 -2\]"):
        run(tf.Assert(tf.reduce_all(x > 0), [x]), feeds={x: [1.0, -2.0]})


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("assert_equal", (1, 1), (1, 2)),
        ("assert_none_equal", (1, 2), (1, 1)),
        ("assert_less", (1, 2), (2, 2)),
        ("assert_less_equal", (2, 2), (3, 2)),
        ("assert_greater", (3, 2), (2, 2)),
        ("assert_greater_equal", (2, 2), (1, 2)),
        ("assert_negative", (-1,), (0,)),
        ("assert_non_negative", (0,), (-1,)),
        ("assert_non_positive", (0,), (1,)),
        ("assert_rank", ([1], 1), ([1], 2)),
        ("assert_rank_at_least", ([1], 1), ([1], 2)),
        ("assert_rank_in", ([1], (1, 2)), ([1], (0, 2))),
        ("assert_scalar", (1,), ([1],)),
        ("assert_integer", (1,), (1.0,)),
        ("assert_type", (1, tf.int32), (1, tf.float32)),
    ],
)
def test_what_is_known_is_checked_while_the_graph_is_built(name, good, bad):
    run(getattr(tf, name)(*good))
    with pytest.raises((tf.errors.InvalidArgumentError, ValueError, TypeError)):
        getattr(tf, name)(*bad)


def test_ranks_that_only_a_run_knows():
    x = tf.placeholder(tf.float32)
    check = tf.assert_rank(x, 1)
    run(check, feeds={x: [1.0]})
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"must have rank 1, got \(1, 1\)"):
        run(check, feeds={x: [[1.0]]})


def test_numerics():
    x = tf.placeholder(tf.float32)
    y = tf.check_numerics(x, "the loss")
    for _ in range(4):
        with tf.Session() as sess:
            assert [sess.run(y, {x: 1.0}) for _ in range(4)] == [1] * 4
            with pytest.raises(tf.errors.InvalidArgumentError, match="the loss : Tensor had NaN values"):
                sess.run(y, {x: np.nan})


# --------------------------------------------------------------------------------------------------
# Strings and records


def test_strings():
    text = tf.constant(["ab c", "d"])
    strings = [
        tf.string_join([text, "x"], "-"),
        tf.substr(text, 1, 2),
        tf.strings.upper(text),
        tf.strings.lower(tf.constant("AB")),
        tf.strings.strip(tf.constant("  a ")),
        tf.regex_replace(text, "[a-c]", "."),
        tf.reduce_join(text, 0, separator="+"),
        tf.reduce_join([["a", "b"], ["c", "d"]], axis=0),
        tf.as_string([1, 20]),
        tf.as_string([1.5], precision=2),
        tf.as_string([True, False]),
        tf.decode_base64(tf.encode_base64(text)),
    ]
    expected = [
        [b"ab c-x", b"d-x"], [b"b ", b""], [b"AB C", b"D"], b"ab", b"a", [b".. .", b"d"], b"ab c+d", [b"ac", b"bd"],
        [b"1", b"20"], [b"1.50"], [b"true", b"false"], [b"ab c", b"d"],
    ]  # fmt: skip
    assert all(t.dtype == tf.string for t in strings)
    assert [np.asarray(value).tolist() for value in run(*strings)] == expected
    assert run(tf.strings.length(text))[0].tolist() == [4, 1]
    assert run(tf.string_to_number(["1.5", "-2"]), tf.string_to_number("7", tf.int64))[0].tolist() == [1.5, -2]
    with pytest.raises(tf.errors.InvalidArgumentError, match="could not correctly convert string: x"):
        run(tf.string_to_number(["x"]))
    buckets = run(tf.string_to_hash_bucket_fast(text, 5))[0]
    assert buckets.dtype == np.int64
    assert ((buckets >= 0) & (buckets < 5)).all()
    parts = run(tf.string_split(["a b", "", "c  d e"]))[0]
    assert parts.indices.tolist() == [[0, 0], [0, 1], [2, 0], [2, 1], [2, 2]]
    assert parts.values.tolist() == [b"a", b"b", b"c", b"d", b"e"]
    assert parts.dense_shape.tolist() == [3, 3]
    assert run(tf.string_split(["a,,b"], ",", skip_empty=False))[0].values.tolist() == [b"a", b"", b"b"]


def test_records_of_text():
    line = tf.placeholder(tf.string, [None])
    number, real, text = tf.decode_csv(line, [[0], [1.5], tf.constant(["?"])])
    assert [t.dtype.name for t in (number, real, text)] == ["int32", "float32", "string"]
    assert number.shape.as_list() == [None]
    fed = {line: ['1,2.5,"a,b"', "7,,\r\n", '3,1e3,say ""hi""']}
    a, b, c = run(number, real, text, feeds=fed)
    assert (a.tolist(), b.tolist(), c.tolist()) == ([1, 7, 3], [2.5, 1.5, 1000], [b"a,b", b"?", b'say ""hi""'])
    with pytest.raises(tf.errors.InvalidArgumentError, match="Expect 2 fields but have 3 in record 0"):
        run(*tf.decode_csv("1,2,3", [[0], [0]]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="Field 1 is required but missing in record 0!"):
        run(*tf.decode_csv("1,", [[0], tf.constant([], tf.int32)]))
    assert run(*tf.decode_csv("1 2 NA", [[0], [9]], field_delim=" ", na_value="NA", select_cols=[1, 2])) == [2, 9]


def test_records_of_bytes():
    raw = np.arange(6, dtype=np.float32).reshape(2, 3)
    text = tf.constant([row.tobytes() for row in raw])
    assert tf.decode_raw(text, tf.float32).shape.as_list() == [2, None]
    np.testing.assert_array_equal(run(tf.decode_raw(text, tf.float32))[0], raw)
    assert run(tf.decode_raw("\x01\x00", tf.int16, little_endian=False))[0].tolist() == [256]
    with pytest.raises(tf.errors.InvalidArgumentError, match="all be the same size"):
        run(tf.decode_raw(["ab", "c"], tf.uint8))


def test_files(tmp_path):
    path = str(tmp_path / "in" / "a.txt")
    run(tf.write_file(path, "hello"))
    assert run(tf.read_file(path)) == [b"hello"]
    assert run(tf.matching_files(str(tmp_path / "*" / "*.txt")))[0].tolist() == [path.encode()]
    with pytest.raises(tf.errors.NotFoundError, match="No such file"):
        run(tf.read_file(path + "x"))


def test_pictures_in_files():
    pytest.importorskip("PIL")
    picture = np.random.default_rng(1).integers(0, 256, (5, 4, 3), np.uint8)
    file = run(tf.image.encode_png(picture))[0]
    read = tf.image.decode_png(tf.constant(file), channels=3)
    assert read.shape.as_list() == [None, None, 3]
    same, grey, any_kind, deep = run(
        read, tf.image.decode_png(file, 1), tf.image.decode_image(file), tf.image.decode_png(file, dtype=tf.uint16)
    )
    np.testing.assert_array_equal(same, picture)
    np.testing.assert_array_equal(any_kind, picture)
    np.testing.assert_array_equal(deep, picture.astype(np.uint16) * 257)
    assert grey.shape == (5, 4, 1)
    smooth = np.broadcast_to(np.arange(0, 160, 10, dtype=np.uint8)[:, None, None], (16, 16, 3))
    lossy = run(tf.image.decode_jpeg(tf.image.encode_jpeg(smooth)))[0]
    assert np.abs(lossy.astype(int) - smooth).max() <= 4
    with pytest.raises(tf.errors.InvalidArgumentError, match="unknown image file format"):
        run(tf.image.decode_jpeg("no picture"))


# --------------------------------------------------------------------------------------------------
# Sparse tensors and rows of variables


def test_sparse_tensors_are_fed_and_fetched():
    x = tf.sparse_placeholder(tf.float32, [3, 4])
    dense = tf.sparse_tensor_to_dense(x)
    assert dense.shape.as_list() == [3, 4]
    value = tf.SparseTensorValue(np.array([[0, 1], [2, 3]]), np.array([1.0, 2.0], np.float32), [3, 4])
    fetched, whole = run(x, dense, feeds={x: value})
    assert type(fetched) is tf.SparseTensorValue
    assert fetched.indices.tolist() == [[0, 1], [2, 3]]
    np.testing.assert_array_equal(whole, [[0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 2]])
    unordered = tf.SparseTensor([[2, 0], [0, 1]], [5.0, 6.0], [3, 2])
    assert unordered.shape.as_list() == [3, 2]
    assert run(tf.sparse_reorder(unordered))[0].values.tolist() == [6, 5]
    assert run(tf.sparse_reduce_sum(unordered, 0))[0].tolist() == [5, 6]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"place \[2, 3\] is out of bounds"):
        run(tf.sparse_to_dense([[2, 3]], [3, 3], 1))


def test_embeddings_of_sparse_ids():
    table = tf.constant(np.arange(8.0).reshape(4, 2), tf.float32)
    places = [[0, 0], [0, 1], [2, 0]]
    ids = tf.SparseTensor(places, tf.constant([1, 3, 2], tf.int64), [3, 2])
    weights = tf.SparseTensor(places, [1.0, 3.0, 2.0], [3, 2])
    a, b = np.array([2.0, 3.0]), np.array([6.0, 7.0])
    mean, total, root, weighted = run(
        tf.nn.embedding_lookup_sparse(table, ids, None),
        tf.nn.embedding_lookup_sparse(table, ids, None, combiner="sum"),
        tf.nn.embedding_lookup_sparse(table, ids, None, combiner="sqrtn"),
        tf.nn.embedding_lookup_sparse(table, ids, weights, combiner="mean"),
    )
    np.testing.assert_allclose(mean[[0, 2]], [(a + b) / 2, [4, 5]])
    np.testing.assert_allclose(total[[0, 2]], [a + b, [4, 5]])
    np.testing.assert_allclose(root[[0, 2]], [(a + b) / np.sqrt(2), [4, 5]], 1e-6)
    np.testing.assert_allclose(weighted[[0, 2]], [(a + 3 * b) / 4, [4, 5]])


def test_shapes_of_embeddings_of_ids_of_unknown_rank():
    """As TensorFlow has them: of the lookup nothing is known, of what is combined the rows."""
    table, ids = tf.constant(np.eye(4, dtype=np.float32)), tf.placeholder(tf.int64)
    assert tf.nn.embedding_lookup(table, ids).shape.ndims is None
    places, sizes = tf.placeholder(tf.int64), tf.placeholder(tf.int64)
    combined = tf.nn.embedding_lookup_sparse(table, tf.SparseTensor(places, ids, sizes), None, combiner="sum")
    assert combined.shape.as_list() == [None, 4]
    found = run(combined, feeds={places: [[0, 0], [0, 1]], ids: [1, 3], sizes: [1, 2]})[0]
    np.testing.assert_array_equal(found, [[0, 1, 0, 1]])


def test_rows_of_variables():
    v = tf.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    with tf.Session() as sess:
        for change, expected in [
            (tf.scatter_update(v, [0, 2], [[9.0, 9.0], [8.0, 8.0]]), [[9, 9], [3, 4], [8, 8]]),
            (tf.scatter_add(v, [1, 1], [[1.0, 1.0], [2.0, 2.0]]), [[1, 2], [6, 7], [5, 6]]),
            (tf.scatter_sub(v, [1], [[1.0, 1.0]]), [[1, 2], [2, 3], [5, 6]]),
            (tf.scatter_nd_update(v, [[0, 1]], [7.0]), [[1, 7], [3, 4], [5, 6]]),
        ]:
            sess.run(v.initializer)
            np.testing.assert_array_equal(sess.run(change), expected)
            np.testing.assert_array_equal(sess.run(v), expected)


# --------------------------------------------------------------------------------------------------
# What is wrong is told


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: tf.matmul(tf.zeros([3, 784]), tf.zeros([100, 10])), r"Dimensions must be equal, but are 784 and 100"),
        (
            lambda: tf.nn.conv2d(tf.zeros([1, 8, 8, 3]), tf.zeros([3, 3, 1, 2]), [1] * 4, "SAME"),
            r"Depth of input \(3\)",
        ),
        (lambda: tf.nn.max_pool(tf.zeros([1, 8, 8, 3]), [1, 2, 2, 1], [1, 2, 2, 1], "same?"), "'SAME' or 'VALID'"),
        (lambda: tf.unstack(tf.placeholder(tf.float32, [None, 2])), "Cannot infer argument `num`"),
        (lambda: tf.zeros([None, 3]), r"tf.shape\(x\)\[i\] gives it at run time"),
        (
            lambda: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[[1]], logits=tf.zeros([1, 3])),
            r"Rank of labels \(received 2\) should equal rank of logits minus 1 \(received 2\)",
        ),
        (
            lambda: tf.nn.softmax_cross_entropy_with_logits(labels=tf.zeros([2, 3]), logits=tf.zeros([2, 4])),
            r"logits \(2, 4\), labels \(2, 3\)",
        ),
        (lambda: tf.image.resize_images(tf.zeros([4, 4]), [2, 2]), "either 3 or 4 dimensions"),
        (lambda: tf.expand_dims(tf.zeros([3])), "Must specify an axis"),
        (lambda: tf.where(True, 1.0), "both be non-None"),
    ],
)
def test_while_the_graph_is_built(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_places_outside_are_told():
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"0 to 1.*got 5"):
        run(tf.gather([1.0, 2.0], [5]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="labels run from 1 to 7, but there are 3 classes"):
        run(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[1, 7], logits=tf.zeros([2, 3])))
