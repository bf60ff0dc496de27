"""The little of Keras that there is: it fits, and its figures are NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

import tapegrad.compat.v1 as tf
from tapegrad.compat.v1._missing import NotCoveredError

keras = tf.keras
RANDOM = np.random.RandomState(0)  # the state that Keras's scripts seed
X = RANDOM.randn(200, 4).astype(np.float32)
CLASSES = (X[:, 0] + X[:, 1] > 0).astype(int)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "categorical_crossentropy"])
def test_a_classifier_learns_and_its_figures_are_numpys(loss, capsys):
    tf.set_random_seed(1)
    np.random.seed(1)  # noqa: NPY002  # which is what Keras shuffles by
    model = keras.models.Sequential()
    model.add(keras.layers.Dense(8, activation="relu", input_shape=(4,)))
    model.add(keras.layers.Dropout(0.1))
    model.add(keras.layers.Dense(2, activation="softmax"))
    model.compile(keras.optimizers.Adam(lr=0.02), loss=loss, metrics=["accuracy"])
    labels = CLASSES if loss.startswith("sparse") else keras.utils.to_categorical(CLASSES, 2)
    history = model.fit(X, labels, batch_size=20, epochs=15, validation_split=0.2)
    assert sorted(history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert "Epoch 15/15 - loss:" in capsys.readouterr().out
    w, b, v, c = model.get_weights()
    p = softmax(np.maximum(X @ w + b, 0) @ v + c)
    found, accuracy = model.evaluate(X, labels, verbose=0)
    assert found == pytest.approx(-np.log(p[np.arange(200), CLASSES]).mean(), 1e-4)
    assert accuracy == pytest.approx((p.argmax(1) == CLASSES).mean())
    assert accuracy > 0.8
    np.testing.assert_allclose(model.predict(X), p, 1e-4, 1e-6)
    assert np.array_equal(model.predict_classes(X), p.argmax(1))
    model.summary()
    assert "58" in capsys.readouterr().out


def test_images_a_regression_and_a_yes_or_no():
    images = RANDOM.rand(12, 6, 6, 1).astype(np.float32)
    model = keras.Sequential(
        [
            keras.layers.Conv2D(3, (3, 3), activation="relu", input_shape=(6, 6, 1)),
            keras.layers.MaxPooling2D((2, 2)),
            keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
            keras.layers.Dense(1),
            keras.layers.Activation("sigmoid"),
        ]
    )
    model.compile(keras.optimizers.SGD(lr=0.1, momentum=0.9), "binary_crossentropy", ["acc", "mae"])
    answers = (images.mean((1, 2)) > images.mean()).astype(np.float32)
    assert len(model.fit(images, answers, epochs=3, verbose=0).history["mae"]) == 3
    loss, accuracy, size = model.evaluate(images, answers, verbose=0)
    p = model.predict(images)
    assert loss == pytest.approx(-(answers * np.log(p) + (1 - answers) * np.log(1 - p)).mean(), 1e-4)
    assert (accuracy, size) == (pytest.approx(((p > 0.5) == answers).mean()), pytest.approx(abs(p - answers).mean()))


def test_a_simple_cell_in_dynamic_rnn():
    x = tf.placeholder(tf.float32, [None, 3, 4])
    outputs, _ = tf.nn.dynamic_rnn(keras.layers.SimpleRNNCell(2), x, dtype=tf.float32)
    data = X[:6].reshape(2, 3, 4)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        w, u, b = session.run(tf.trainable_variables())
        h = np.zeros((2, 2), np.float32)
        for step in range(3):
            h = np.tanh(data[:, step] @ w + h @ u + b)
            np.testing.assert_allclose(session.run(outputs, {x: data})[:, step], h, 1e-4, 1e-6)


def test_what_is_not_covered_says_so():
    with pytest.raises(AttributeError, match=r"tf\.keras\.backend is not covered"):
        _ = keras.backend
    model = keras.models.Sequential([keras.layers.Dense(2)])
    with pytest.raises(RuntimeError, match="You must compile"):
        model.fit(X, CLASSES)
    with pytest.raises(NotCoveredError, match=r"tf\.train\.Saver"):
        model.save("model.h5")
    with pytest.raises(ValueError, match="Unknown activation"):
        keras.layers.Dense(2, activation="best")
    with pytest.raises(NotCoveredError, match="decay"):
        keras.optimizers.SGD(decay=0.1)
