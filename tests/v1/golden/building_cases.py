"""What is asked while a graph is built: shapes, dtypes, names, collections, and the errors; each is asked with `tf`."""

from __future__ import annotations


def _known(tf):
    return tf.TensorShape([2, None])


def _unknown(tf):
    return tf.TensorShape(None)


def _names(tf):
    with tf.name_scope("a"):
        tensors = [tf.constant(1), tf.constant(1), tf.constant(1, name="const_1"), tf.constant(1, name="b/")]
        with tf.name_scope(None):
            tensors.append(tf.constant(1))
    with tf.name_scope("a"), tf.name_scope("a/"):
        tensors.append(tf.constant(1, name="c"))
    return [tensor.name for tensor in tensors]


def _collections(tf):
    graph = tf.get_default_graph()
    for name in ("one/x", "two/y", "one/z"):
        graph.add_to_collection("mine", tf.constant(1, name=name))
    graph.add_to_collections(["mine", "yours"], 3)
    graph.get_collection_ref("yours").append(4)
    found = [x.name for x in graph.get_collection("mine", "one")]
    before = len(graph.get_collection("mine")), graph.get_collection("yours"), sorted(graph.get_all_collection_keys())
    graph.clear_collection("mine")
    return found, before, graph.get_collection("mine")


def _conditions(tf):
    first, second = tf.constant(1, name="first"), tf.no_op(name="second")
    with tf.control_dependencies([first, second]):
        third = tf.constant(3)
        with tf.control_dependencies(None):
            fourth = tf.constant(4)
    return [op.name for op in third.op.control_inputs], list(fourth.op.control_inputs)


def _finalized(tf):
    tf.get_default_graph().finalize()
    return tf.constant(1)


def _elsewhere(tf):
    with tf.Graph().as_default():
        other = tf.constant(1)
    return tf.constant(1) + other


def _set_shape(tf):
    x = tf.placeholder(tf.float32)
    x.set_shape([None, 3])
    return x.shape.as_list()


def _set_another_shape(tf):
    tf.placeholder(tf.float32, [2, 3]).set_shape([None, 4])


def _named(tf, name):
    tf.constant([1, 2], name="here")
    return tf.get_default_graph().as_graph_element(name).name


