"""Random numbers: their laws, their seeds, and that compiled runs draw anew."""

import numpy as np
import pytest

import tapegrad.compat.v1 as tf


def several(tensor, runs=5, feeds=None, compiled=True):
    """A tensor's values in a new session; from the third run on they are those of a program."""
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        values = [sess.run(tensor, feeds) for _ in range(runs)]
        assert not compiled or not any(
            planned._parts is not None and planned._parts._refused for planned in sess._plans.values()
        )
        return values


def differ(values):
    return all((a != b).any() for i, a in enumerate(values) for b in values[:i])


def test_moments_and_bounds():
    normal, cut, flat, whole = several(
        [
            tf.random_normal([20000], 2.0, 3.0, seed=1),
            tf.truncated_normal([20000], 1.0, 0.5, seed=2),
            tf.random_uniform([20000], -1, 3, seed=3),
            tf.random_uniform([20000], 2, 6, tf.int32, seed=4),
        ],
        1,
    )[0]
    assert abs(normal.mean() - 2) < 0.1
    assert abs(normal.std() - 3) < 0.1
    assert np.abs(cut - 1).max() <= 1
    assert abs(cut.std() - 0.5 * 0.8796) < 0.02
    assert flat.min() >= -1
    assert flat.max() < 3
    assert abs(flat.mean() - 1) < 0.05
    assert set(whole.tolist()) == {2, 3, 4, 5}
    assert [x.dtype.name for x in (normal, cut, flat, whole)] == ["float32"] * 3 + ["int32"]
    assert (several(tf.random_gamma([20000], 3.0, 2.0, seed=1), 1)[0].mean() - 1.5) < 0.05
    assert (several(tf.random_poisson(3.0, [20000], seed=1), 1)[0].mean() - 3) < 0.1


def test_a_seed_of_the_operation_fixes_each_session_and_each_run_draws_anew():
    x = tf.random_normal([4], seed=7)
    first, again = several(x), several(x)
    assert differ(first)
    np.testing.assert_array_equal(first, again)


def test_a_seed_of_the_graph_gives_each_operation_numbers_of_its_own():
    def graph(seed):
        with tf.Graph().as_default():
            tf.set_random_seed(seed)
            return several([tf.random_uniform([4]), tf.random_uniform([4])], 3)

    one, same, other = graph(3), graph(3), graph(4)
    np.testing.assert_array_equal(one, same)
    assert differ([values for run in one for values in run])
    assert differ([one[0][0], other[0][0]])


def test_without_a_seed_tapegrads_stream_is_drawn_from():
    import tapegrad as tg

    x = tf.random_normal([4])
    tg.random.seed(5)
    first = several(x)
    tg.random.seed(5)
    np.testing.assert_array_equal(first, several(x))
    assert differ(first)


def test_a_draw_that_is_used_twice_is_one_draw():
    x = tf.random_normal([4])
    for one, other in several([x + 0, x * 1]):
        np.testing.assert_array_equal(one, other)


def test_a_shape_may_be_known_only_in_a_run_and_a_mean_may_be_differentiated_for():
    x = tf.placeholder(tf.float32, [None, 2])
    mean = tf.Variable(1.0)
    drawn = tf.random_normal(tf.shape(x), mean, 0.1, seed=1)
    assert drawn.shape.as_list() == [None, 2]
    (value, slope), *_ = several([drawn, tf.gradients(drawn, mean)[0]], 3, {x: np.ones((3, 2))})
    assert value.shape == (3, 2)
    assert slope == 6


def test_shuffles_crops_and_classes():
    x = tf.placeholder(tf.float32, [None, 3])
    fed = np.arange(30.0).reshape(10, 3)
    shuffled = several(tf.random_shuffle(x, seed=1), 4, {x: fed})
    assert differ(shuffled)
    for value in shuffled:
        np.testing.assert_array_equal(np.sort(value, 0), fed)
        np.testing.assert_array_equal(value[:, 1] - value[:, 0], np.ones(10))
    crops = several(tf.random_crop(x, [4, 2], seed=1), 5, {x: fed}, compiled=False)
    for value in crops:
        assert value.shape == (4, 2)
        np.testing.assert_array_equal(value - value[0, 0], fed[:4, :2])
    assert len({value[0, 0] for value in crops}) > 1
    logits = tf.log([[0.2, 0.5, 0.3], [1e-30, 1e-30, 1.0]])
    drawn = several(tf.multinomial(logits, 20000, seed=1), 3)
    for value in drawn:
        np.testing.assert_allclose(np.bincount(value[0]) / 20000, [0.2, 0.5, 0.3], atol=0.02)
        assert (value[1] == 2).all()
    assert differ(drawn)


@pytest.mark.parametrize("how", ["keep_prob", "rate", "fed"])
def test_dropout_keeps_a_share_and_scales_it(how):
    x, share = tf.ones([100, 200]), tf.placeholder_with_default(0.8, [])
    dropped = {
        "keep_prob": lambda: tf.nn.dropout(x, 0.8, seed=1),
        "rate": lambda: tf.nn.dropout(x, rate=0.2, seed=1),
        "fed": lambda: tf.nn.dropout(x, share, seed=1),
    }[how]()
    values = several([dropped, tf.gradients(dropped, x)[0]], 4)
    assert differ([value for value, _ in values])
    for value, slope in values:
        np.testing.assert_allclose(np.unique(value), [0, 1.25])
        assert abs((value > 0).mean() - 0.8) < 0.02
        np.testing.assert_array_equal(value, slope)


