"""Cases of operations: a name, a function of `tf` and of placeholders, and the arrays that are fed to these.

The golden script runs them with TensorFlow, the tests with tapegrad. The first dimension of what is fed is unknown
while the graph is built, unless a case says `known`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Case(NamedTuple):
    """How to build some tensors, and what is fed."""

    build: Any
    arrays: tuple[Any, ...]
    known: bool = False  # whether the placeholders have the whole shape
    names: bool = True  # whether TensorFlow's names of today are those of its version 1


CASES: dict[str, Case] = {}


def case(name, build, *arrays, known=False, names=True):
    """Enter a case."""
    assert name not in CASES, name
    CASES[name] = Case(build, tuple(np.asarray(a) for a in arrays), known, names)


def numbers(*shape, scale=1.0, shift=0.0):
    """Numbers of both signs, without ties."""
    count = int(np.prod(shape))
    return (np.sin(np.arange(count) * 1.7 + count) * scale + shift).reshape(shape).astype(np.float32)


X, Y = numbers(3, 4), numbers(3, 4, shift=0.1)
P = numbers(3, 4, scale=0.4, shift=1.0)  # positive
U = numbers(3, 4, scale=0.9)  # inside (-1, 1)
K, J = np.array([[7, -3, 5, 2], [1, 8, -6, 4]], np.int32), np.array([[2, 2, -3, 5], [1, 3, 4, -2]], np.int32)
B, C = X > 0, Y > 0.2

# --------------------------------------------------------------------------------------------------
# Elementwise

for name in (
    "abs",
    "negative",
    "sign",
    "square",
    "exp",
    "expm1",
    "sin",
    "cos",
    "tan",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "sigmoid",
    "floor",
    "ceil",
    "round",
    "rint",
    "erf",
    "erfc",
    "log_sigmoid",
):
    case(name, lambda tf, x, name=name: getattr(tf, name)(x), X * 2, names=name != "log_sigmoid")
for name in ("sqrt", "rsqrt", "log", "log1p", "reciprocal"):
    case(name, lambda tf, x, name=name: getattr(tf, name)(x), P)
for name in ("asin", "acos", "atanh"):
    case(name, lambda tf, x, name=name: getattr(tf, name)(x), U)
case("acosh", lambda tf, x: tf.acosh(x), P + 1)
case("round_halves", lambda tf, x: tf.round(x), np.array([0.5, 1.5, -0.5, 2.5], np.float32))
case("is", lambda tf, x: [tf.is_nan(x), tf.is_inf(x), tf.is_finite(x)], np.array([1, np.nan, np.inf], np.float32))
case("logic", lambda tf, x, y: [tf.logical_and(x, y), tf.logical_or(x, y), tf.logical_not(x)], B, C)
case("logical_xor", lambda tf, x, y: tf.logical_xor(x, y), B, C, names=False)
for name in (
    "add",
    "subtract",
    "multiply",
    "maximum",
    "minimum",
    "squared_difference",
    "divide",
    "truediv",
    "div",
    "realdiv",
    "floordiv",
    "floormod",
    "mod",
    "atan2",
):
    case(name, lambda tf, x, y, name=name: getattr(tf, name)(x, y), X, P)
    case(name + "_broadcast", lambda tf, x, y, name=name: getattr(tf, name)(x, y), X, P[0], known=True)
for name in (
    "add",
    "subtract",
    "multiply",
    "maximum",
    "floordiv",
    "floormod",
    "truediv",
    "div",
    "truncatediv",
    "truncatemod",
    "floor_div",
):
    case(name + "_of_integers", lambda tf, x, y, name=name: getattr(tf, name)(x, y), K, J)
for name in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"):
    case(name, lambda tf, x, y, name=name: getattr(tf, name)(x, y), np.round(X), np.round(Y))
case("pow", lambda tf, x, y: tf.pow(x, y), P, Y)
case("pow_number", lambda tf, x: tf.pow(x, 2), X)
case("maximum_tie", lambda tf, x: tf.maximum(0.0, x), np.array([0, 1, -1, 0], np.float32))
case("maximum_tie_first", lambda tf, x: tf.maximum(x, 0.0), np.array([0, 1, -1, 0], np.float32))
case("minimum_tie", lambda tf, x: tf.minimum(x, 0.0), np.array([0, 1, -1, 0], np.float32))
case("operators", lambda tf, x, y: [x + y, x - y, x * y, x / y, x // y, x % y, x**2.0, -x, abs(x), 2 - x, 3 / y], X, P)
case("comparisons", lambda tf, x, y: [x < y, x <= y, x > y, x >= y], X, Y)
case("div_no_nan", lambda tf, x, y: tf.div_no_nan(x, y), X, np.where(Y > 0, Y, 0).astype(np.float32))
case("add_n", lambda tf, x, y: tf.add_n([x, y, x]), X, Y)
case("scalar_mul", lambda tf, x: tf.scalar_mul(3.0, x), X)
case("cast", lambda tf, x: [tf.cast(x, tf.int32), tf.cast(x, tf.float64), tf.cast(x, tf.bool)], X * 3)
case("cast_bool", lambda tf, x: tf.cast(x, tf.float32), B)
case("to", lambda tf, x: [tf.to_int32(x), tf.to_double(x), tf.to_int64(x)], X * 3)
case("to_float", lambda tf, x: tf.to_float(x), K)
case("saturate_cast", lambda tf, x: tf.saturate_cast(x, tf.uint8), X * 300)

# --------------------------------------------------------------------------------------------------
# Reductions

T = numbers(3, 4, 5)
for name in ("sum", "mean", "max", "min", "prod", "logsumexp"):
    reduce = f"reduce_{name}"
    same = name != "logsumexp"
    case(reduce, lambda tf, x, r=reduce: getattr(tf, r)(x), T, names=same)
    case(reduce + "_axis", lambda tf, x, r=reduce: getattr(tf, r)(x, axis=1), T, names=same)
    case(reduce + "_axes", lambda tf, x, r=reduce: getattr(tf, r)(x, [0, -1]), T, names=same)
    case(reduce + "_kept", lambda tf, x, r=reduce: getattr(tf, r)(x, 1, True), T, names=same)
    case(
        reduce + "_old", lambda tf, x, r=reduce: getattr(tf, r)(x, reduction_indices=[1], keep_dims=True), T, names=same
    )
for name in ("sum", "mean", "max", "prod"):
    case(f"reduce_{name}_of_integers", lambda tf, x, n=name: getattr(tf, f"reduce_{n}")(x, 0), K)
case("reduce_logic", lambda tf, x: [tf.reduce_any(x, 1), tf.reduce_all(x), tf.reduce_all(x, 0, True)], B)
case("reduce_max_tie", lambda tf, x: tf.reduce_max(x), np.array([1, 3, 3, 0], np.float32))
case("argmax", lambda tf, x: [tf.argmax(x), tf.argmax(x, 1), tf.argmax(x, axis=-1), tf.argmin(x, 1)], T)
case("argmax_old", lambda tf, x: [tf.argmax(x, dimension=1), tf.arg_max(x, 1), tf.arg_min(x, 1)], X)
case("argmax_int32", lambda tf, x: tf.argmax(x, 1, output_type=tf.int32), X)
case("count_nonzero", lambda tf, x: [tf.count_nonzero(x), tf.count_nonzero(x, 1)], np.round(X), names=False)
case("cumsum", lambda tf, x: [tf.cumsum(x, 1), tf.cumsum(x, 0, reverse=True), tf.cumsum(x, 1, exclusive=True)], X)
case("cumprod", lambda tf, x: [tf.cumprod(x, 1), tf.cumprod(x, 0, True, True)], X)
case("norm", lambda tf, x: [tf.norm(x), tf.norm(x, axis=1), tf.norm(x, 1, 1), tf.norm(x, ord=1)], X, names=False)
case("norm_kept", lambda tf, x: tf.norm(x, axis=1, keepdims=True), X, names=False)
case("confusion_matrix", lambda tf, x, y: tf.confusion_matrix(x, y, 4), [0, 1, 3, 1], [1, 1, 3, 0], names=False)
case("bincount", lambda tf, x: tf.bincount(x), np.array([1, 3, 1], np.int32), names=False)
case("segments", lambda tf, x: [tf.segment_sum(x, [0, 0, 2]), tf.segment_mean(x, [0, 0, 2])], X, known=True)
case("segment_max", lambda tf, x: tf.segment_max(x, [0, 0, 2]), X, known=True)
case("unsorted_segment_sum", lambda tf, x: tf.unsorted_segment_sum(x, [3, 0, 3], 5), X, known=True)
case("histogram", lambda tf, x: tf.histogram_fixed_width(x, [-0.5, 0.5], 4), X, names=False)

# --------------------------------------------------------------------------------------------------
# Products and bounds

W = numbers(4, 5)
case("matmul", lambda tf, x: tf.matmul(x, W), X)
case("matmul_transposed", lambda tf, x, y: tf.matmul(x, y, transpose_a=True, transpose_b=True), X, numbers(5, 3))
case("matmul_stack", lambda tf, x, y: tf.matmul(x, y, transpose_b=True), T, numbers(3, 2, 5))
case("tensordot", lambda tf, x: [tf.tensordot(x, W, 1), tf.tensordot(x, x, [[0, 1], [0, 1]])], X, names=False)
case("tensordot_axes", lambda tf, x: tf.tensordot(x, numbers(4, 2), axes=[[1], [0]]), T, names=False)
case("einsum", lambda tf, x: tf.einsum("bij,jk->bik", x, numbers(5, 2)), T, names=False)
case("clip_by_value", lambda tf, x: tf.clip_by_value(x, -0.5, 0.5), X)
case(
    "clip_by_norm",
    lambda tf, x: [tf.clip_by_norm(x, 1.0), tf.clip_by_norm(x, 100.0), tf.clip_by_norm(x, 1.0, [1])],
    X,
    names=False,
)


def clipped(tf, x, y):
    """What clip_by_global_norm gives, in one list."""
    tensors, norm = tf.clip_by_global_norm([x, y], 2.0)
    return [*tensors, norm]


case("clip_by_global_norm", clipped, X, Y, names=False)
case("global_norm", lambda tf, x, y: tf.global_norm([x, None, y]), X, Y, names=False)

# --------------------------------------------------------------------------------------------------
# Shapes and new tensors

case("shape", lambda tf, x: [tf.shape(x), tf.size(x), tf.rank(x)], T)
case("zeros", lambda tf: [tf.zeros([2, 3]), tf.ones([2], tf.int32), tf.zeros((3,), dtype=tf.bool), tf.ones(4)])
case("dynamic_zeros", lambda tf, x: [tf.zeros([tf.shape(x)[0], 3]), tf.zeros(tf.shape(x))], X, names=False)
case("likes", lambda tf, x: [tf.zeros_like(x), tf.ones_like(x), tf.zeros_like(x, dtype=tf.int32)], X)
case("fill", lambda tf, x: [tf.fill([2, 2], 7), tf.fill([tf.shape(x)[0], 2], 0.5)], X)
case("range", lambda tf: [tf.range(4), tf.range(1, 9, 3), tf.range(0.0, 1.0, 0.25), tf.range(5, 1, -2)])
case("dynamic_range", lambda tf, x: tf.range(tf.shape(x)[0]), X)
case("linspace", lambda tf: [tf.linspace(0.0, 1.0, 5), tf.lin_space(-1.0, 1.0, 4)], names=False)
case("eye", lambda tf: [tf.eye(3), tf.eye(2, 4), tf.eye(2, batch_shape=[3])], names=False)
case(
    "one_hot",
    lambda tf, x: [tf.one_hot(x, 5), tf.one_hot(x, 3, 2.0, -1.0), tf.one_hot(x, 4, axis=0, dtype=tf.int32)],
    np.array([1, 4, -1, 0], np.int32),
)
case("one_hot_rank2", lambda tf, x: [tf.one_hot(x, 9), tf.one_hot(x, 9, axis=1)], np.abs(K))
case("one_hot_old", lambda tf, x: tf.one_hot(x, 10, 1.0, 0.0), np.array([1, 4], np.int64))
case("meshgrid", lambda tf, x: tf.meshgrid(x, [1.0, 2.0]), X[0], names=False)
case("reshape", lambda tf, x: [tf.reshape(x, [-1]), tf.reshape(x, [-1, 20]), tf.reshape(x, [-1, 2, 10])], T)
case(
    "reshape_known",
    lambda tf, x: [tf.reshape(x, [5, -1]), tf.reshape(x, (3, 20)), tf.reshape(x, [-1, 1])],
    T,
    known=True,
)
case("reshape_dynamic", lambda tf, x: tf.reshape(x, [tf.shape(x)[0], 20]), T)
case("reshape_stack", lambda tf, x: tf.reshape(x, tf.stack([tf.shape(x)[0] * 4, 5])), T)
case("transpose", lambda tf, x: [tf.transpose(x), tf.transpose(x, [1, 0, 2]), tf.transpose(x, perm=[2, 0, 1])], T)
case("expand_dims", lambda tf, x: [tf.expand_dims(x, 0), tf.expand_dims(x, -1), tf.expand_dims(x, dim=1)], X)
case("squeeze", lambda tf, x: [tf.squeeze(x, [1]), tf.squeeze(x, squeeze_dims=[3])], numbers(2, 1, 3, 1))
case("squeeze_all", lambda tf, x: tf.squeeze(x), numbers(2, 1, 3, 1), known=True)
case("tile", lambda tf, x: [tf.tile(x, [2, 1]), tf.tile(x, [1, 3])], X)
case("broadcast_to", lambda tf, x: tf.broadcast_to(x, [2, 3, 4]), X, known=True)
case(
    "pad",
    lambda tf, x: [
        tf.pad(x, [[1, 0], [2, 1]]),
        tf.pad(x, [[1, 1], [0, 2]], "REFLECT"),
        tf.pad(x, [[1, 1], [0, 2]], mode="SYMMETRIC"),
    ],
    X,
)
case("pad_value", lambda tf, x: tf.pad(x, [[1, 0], [0, 1]], constant_values=2.0), X)
case("reverse", lambda tf, x: [tf.reverse(x, [0]), tf.reverse(x, axis=[0, 1])], X)
case("reverse_sequence", lambda tf, x: tf.reverse_sequence(x, [2, 4, 1], seq_axis=1), T, known=True)
case(
    "sequence_mask",
    lambda tf, x: [tf.sequence_mask(x, 5), tf.sequence_mask(x), tf.sequence_mask(x, 5, tf.float32)],
    np.array([1, 3, 0], np.int32),
    names=False,
)
case("diag", lambda tf, x: tf.diag(x), X[0], known=True)
case(
    "diagonals",
    lambda tf, x: [tf.matrix_diag(x), tf.matrix_band_part(x, 0, -1), tf.matrix_band_part(x, 1, 0)],
    X,
    names=False,
)
case("diag_part", lambda tf, x: [tf.diag_part(x), tf.trace(x)], numbers(3, 3), known=True, names=False)
case("identity", lambda tf, x: [tf.identity(x), tf.stop_gradient(x)], X)
case("invert_permutation", lambda tf, x: tf.invert_permutation(x), np.array([2, 0, 1], np.int32))

# --------------------------------------------------------------------------------------------------
# Slices, joins, gathers, choices

case("concat", lambda tf, x, y: [tf.concat([x, y], 0), tf.concat([x, y], axis=1), tf.concat([x, y], -1)], X, Y)
case("stack", lambda tf, x, y: [tf.stack([x, y]), tf.stack([x, y], 1), tf.stack([x, y], axis=-1)], X, Y)
case("unstack", lambda tf, x: tf.unstack(x, axis=1), T)
case("unstack_num", lambda tf, x: tf.unstack(x, 3, 0), T)
case("split", lambda tf, x: tf.split(x, 2, 1) + tf.split(x, [1, 2, 1], axis=1), T)
case("split_rest", lambda tf, x: tf.split(value=x, num_or_size_splits=[1, -1], axis=2), T)
case("slice", lambda tf, x: [tf.slice(x, [0, 1, 2], [2, 2, -1]), tf.slice(x, [1, 0, 0], [-1, 4, 1])], T)
case(
    "strided_slice",
    lambda tf, x: [tf.strided_slice(x, [0, 1, 0], [2, 4, 5], [1, 2, 3]), tf.strided_slice(x, [0, 0], [-1, 2])],
    T,
    known=True,
)
case(
    "strided_slice_masks",
    lambda tf, x: tf.strided_slice(x, [1, 1], [2, 3], [1, 1], begin_mask=1, shrink_axis_mask=2),
    X,
    known=True,
)
case("getitem", lambda tf, x: [x[0], x[:, 1], x[..., 2:4], x[:, tf.newaxis], x[::-1], x[-1, 0, 0], x[:, ::2, 1]], T)
case("getitem_dynamic", lambda tf, x: [x[tf.shape(x)[0] - 1], x[:, : tf.constant(2)]], T, names=False)
case("gather", lambda tf, x: [tf.gather(x, [2, 0, 2]), tf.gather(x, [[0, 1]]), tf.gather(x, 1)], T, known=True)
case("gather_axis", lambda tf, x: [tf.gather(x, [3, 1], axis=1), tf.gather(x, [[0, 4]], axis=2)], T)
case("gather_vector", lambda tf, x: tf.gather(x, [3, 1]), X[0])
case("gather_nd", lambda tf, x: [tf.gather_nd(x, [[0, 1], [2, 3]]), tf.gather_nd(x, [[1], [1]])], T, known=True)
case("scatter_nd", lambda tf, x: tf.scatter_nd([[1], [3], [1]], x, [5, 4]), X, known=True)
case("where", lambda tf, c, x, y: tf.where(c, x, y), B, X, Y)
case("where_rows", lambda tf, x, y: tf.where([True, False, True], x, y), X, Y, known=True)
case("where_places", lambda tf, c: tf.where(c), B)
case("boolean_mask", lambda tf, x, c: tf.boolean_mask(x, c), X, B, names=False)
case("boolean_mask_rows", lambda tf, x, c: tf.boolean_mask(x, c), T, B[:, 0], names=False)
case("unique", lambda tf, x: list(tf.unique(x)), np.array([3, 1, 3, 2, 1], np.int32))
case(
    "unique_with_counts", lambda tf, x: list(tf.unique_with_counts(x)), np.array([3, 1, 3, 2, 1], np.int32), names=False
)
case("setdiff1d", lambda tf, x: list(tf.setdiff1d(x, [3, 2])), np.array([3, 1, 3, 5, 1], np.int32))
case("dynamic_partition", lambda tf, x: tf.dynamic_partition(x, [0, 1, 0], 2), X, known=True, names=False)
case("dynamic_stitch", lambda tf, x, y: tf.dynamic_stitch([[0, 2, 4], [1, 3, 5]], [x, y]), X, Y, known=True)

# --------------------------------------------------------------------------------------------------
# Activations, linear layers, normalization

for name in (
    "relu",
    "relu6",
    "elu",
    "selu",
    "softplus",
    "softsign",
    "leaky_relu",
    "tanh",
    "sigmoid",
    "crelu",
    "softmax",
    "log_softmax",
    "l2_loss",
):
    case(
        "nn_" + name,
        lambda tf, x, name=name: getattr(tf.nn, name)(x),
        np.append(X * 8, np.zeros((1, 4), np.float32), 0),
        names=name not in ("crelu", "leaky_relu"),
    )
case("nn_softmax_axis", lambda tf, x: [tf.nn.softmax(x, 1), tf.nn.softmax(x, dim=0)], T, names=False)
case("nn_bias_add", lambda tf, x: tf.nn.bias_add(x, [1.0, 2.0, 3.0, 4.0]), X)
case("nn_bias_add_first", lambda tf, x: tf.nn.bias_add(x, [1.0, 2.0, 3.0, 4.0], "NCHW"), numbers(2, 4, 3, 3))
case("nn_xw_plus_b", lambda tf, x: tf.nn.xw_plus_b(x, W, np.arange(5, dtype=np.float32)), X)
case("nn_relu_layer", lambda tf, x: tf.nn.relu_layer(x, W, np.arange(5, dtype=np.float32)), X)
case("nn_moments", lambda tf, x: list(tf.nn.moments(x, [0])), X)
case("nn_moments_kept", lambda tf, x: list(tf.nn.moments(x, [0, 1], keep_dims=True)), T, names=False)
case("nn_weighted_moments", lambda tf, x: list(tf.nn.weighted_moments(x, [0], np.abs(X))), X, known=True, names=False)
case(
    "nn_batch_normalization",
    lambda tf, x, m, v: tf.nn.batch_normalization(x, m, v, 0.5, 2.0, 1e-3),
    X,
    X[0],
    P[0],
    known=True,
)
case(
    "nn_batch_normalization_bare",
    lambda tf, x, m, v: tf.nn.batch_normalization(x, m, v, None, None, 1e-3),
    X,
    X[0],
    P[0],
    known=True,
)
case(
    "nn_batch_norm_global",
    lambda tf, x: tf.nn.batch_norm_with_global_normalization(
        x, *(tf.constant(v) for v in ([0.1, 0.2], [1.0, 2.0], [0.0, 1.0], [2.0, 3.0])), 1e-3, True
    ),
    numbers(2, 3, 3, 2),
    names=False,
)
case(
    "nn_fused_batch_norm",
    lambda tf, x: list(tf.nn.fused_batch_norm(x, [1.0, 2.0], [0.0, 1.0]))[:3],
    numbers(2, 3, 3, 2),
    names=False,
)
case(
    "nn_fused_batch_norm_fixed",
    lambda tf, x: tf.nn.fused_batch_norm(x, [1.0, 2.0], [0.0, 1.0], [0.1, 0.2], [1.0, 2.0], is_training=False)[0],
    numbers(2, 3, 3, 2),
    names=False,
)
case("nn_l2_normalize", lambda tf, x: [tf.nn.l2_normalize(x, 1), tf.nn.l2_normalize(x, dim=0)], X)
case("nn_lrn", lambda tf, x: tf.nn.lrn(x, 2, bias=1.5, alpha=0.3, beta=0.75), numbers(2, 2, 2, 7))
case("nn_zero_fraction", lambda tf, x: tf.nn.zero_fraction(x), np.round(X), names=False)
case("nn_top_k", lambda tf, x: list(tf.nn.top_k(x, 2)), T)
case("nn_top_k_tie", lambda tf, x: list(tf.nn.top_k(x, 3)), np.array([2, 1, 2, 0, 1], np.int32), known=True)
case("nn_in_top_k", lambda tf, x: tf.nn.in_top_k(x, [0, 3, 2], 2), X, known=True, names=False)
case("nn_dropout_nothing", lambda tf, x: tf.nn.dropout(x, keep_prob=1.0), X, names=False)

# --------------------------------------------------------------------------------------------------
# Losses and embeddings

L = np.array([[0, 1, 0, 0], [0.5, 0, 0.5, 0], [0, 0, 0, 1]], np.float32)
case("nn_softmax_loss", lambda tf, x, y: tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=x), X * 3, L)
case("nn_softmax_loss_v2", lambda tf, x, y: tf.nn.softmax_cross_entropy_with_logits_v2(labels=y, logits=x), X * 3, L)
case(
    "nn_softmax_loss_rank3", lambda tf, x, y: tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=x), T, np.abs(T)
)
case(
    "nn_sparse_loss",
    lambda tf, x: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[1, 0, 3], logits=x),
    X * 3,
    known=True,
)
case(
    "nn_sparse_loss_rank3",
    lambda tf, x, y: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=x),
    T,
    np.arange(12).reshape(3, 4) % 5,
    names=False,
)
case("nn_sigmoid_loss", lambda tf, x, y: tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=x), X * 3, L)
case("nn_weighted_loss", lambda tf, x, y: tf.nn.weighted_cross_entropy_with_logits(y, x, 2.5), X * 3, L)
case(
    "nn_poisson_loss",
    lambda tf, x, y: [tf.nn.log_poisson_loss(y, x), tf.nn.log_poisson_loss(y, x, True)],
    X,
    P * 3,
    names=False,
)
case("nn_embedding_lookup", lambda tf, x: tf.nn.embedding_lookup(x, [[2, 0], [1, 1]]), X, known=True, names=False)
case(
    "nn_embedding_parts",
    lambda tf, x, y: tf.nn.embedding_lookup([x, y], [0, 1, 2, 5, 4]),
    X,
    Y,
    known=True,
    names=False,
)
case(
    "nn_embedding_div",
    lambda tf, x, y: tf.nn.embedding_lookup([x, y], [0, 1, 2, 5, 4], "div"),
    X,
    Y,
    known=True,
    names=False,
)
case("nn_embedding_max_norm", lambda tf, x: tf.nn.embedding_lookup(x, [2, 0], max_norm=0.8), X, known=True, names=False)
for name in ("nce_loss", "sampled_softmax_loss"):
    case(
        "nn_" + name,
        lambda tf, w, b, x, name=name: getattr(tf.nn, name)(
            w,
            b,
            np.array([[1], [4]]),
            x,
            3,
            6,
            sampled_values=(
                np.array([2, 4, 0]),
                np.array([[0.5], [0.2]], np.float32),
                np.array([0.3, 0.6, 0.1], np.float32),
            ),
        ),
        numbers(6, 4),
        numbers(6),
        X[:2],
        known=True,
        names=False,
    )
    case(
        "nn_" + name + "_two",
        lambda tf, w, b, x, name=name: getattr(tf.nn, name)(
            w,
            b,
            np.array([[1, 3], [4, 2]]),
            x,
            3,
            6,
            num_true=2,
            sampled_values=(
                np.array([2, 4, 0]),
                np.array([[0.5, 0.3], [0.2, 0.4]], np.float32),
                np.array([0.3, 0.6, 0.1], np.float32),
            ),
        ),
        numbers(6, 4),
        numbers(6),
        X[:2],
        known=True,
        names=False,
    )

# --------------------------------------------------------------------------------------------------
# Convolution and pooling

IMAGES, FILTERS = numbers(2, 7, 6, 3), numbers(3, 2, 3, 4)
for padding in ("SAME", "VALID"):
    for step in (1, 2, 3):
        case(
            f"nn_conv2d_{padding}_{step}",
            lambda tf, x, w, p=padding, s=step: tf.nn.conv2d(x, w, [1, s, s, 1], p),
            IMAGES,
            FILTERS,
        )
        case(
            f"nn_pool_{padding}_{step}",
            lambda tf, x, p=padding, s=step: [
                tf.nn.max_pool(x, [1, 3, 2, 1], [1, s, s, 1], p),
                tf.nn.avg_pool(x, [1, 3, 2, 1], [1, s, s, 1], p),
            ],
            IMAGES,
        )
case(
    "nn_conv2d_dilated",
    lambda tf, x, w: tf.nn.conv2d(x, w, [1, 1, 1, 1], "SAME", dilations=[1, 2, 2, 1]),
    IMAGES,
    FILTERS,
)
case("nn_atrous_conv2d", lambda tf, x, w: tf.nn.atrous_conv2d(x, w, 2, "VALID"), IMAGES, FILTERS, names=False)
case(
    "nn_depthwise_conv2d",
    lambda tf, x, w: tf.nn.depthwise_conv2d(x, w, [1, 2, 2, 1], "SAME"),
    IMAGES,
    numbers(3, 3, 3, 2),
)
case(
    "nn_separable_conv2d",
    lambda tf, x, w: tf.nn.separable_conv2d(x, w, numbers(1, 1, 6, 4), [1, 1, 1, 1], "SAME"),
    IMAGES,
    numbers(3, 3, 3, 2),
)
case(
    "nn_conv2d_transpose",
    lambda tf, x, w: tf.nn.conv2d_transpose(x, w, [2, 13, 12, 3], [1, 2, 2, 1], "SAME"),
    numbers(2, 7, 6, 4),
    FILTERS,
)
case(
    "nn_conv2d_transpose_dynamic",
    lambda tf, x, w: tf.nn.conv2d_transpose(
        x, w, tf.stack([tf.shape(x)[0], 9, 7, 3]), strides=[1, 1, 1, 1], padding="VALID"
    ),
    numbers(2, 7, 6, 4),
    FILTERS,
)
case("nn_conv1d", lambda tf, x, w: tf.nn.conv1d(x, w, 2, "SAME"), numbers(2, 7, 3), numbers(3, 3, 4), names=False)
case(
    "nn_conv3d",
    lambda tf, x, w: tf.nn.conv3d(x, w, [1, 1, 2, 1, 1], "SAME"),
    numbers(2, 4, 5, 3, 2),
    numbers(2, 3, 2, 2, 3),
)
case("nn_convolution", lambda tf, x, w: tf.nn.convolution(x, w, "SAME", strides=[2, 1]), IMAGES, FILTERS, names=False)
case("nn_pool", lambda tf, x: tf.nn.pool(x, [2, 2], "MAX", "VALID", strides=[2, 2]), IMAGES, names=False)
case(
    "nn_max_pool3d", lambda tf, x: tf.nn.max_pool3d(x, [1, 2, 2, 2, 1], [1, 2, 2, 2, 1], "SAME"), numbers(2, 4, 5, 3, 2)
)

# --------------------------------------------------------------------------------------------------
# Pictures: (N, H, W, 3), (H, W, 3), and bytes

PICTURES = numbers(2, 5, 4, 3, scale=0.5, shift=0.5)
BYTES = (PICTURES * 255).astype(np.uint8)


def picture_case(name, build, *arrays, known=True):
    case("image_" + name, lambda tf, *fed: build(tf.image, *fed), *arrays, known=known, names=False)


for way in ("resize_bilinear", "resize_nearest_neighbor", "resize_bicubic", "resize_area"):
    for size in ([8, 9], [3, 2], [5, 6]):
        picture_case(f"{way}_{size[0]}", lambda im, x, w=way, s=size: getattr(im, w)(x, s), PICTURES)
        picture_case(f"{way}_aligned_{size[0]}", lambda im, x, w=way, s=size: getattr(im, w)(x, s, True), PICTURES)
for way in ("resize_bilinear", "resize_nearest_neighbor", "resize_bicubic"):
    picture_case(f"{way}_half", lambda im, x, w=way: getattr(im, w)(x, [7, 3], half_pixel_centers=True), PICTURES)
for method in range(4):
    picture_case(f"resize_images_{method}", lambda im, x, m=method: im.resize_images(x, [3, 7], m), PICTURES[0])
picture_case("resize_ratio", lambda im, x: im.resize(x, [10, 10], preserve_aspect_ratio=True), PICTURES)
picture_case("resize_same", lambda im, x: im.resize_images(x, [5, 4]), BYTES)
picture_case("resize_bytes", lambda im, x: im.resize_images(x, [6, 4]), BYTES)
picture_case("flips", lambda im, x: [im.flip_left_right(x), im.flip_up_down(x), im.transpose_image(x)], PICTURES[0])
picture_case("rot90", lambda im, x: [im.rot90(x), im.rot90(x, 2), im.rot90(x, 3)], PICTURES)
picture_case("grey", lambda im, x: [im.rgb_to_grayscale(x), im.grayscale_to_rgb(x[..., :1])], PICTURES)
picture_case("grey_bytes", lambda im, x: im.rgb_to_grayscale(x), BYTES)
picture_case("to_hsv", lambda im, x: im.rgb_to_hsv(x), PICTURES)
picture_case("from_hsv", lambda im, x: im.hsv_to_rgb(x), PICTURES)
picture_case(
    "convert", lambda im, x: [im.convert_image_dtype(x, "float32"), im.convert_image_dtype(x, "uint16")], BYTES
)
picture_case("convert_back", lambda im, x: im.convert_image_dtype(x, "uint8"), PICTURES)
picture_case("brightness", lambda im, x: im.adjust_brightness(x, 0.2), PICTURES)
picture_case("brightness_bytes", lambda im, x: im.adjust_brightness(x, 0.2), BYTES)
picture_case("contrast", lambda im, x: im.adjust_contrast(x, 1.5), PICTURES)
picture_case("hue", lambda im, x: im.adjust_hue(x, 0.2), np.stack([PICTURES[0], PICTURES[1]]))
picture_case("saturation", lambda im, x: im.adjust_saturation(x, 0.5), PICTURES)
picture_case("gamma", lambda im, x: im.adjust_gamma(x, 2.0, 1.5), PICTURES)
picture_case("standardized", lambda im, x: im.per_image_standardization(x), PICTURES[0])
picture_case("cropped", lambda im, x: [im.crop_to_bounding_box(x, 1, 0, 3, 2), im.central_crop(x, 0.5)], PICTURES[0])
picture_case("padded", lambda im, x: im.pad_to_bounding_box(x, 1, 2, 8, 9), PICTURES)
picture_case(
    "crop_or_pad",
    lambda im, x: [im.resize_image_with_crop_or_pad(x, 3, 7), im.resize_image_with_crop_or_pad(x, 8, 3)],
    PICTURES,
)
picture_case("total_variation", lambda im, x: im.total_variation(x), PICTURES)

# --------------------------------------------------------------------------------------------------
# Linear algebra and sparse tensors

M = numbers(2, 3, 3) + 2 * np.eye(3, dtype=np.float32)
case("matrix_determinant", lambda tf, x: tf.matrix_determinant(x), M)
case("matrix_inverse", lambda tf, x: [tf.matrix_inverse(x), tf.matrix_inverse(x, adjoint=True)], M)
case("matrix_solve", lambda tf, x, y: [tf.matrix_solve(x, y), tf.matrix_solve(x, y, adjoint=True)], M, numbers(2, 3, 2))
case(
    "matrix_solve_ls",
    lambda tf, x, y: tf.matrix_solve_ls(x, y),
    numbers(5, 3) + np.eye(5, 3, dtype=np.float32),
    numbers(5, 2),
    known=True,
    names=False,
)
case("cholesky", lambda tf, x: tf.cholesky(x), (M @ M.transpose(0, 2, 1))[0], known=True)
case("eigenvalues", lambda tf, x: tf.stop_gradient(tf.self_adjoint_eigvals(x)), M[0] + M[0].T, known=True, names=False)
case(
    "sparse_to_dense", lambda tf, x: tf.sparse_to_dense([[0, 1], [2, 0], [2, 3]], [3, 4], x, -1.0), X[0, :3], known=True
)
case("sparse_to_dense_vector", lambda tf: [tf.sparse_to_dense([1, 3], [5], 2.0), tf.sparse_to_dense(1, [3], 7)])
case(
    "sparse_matmul",
    lambda tf, x, y: tf.sparse_tensor_dense_matmul(tf.SparseTensor([[0, 1], [2, 0], [2, 3]], x, [3, 4]), y),
    X[0, :3],
    numbers(4, 2),
    known=True,
    names=False,
)


def sparse_parts(tf, x):
    """Sparse tensors changed."""
    sparse = tf.SparseTensor([[0, 1], [2, 0], [2, 3]], x, [3, 4])
    fixed = tf.SparseTensor(sparse.indices, tf.stop_gradient(x), [3, 4])  # TensorFlow has no gradient of sparse_concat
    changed = [
        tf.sparse_retain(sparse, tf.placeholder_with_default(np.array([True, False, True]), [None])),
        tf.sparse_transpose(sparse),
        tf.sparse_reshape(sparse, [2, -1]),
        tf.sparse_add(sparse, tf.SparseTensor([[0, 1], [1, 1]], [2.0, 3.0], [3, 4])),
        tf.sparse_concat(1, [fixed, fixed]),
        tf.sparse_softmax(sparse),
    ]
    return [part for one in changed for part in (one.indices, one.values, one.dense_shape)]


case("sparse_parts", sparse_parts, X[0, :3], known=True, names=False)

# --------------------------------------------------------------------------------------------------
# Orders, blocks and patches

case("sort", lambda tf, x: [tf.sort(x), tf.sort(x, 0, "DESCENDING")], X, names=False)
case("argsort", lambda tf, x: [tf.argsort(x), tf.argsort(x, 0, "DESCENDING")], X, names=False)
case("roll", lambda tf, x: [tf.roll(x, 1, 1), tf.roll(x, [1, -2], [0, 1])], X)
case(
    "repeat",
    lambda tf, x: [tf.repeat(x, 2, 1), tf.repeat(x, [1, 0, 2], 0), tf.repeat(x, 2)],
    X,
    known=True,
    names=False,
)
case(
    "searchsorted",
    lambda tf, x: tf.searchsorted([[1.0, 3, 5]], x),
    np.array([[2.0, 3, 9]], np.float32),
    known=True,
    names=False,
)
case(
    "searchsorted_right",
    lambda tf, x: tf.searchsorted(x, [[3.0]], "right"),
    np.array([[2.0, 3, 9]], np.float32),
    known=True,
    names=False,
)
case("unravel_index", lambda tf, x: tf.unravel_index(x, [2, 3]), np.array([5, 0, 4], np.int32), known=True)
case("depth_to_space", lambda tf, x: tf.depth_to_space(x, 2), numbers(2, 3, 2, 8))
case("space_to_depth", lambda tf, x: tf.space_to_depth(x, 2), numbers(2, 4, 6, 3))
for padding in ("SAME", "VALID"):
    case(
        f"extract_image_patches_{padding}",
        lambda tf, x, p=padding: tf.extract_image_patches(x, [1, 3, 2, 1], [1, 2, 1, 1], [1, 1, 2, 1], p),
        numbers(2, 6, 5, 2),
        known=True,
    )
case("ensure_shape", lambda tf, x: tf.ensure_shape(x, [3, 4]), X)