CASES = {
    "a shape as a string": lambda tf: [str(tf.TensorShape(s)) for s in (None, [], [2], [None, 3])],
    "a shape's repr": lambda tf: [repr(tf.TensorShape(s)) for s in (None, [], [2], [None, 3])],
    "ranks": lambda tf: [tf.TensorShape(s).ndims for s in (None, [], [2], [None, 3])],
    "dims": lambda tf: [str(tf.TensorShape(s).dims) for s in (None, [], [2, None])],
    "truth of shapes": lambda tf: [bool(tf.TensorShape(s)) for s in (None, [], [2])],
    "elements": lambda tf: [tf.TensorShape(s).num_elements() for s in (None, [], [2, None], [2, 3], [0, 4])],
    "defined": lambda tf: [tf.TensorShape(s).is_fully_defined() for s in (None, [], [2, None], [2, 3])],
    "as_list": lambda tf: _known(tf).as_list(),
    "as_list of an unknown shape": lambda tf: _unknown(tf).as_list(),
    "length": lambda tf: len(_known(tf)),
    "length of an unknown shape": lambda tf: len(_unknown(tf)),
    "iterating": lambda tf: [str(size) for size in _known(tf)],
    "iterating over an unknown shape": lambda tf: list(_unknown(tf)),
    "items": lambda tf: [str(_known(tf)[0]), str(_known(tf)[1]), str(_known(tf)[:1]), str(_known(tf)[-1])],
    "items of an unknown shape": lambda tf: [str(_unknown(tf)[0]), str(_unknown(tf)[1:])],
    "merged": lambda tf: str(_known(tf).merge_with([None, 3])),
    "merged with an unknown shape": lambda tf: [
        str(_known(tf).merge_with(None)), str(_unknown(tf).merge_with([4])), str(_unknown(tf).merge_with(None))
    ],
    "merged with another size": lambda tf: _known(tf).merge_with([3, 3]),
    "merged with another rank": lambda tf: _known(tf).merge_with([2]),
    "compatible": lambda tf: [_known(tf).is_compatible_with(s) for s in ([2, 3], [3, 3], [2], None)],
    "asserted compatible": lambda tf: _known(tf).assert_is_compatible_with([2, 5]),
    "asserted compatible, and is not": lambda tf: _known(tf).assert_is_compatible_with([3, 5]),
    "asserted rank": lambda tf: _known(tf).assert_has_rank(2),
    "asserted rank, of another": lambda tf: _known(tf).assert_has_rank(3),
    "with_rank": lambda tf: [str(_known(tf).with_rank(2)), str(_unknown(tf).with_rank(2))],
    "with_rank, of another": lambda tf: _known(tf).with_rank(1),
    "with_rank_at_least": lambda tf: [str(_known(tf).with_rank_at_least(1)), str(_unknown(tf).with_rank_at_least(3))],
    "with_rank_at_least, of less": lambda tf: _known(tf).with_rank_at_least(3),
    "concatenated": lambda tf: [
        str(_known(tf).concatenate([4])), str(_known(tf) + tf.TensorShape([4])), str(_known(tf).concatenate(None))
    ],
    "equal shapes": lambda tf: [tf.TensorShape([2, 3]) == [2, 3], tf.TensorShape([2, 3]) == tf.TensorShape([2, 4])],
    "a shape and what is none": lambda tf: tf.TensorShape([2]) == "x",
    "shapes as keys": lambda tf: {tf.TensorShape([2, 3]): "here"}[tf.TensorShape([2, 3])],
    "a shape of a dimension": lambda tf: tf.TensorShape(tf.Dimension(3)).as_list(),
    "a dimension as a string": lambda tf: [str(tf.Dimension(3)), str(tf.Dimension(None)), repr(tf.Dimension(None))],
    "arithmetic of dimensions": lambda tf: [
        str(d) for d in (
            tf.Dimension(7) + 2, 2 + tf.Dimension(7), tf.Dimension(7) - 2, 9 - tf.Dimension(7), tf.Dimension(7) * 2,
            2 * tf.Dimension(7), tf.Dimension(7) // 2, 15 // tf.Dimension(7), tf.Dimension(7) % 4,
            tf.Dimension(7) + tf.Dimension(None), tf.Dimension(7) * None, tf.Dimension(None) // 2,
        )
    ],
    "comparing dimensions": lambda tf: [
        tf.Dimension(3) < 4, tf.Dimension(3) <= 3, tf.Dimension(3) > 4, tf.Dimension(3) >= 4, tf.Dimension(None) < 4,
        tf.Dimension(3) < None, tf.Dimension(3) == 3, tf.Dimension(3) == tf.Dimension(3),
    ],
    "a dimension as an index": lambda tf: [int(tf.Dimension(3)), list(range(tf.Dimension(2)))],
    "an unknown dimension as an index": lambda tf: list(range(tf.Dimension(None))),
    "a dimension plus a string": lambda tf: tf.Dimension(3) + "x",
    "compatible dimensions": lambda tf: [
        tf.Dimension(3).is_compatible_with(3), tf.Dimension(3).is_compatible_with(4),
        tf.Dimension(3).is_compatible_with(None),
    ],
    "names of dtypes": lambda tf: [
        tf.as_dtype(x).name
        for x in (tf.float32, "float32", "float", "double", "int64", "bool", "string", float, bool)
    ],
    "a dtype of no name": lambda tf: tf.as_dtype("float33"),
    "a dtype as a string": lambda tf: [str(tf.float32), repr(tf.int64), repr(tf.bool), str(tf.string)],
    "sorts of dtypes": lambda tf: [
        [d.is_floating, d.is_integer, d.is_bool, d.is_complex]
        for d in (tf.float16, tf.int8, tf.uint16, tf.bool, tf.complex64)
    ],
    "sizes of dtypes": lambda tf: [d.size for d in (tf.float16, tf.float32, tf.int64, tf.bool, tf.complex64)],
    "limits of dtypes": lambda tf: [float(x) for x in (tf.float32.min, tf.float32.max, tf.int32.min, tf.uint8.max)],
    "a dtype and others": lambda tf: [
        tf.float32 == "float32", tf.float32 == "nothing", tf.float32 == tf.float64,
        tf.float32.is_compatible_with("float"),
    ],
    "dtypes of values": lambda tf: [
        tf.constant(x).dtype.name for x in (1, 1.0, True, "x", [1, 2.5], [[1], [2]], 2**40, b"x", [])
    ],
    "a number that fits no integer": lambda tf: tf.constant(1.5, tf.int32),
    "nothing as a constant": lambda tf: tf.constant(None),
    "a ragged list": lambda tf: tf.constant([[1, 2], [3]]),
    "a string as a number": lambda tf: tf.constant("x", tf.float32),
    "an operation as a tensor": lambda tf: tf.convert_to_tensor(tf.no_op()),
    "a tensor as another dtype": lambda tf: tf.convert_to_tensor(tf.constant(1.0), tf.int32),
    "preferred dtypes": lambda tf: [
        tf.convert_to_tensor(3, preferred_dtype=tf.float32).dtype.name,
        tf.convert_to_tensor(3.5, preferred_dtype=tf.int32).dtype.name,
    ],
    "tensors in a list": lambda tf: [tf.convert_to_tensor([tf.constant(1.0), 2.0]).shape.as_list()],
    "a constant that fills a shape": lambda tf: tf.constant([1, 2], shape=[2, 2]).shape.as_list(),
    "a constant too large for its shape": lambda tf: tf.constant([1, 2, 3], shape=[2]),
    "names": _names,
    "a bad name": lambda tf: tf.constant(1, name="a b"),
    "unique names": lambda tf: [
        tf.get_default_graph().unique_name(n, mark_as_used=m) for n, m in (("a", False), ("a", True), ("a", True))
    ],
    "collections": _collections,
    "conditions": _conditions,
    "a finalized graph": _finalized,
    "tensors of two graphs": _elsewhere,
    "an operation by its name": lambda tf: _named(tf, "here"),
    "a tensor by its name": lambda tf: _named(tf, "here:0"),
    "no operation by that name": lambda tf: _named(tf, "there"),
    "no tensor by that name": lambda tf: _named(tf, "there:0"),
    "no such output": lambda tf: _named(tf, "here:1"),
    "a tensor by an operation's name": lambda tf: tf.get_default_graph().get_tensor_by_name("here"),
    "an element that is none": lambda tf: tf.get_default_graph().as_graph_element(3.0),
    "a shape that is told": _set_shape,
    "a shape that is told, and wrong": _set_another_shape,
    "a tensor's truth": lambda tf: bool(tf.constant(True)),
    "a tensor's length": lambda tf: len(tf.constant([1])),
    "items of a tensor of unknown size": lambda tf: list(tf.placeholder(tf.float32, [None])),
    "consumers": lambda tf: [op.type for op in tf.abs(tf.constant(-1.0)).op.inputs[0].consumers()],
    "a tensor's facts": lambda tf: [
        tf.constant(1.0).value_index, tf.constant(1.0).op.type, tf.constant(1.0).device,
        len(tf.constant(1.0).op.values()), tf.constant(1.0).op.get_attr("dtype") == tf.float32,
    ],
    "no such attribute": lambda tf: tf.constant(1.0).op.get_attr("nothing"),
    "a tensor as a string": lambda tf: [str(tf.placeholder(tf.float32, [None, 2])), repr(tf.constant(1, name="one"))],
    "an operation as a string": lambda tf: repr(tf.constant(1, name="one").op),
    "evaluation without a session": lambda tf: tf.constant(1).eval(),
    "running without a session": lambda tf: tf.no_op().run(),
    "description of a graph": lambda tf: (tf.constant(1, name="one"), [
        [n.name, n.op] for n in tf.get_default_graph().as_graph_def().node
    ])[1],
}  # fmt: skip


def told(tf, name):
    """What a case gives, or the kind of its error, as JSON has it."""
    with tf.Graph().as_default():
        try:
            given = CASES[name](tf)
        except Exception as error:  # the kind is what is compared
            return {"error": next(c.__name__ for c in type(error).__mro__ if c.__module__ == "builtins")}
    return {"given": list(given) if isinstance(given, tuple) else given}