def test_dropout_of_whole_rows_and_of_nothing():
    x, share = tf.ones([50, 6]), tf.placeholder(tf.float32)
    (rows, columns), *_ = several([tf.nn.dropout(x, 0.5, [50, 1], 1), tf.nn.dropout(x, 0.5, [None, 1], 2)], 3)
    for value in (rows, columns):
        assert (value == value[:, :1]).all()
        assert 10 < (value[:, 0] > 0).sum() < 40
    np.testing.assert_array_equal(several(tf.nn.dropout(x, share), 4, {share: 1.0}), np.ones((4, 50, 6)))
    assert tf.nn.dropout(x, 1.0) is x
    with pytest.raises(ValueError, match=r"more than 0 and at most 1, got 1.5"):
        tf.nn.dropout(x, 1.5)
    with pytest.raises(ValueError, match="one of keep_prob"):
        tf.nn.dropout(x)


def test_candidates_come_as_often_as_they_are_expected():
    true = tf.constant([[0], [7]], tf.int64)
    for sampler in (tf.nn.log_uniform_candidate_sampler, tf.nn.uniform_candidate_sampler):
        found = several(sampler(true, 1, 4, True, 10, seed=3), 600)
        drawn = np.array([candidates for candidates, _, _ in found])
        assert all(len(set(row)) == 4 for row in drawn.tolist())
        counted = np.bincount(drawn.ravel(), minlength=10) / len(found)
        expected = np.mean([count[:, 0] for _, count, _ in found], 0)
        np.testing.assert_allclose(counted[[0, 7]], expected, atol=0.06)
        assert all(others.shape == (4,) for _, _, others in found)
    every = several(tf.nn.log_uniform_candidate_sampler(true, 1, 5, False, 10, seed=3), 400)
    share = np.bincount(np.ravel([drawn for drawn, _, _ in every]), minlength=10) / 2000
    np.testing.assert_allclose(share, np.diff(np.log(np.arange(1, 12))) / np.log(11), atol=0.03)
    np.testing.assert_allclose(every[0][1][:, 0], 5 * (np.diff(np.log(np.arange(1, 12))) / np.log(11))[[0, 7]], 1e-5)
    fixed = several(
        tf.nn.fixed_unigram_candidate_sampler(true, 1, 3, False, 8, unigrams=[1.0] * 7 + [3.0], seed=1), 500
    )
    assert abs((np.array([drawn for drawn, _, _ in fixed]) == 7).mean() - 0.3) < 0.04


def test_word_vectors_learn_by_nce_and_by_sampled_softmax():
    for loss_of in (tf.nn.nce_loss, tf.nn.sampled_softmax_loss):
        with tf.Graph().as_default():
            tf.set_random_seed(1)
            labels = tf.constant([[3], [1], [4], [1]])
            table = tf.Variable(tf.random_uniform([6, 4], -1, 1))
            weights, biases = tf.Variable(tf.truncated_normal([6, 4], stddev=0.5)), tf.Variable(tf.zeros([6]))
            inputs = tf.nn.embedding_lookup(table, [0, 1, 2, 5])
            loss = tf.reduce_mean(
                loss_of(weights=weights, biases=biases, labels=labels, inputs=inputs, num_sampled=3, num_classes=6)
            )
            learned = [table, weights, biases]
            slopes = tf.gradients(loss, learned)
            step = tf.group(*[tf.assign_sub(v, 0.5 * g) for v, g in zip(learned, slopes, strict=True)])
            losses = [loss_now for _, loss_now in several([step, loss], 60)]
            assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:5])


def test_the_order_of_old_times_of_sampled_losses():
    w, b, x = tf.ones([6, 4]), tf.zeros([6]), tf.ones([2, 4])
    tf.warn_of_old_names(True)
    with pytest.warns(tf.OldNameWarning, match=r"nce_loss\(weights, biases, inputs, labels\)"):
        old = tf.nn.nce_loss(w, b, x, [[1], [2]], 3, 6)
    assert several(old, 1)[0].shape == (2,)


def test_random_pictures():
    x = tf.constant(np.random.default_rng(1).random((6, 5, 3)), tf.float32)
    whole = several(x, 1)[0]
    flips = several(tf.image.random_flip_left_right(x, seed=1), 12)
    turned = [np.array_equal(value, whole[:, ::-1]) for value in flips]
    assert 0 < sum(turned) < 12
    assert all(t or np.array_equal(value, whole) for t, value in zip(turned, flips, strict=True))
    batch = several(tf.image.random_flip_up_down(tf.stack([x] * 20), seed=1), 1)[0]
    assert 0 < sum(np.array_equal(value, whole[::-1]) for value in batch) < 20
    for change in (
        tf.image.random_brightness(x, 0.3, seed=1),
        tf.image.random_contrast(x, 0.5, 2.0, seed=1),
        tf.image.random_hue(x, 0.4, seed=1),
        tf.image.random_saturation(x, 0.2, 0.8, seed=1),
    ):
        assert differ(several(change, 4))
    begin, size, box = tf.image.sample_distorted_bounding_box(
        tf.shape(x), [[[0.2, 0.2, 0.8, 0.8]]], min_object_covered=0.5, area_range=[0.4, 0.8], seed=2
    )
    for part, start, extent, corners in several([tf.slice(x, begin, size), begin, size, box], 5, compiled=False):
        assert part.shape == (*extent[:2], 3)
        np.testing.assert_allclose(corners[0, 0, :2], start[:2] / [6, 5], 1e-6)
        np.testing.assert_allclose(corners[0, 0, 2:], (start + extent)[:2] / [6, 5], 1e-6)
