"""The estimators before `tf.estimator`, and how they read data."""

import numpy as np
import pytest

import tapegrad.compat.v1 as tf
from tapegrad.compat.v1._missing import NotCoveredError

X = np.array([[-2.0], [-1.0], [1.0], [2.0]], np.float32)
LABELS = np.array([0, 0, 1, 1], np.int32)


def model(features, labels, mode):
    learn = tf.contrib.learn
    logits = tf.layers.dense(features, 2)
    predictions = {"classes": tf.argmax(logits, 1), "probabilities": tf.nn.softmax(logits)}
    loss = step = None
    if mode != learn.ModeKeys.INFER:
        loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    if mode == learn.ModeKeys.TRAIN:
        step = tf.contrib.layers.optimize_loss(loss, tf.contrib.framework.get_global_step(), 0.5, "SGD")
    return learn.ModelFnOps(mode, predictions, loss, step)


def test_an_estimator_is_fitted_to_arrays_evaluated_and_asked(tmp_path):
    learn = tf.contrib.learn
    estimator = learn.Estimator(model, tmp_path)
    assert estimator.fit(X, LABELS, batch_size=2, steps=30) is estimator
    spec = learn.MetricSpec(tf.metrics.accuracy, prediction_key="classes")
    found = estimator.evaluate(X, LABELS, metrics={"right": spec})
    assert (found["right"], found["global_step"]) == (1, 30)
    assert 0 < found["loss"] < 0.3
    assert [row["classes"] for row in estimator.predict(X)] == [0, 0, 1, 1]
    assert estimator.predict(X, as_iterable=False)["probabilities"].shape == (4, 2)
    assert estimator.fit(X, LABELS, steps=5).evaluate(X, LABELS)["global_step"] == 35
    with pytest.raises(ValueError, match="exactly one of x and input_fn"):
        estimator.evaluate()
    with pytest.raises(ValueError, match="requires one prediction"):
        estimator.evaluate(X, LABELS, metrics={"right": learn.MetricSpec(tf.metrics.accuracy)})


def test_a_model_function_may_give_a_tuple_and_is_fed_by_an_input_function():
    def line(features, labels, mode):
        w = tf.get_variable("w", [1])
        y = w * features["x"]
        loss = tf.reduce_sum(tf.square(y - labels))
        step = tf.train.GradientDescentOptimizer(0.02).minimize(loss, tf.train.get_global_step())
        return y, loss, step

    estimator = tf.contrib.learn.Estimator(line)
    data = tf.contrib.learn.io.numpy_input_fn({"x": X[:, 0]}, 3 * X[:, 0], 4, num_epochs=None)
    estimator.fit(input_fn=data, steps=50)
    assert estimator.evaluate(input_fn=data, steps=2)["loss"] < 1e-6
    assert estimator.get_variable_value("w") == pytest.approx(3, abs=1e-3)


def test_tables_are_read_with_and_without_a_first_line(tmp_path):
    base = tf.contrib.learn.datasets.base
    table = tmp_path / "table.csv"
    table.write_text("2,3,a,b\n1.5,2,3,0\n4,5,6.5,1\n")
    data, target = base.load_csv_with_header(table, target_dtype=np.int64, features_dtype=np.float32)
    assert (data.tolist(), target.tolist()) == ([[1.5, 2, 3], [4, 5, 6.5]], [0, 1])
    table.write_text("7,1,2\n8,3,4\n")
    found = base.load_csv_without_header(table, np.int32, np.float32, target_column=0)
    assert (found.target.tolist(), found.data.tolist()) == ([7, 8], [[1, 2], [3, 4]])
    table.write_text("3,2,a\n1,2,0\n")
    with pytest.raises(ValueError, match="3 rows of 2"):
        base.load_csv_with_header(table, np.int32, np.float32)


def test_texts_become_numbers_of_words_and_words_again(tmp_path):
    preprocessing = tf.contrib.learn.preprocessing
    texts = ["a cat sat", "a dog sat on a cat", "a bird"]
    processor = preprocessing.VocabularyProcessor(4)
    rows = np.array(list(processor.fit_transform(texts)))
    assert rows.tolist() == [[1, 2, 3, 0], [1, 4, 3, 5], [1, 6, 0, 0]]
    assert len(processor.vocabulary_) == 7  # with the unknown word
    assert next(processor.transform(["dog new cat"])).tolist() == [4, 0, 2, 0]
    assert list(processor.reverse(rows[:1])) == ["a cat sat <UNK>"]
    processor.save(tmp_path / "words")
    again = preprocessing.VocabularyProcessor.restore(tmp_path / "words")
    assert np.array(list(again.transform(texts))).tolist() == rows.tolist()
    often = preprocessing.VocabularyProcessor(4, min_frequency=1)
    assert next(often.fit_transform(texts)).tolist() == [1, 2, 3, 0]  # a, then cat and sat, by letters
    assert len(often.vocabulary_) == 4


def test_what_is_not_covered_names_what_replaced_it():
    with pytest.raises(AttributeError, match=r"tf\.estimator\.DNNClassifier"):
        tf.contrib.learn.DNNClassifier  # noqa: B018
    with pytest.raises(NotCoveredError, match="'mnist' is"):
        tf.contrib.learn.datasets.load_dataset("iris")
