"""Estimators: a model function and the canned models train, go on, are evaluated and predict; columns."""

import numpy as np
import pytest

import tapegrad.compat.v1 as tf
from tapegrad.compat.v1._missing import NotCoveredError

INPUTS = tf.estimator.inputs


@pytest.fixture
def drawn():
    return np.random.default_rng(0)


def model(features, labels, mode, params):
    out = tf.layers.dense(features["x"], 1, name="line")[:, 0]
    if mode == tf.estimator.ModeKeys.PREDICT:
        return tf.estimator.EstimatorSpec(mode, predictions={"y": out})
    loss = tf.losses.mean_squared_error(labels, out)
    train = tf.train.GradientDescentOptimizer(params["rate"]).minimize(loss, tf.train.get_global_step())
    return tf.estimator.EstimatorSpec(mode, out, loss, train, {"rmse": tf.metrics.root_mean_squared_error(labels, out)})


def test_a_model_function_is_trained_evaluated_and_asked(tmp_path, drawn):
    x = drawn.normal(size=(60, 2)).astype(np.float32)
    y = (x @ np.float32([2, -1]) + 0.5).astype(np.float32)
    estimator = tf.estimator.Estimator(model, str(tmp_path), params={"rate": 0.2})
    assert estimator.model_dir == str(tmp_path)
    with pytest.raises(ValueError, match="Could not find trained model"):
        next(estimator.predict(INPUTS.numpy_input_fn({"x": x}, shuffle=False)))
    train = INPUTS.numpy_input_fn({"x": x}, y, batch_size=16, num_epochs=None, shuffle=True)
    assert estimator.train(train, steps=40) is estimator
    estimator.train(train, steps=40)
    estimator.train(train, max_steps=60)  # there are more already
    found = estimator.evaluate(INPUTS.numpy_input_fn({"x": x}, y, num_epochs=1, shuffle=False))
    assert found["global_step"] == 80
    assert found["rmse"] < 0.01
    assert sorted(found) == ["global_step", "loss", "rmse"]
    predicted = list(estimator.predict(INPUTS.numpy_input_fn({"x": x}, batch_size=7, shuffle=False)))
    np.testing.assert_allclose([p["y"] for p in predicted], y, atol=0.02)
    assert estimator.get_variable_names() == ["global_step", "line/bias", "line/kernel"]
    np.testing.assert_allclose(estimator.get_variable_value("line/kernel"), [[2], [-1]], atol=0.02)
    with pytest.raises(NotCoveredError, match="exporting"):
        estimator.export_savedmodel("x")


def test_a_data_set_and_the_end_of_the_data(tmp_path):
    def input_fn():
        rows = {"x": np.ones((10, 1), np.float32)}
        return tf.data.Dataset.from_tensor_slices((rows, np.zeros(10, np.float32))).batch(4).repeat(3)

    estimator = tf.estimator.Estimator(model, str(tmp_path), params={"rate": 0.1})
    estimator.train(input_fn)
    assert estimator.evaluate(input_fn, steps=2)["global_step"] == 9
    assert estimator.latest_checkpoint() == str(tmp_path / "model.ckpt-9")


def columns_and_data(drawn, count=200):
    age = drawn.uniform(0, 10, count)
    kind = drawn.choice(np.array([b"red", b"green", b"blue"], object), count)
    place = drawn.integers(0, 4, count)
    wide = drawn.normal(size=(count, 3))
    yes = (age > 5) ^ (kind == b"red")
    features = {"age": age, "kind": kind, "place": place, "wide": wide}
    column = tf.feature_column
    number = column.numeric_column("age")
    colour = column.categorical_column_with_vocabulary_list("kind", ["red", "green", "blue"])
    buckets = column.bucketized_column(number, [2.5, 5.0, 7.5])
    place = column.categorical_column_with_identity("place", 4)
    return features, yes.astype(np.int64), {
        "number": number, "colour": colour, "buckets": buckets, "place": place,
        "wide": column.numeric_column("wide", shape=[3]), "indicator": column.indicator_column(colour),
        "embedding": column.embedding_column(place, 2),
        "hashed": column.categorical_column_with_hash_bucket("kind", 20),
        "crossed": column.crossed_column([buckets, "kind"], 100),
    }  # fmt: skip


@pytest.mark.parametrize("model", ["DNNClassifier", "LinearClassifier", "DNNLinearCombinedClassifier"])
@pytest.mark.parametrize("classes", [2, 3])
def test_canned_classifiers_learn(model, classes, drawn):
    features, labels, known = columns_and_data(drawn)
    deep = [known[name] for name in ("number", "wide", "indicator", "embedding", "buckets")]
    linear = [known[name] for name in ("number", "colour", "place", "crossed", "hashed")]
    if model == "DNNClassifier":
        own = {"feature_columns": deep, "hidden_units": [16], "optimizer": tf.train.AdamOptimizer(0.02)}
    elif model == "LinearClassifier":
        own = {"feature_columns": linear}
    else:
        own = {"linear_feature_columns": linear, "dnn_feature_columns": deep, "dnn_hidden_units": [8]}
    config = tf.estimator.RunConfig(tf_random_seed=1)
    estimator = getattr(tf.estimator, model)(n_classes=classes, config=config, **own)
    estimator.train(INPUTS.numpy_input_fn(features, labels, 50, None, shuffle=True), steps=150)
    found = estimator.evaluate(INPUTS.numpy_input_fn(features, labels, num_epochs=1, shuffle=False))
    assert found["accuracy"] > 0.9
    assert ("auc" in found) == (classes == 2)
    assert found["average_loss"] < found["loss"]  # which is a sum over each batch
    first = next(estimator.predict(INPUTS.numpy_input_fn(features, shuffle=False)))
    assert first["probabilities"].shape == (classes,)
    assert first["probabilities"].sum() == pytest.approx(1)
    assert first["class_ids"].tolist() == [first["probabilities"].argmax()]
    assert first["classes"].tolist() == [b"%d" % first["class_ids"][0]]


def test_canned_regressors_learn(drawn):
    x = drawn.normal(size=(100, 2)).astype(np.float32)
    y = x @ np.float32([1, 2]) - 1
    columns = [tf.feature_column.numeric_column("x", 2)]
    train = INPUTS.numpy_input_fn({"x": x}, y, 20, None, shuffle=True)
    test = INPUTS.numpy_input_fn({"x": x}, y, shuffle=False)
    for estimator in (
        tf.estimator.LinearRegressor(columns),
        tf.estimator.DNNRegressor([10], columns, optimizer="Adam"),
        tf.estimator.DNNLinearCombinedRegressor(
            linear_feature_columns=columns, dnn_feature_columns=columns, dnn_hidden_units=[4]
        ),
    ):
        before = estimator.train(train, steps=1).evaluate(test)["average_loss"]
        found = estimator.train(train, steps=200).evaluate(test)
        assert found["average_loss"] < 0.3 * before
        assert found["label/mean"] == pytest.approx(y.mean(), abs=1e-5)
        assert next(estimator.predict(test))["predictions"].shape == (1,)


def test_what_columns_give(drawn):
    features = {"age": [1.0, 5.0, 9.0], "kind": [b"blue", b"none", b"red"], "place": [[0, 1], [2, -1], [3, 3]]}
    _, _, known = columns_and_data(drawn)
    table = tf.constant_initializer(np.arange(8.0).reshape(4, 2))
    embedding = tf.feature_column.embedding_column(known["place"], 2, initializer=table)
    out = tf.feature_column.input_layer(features, [known["indicator"], known["number"], known["buckets"], embedding])
    assert out.shape.as_list() == [None, 10] or out.shape.as_list() == [3, 10]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        found = session.run(out)
    np.testing.assert_array_equal(found[:, 0], [1, 5, 9])
    np.testing.assert_array_equal(found[:, 1:5], [[1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    np.testing.assert_array_equal(found[:, 5:8], [[0, 0, 1], [0, 0, 0], [1, 0, 0]])
    np.testing.assert_array_equal(found[:, 8:], [[1, 2], [4, 5], [6, 7]])
    assert [v.name for v in tf.global_variables()] == ["input_layer/place_embedding/embedding_weights:0"]
    with pytest.raises(ValueError, match="wrap it with embedding_column"):
        tf.feature_column.input_layer(features, [known["colour"]])


def test_input_functions():
    x, y = np.arange(10.0), np.arange(10)
    given, wanted = INPUTS.numpy_input_fn(x, y, batch_size=4, num_epochs=2, shuffle=False)()
    assert (given.dtype, wanted.dtype) == (tf.float64, tf.int64)
    found = []
    with tf.Session() as session:
        for _ in range(5):
            a, b = session.run([given, wanted])
            np.testing.assert_array_equal(a, b)
            found.append(b.tolist())
        with pytest.raises(tf.errors.OutOfRangeError):
            session.run(given)
    assert found == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 0, 1], [2, 3, 4, 5], [6, 7, 8, 9]]
    with pytest.raises(ValueError, match="shuffle must be"):
        INPUTS.numpy_input_fn(x, y)
    with pytest.raises(ValueError, match="mismatched"):
        INPUTS.numpy_input_fn(x, y[:3], shuffle=False)


COLUMNS = tf.feature_column


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: COLUMNS.numeric_column("x", shape=(2, 0)), "must be greater than 0"),
        (lambda: COLUMNS.bucketized_column("x", [1]), "must be one-dimensional"),
        (lambda: COLUMNS.bucketized_column(COLUMNS.numeric_column("x"), [2, 1]), "sorted list"),
        (lambda: COLUMNS.categorical_column_with_hash_bucket("x", 0), "hash_bucket_size must be at least 1"),
        (lambda: COLUMNS.categorical_column_with_vocabulary_list("x", []), "must be non-empty"),
        (lambda: COLUMNS.categorical_column_with_vocabulary_list("x", ["a", "a"]), "Duplicate keys"),
        (lambda: COLUMNS.categorical_column_with_vocabulary_list("x", ["a"], default_value=0, num_oov_buckets=2),
         "Can't specify both"),
        (lambda: COLUMNS.categorical_column_with_identity("x", 0), "num_buckets 0 < 1"),
        (lambda: COLUMNS.crossed_column(["x"], 3), "length > 1"),
        (lambda: COLUMNS.crossed_column(["x", 3], 3), "Unsupported key type"),
        (lambda: COLUMNS.embedding_column(COLUMNS.categorical_column_with_identity("x", 2), 0), "Invalid dimension"),
        (lambda: COLUMNS.embedding_column(COLUMNS.categorical_column_with_identity("x", 2), 1, "max"), "combiner must"),
        (lambda: COLUMNS.input_layer({}, []), "must not be empty"),
        (lambda: COLUMNS.input_layer({}, ["x"]), "must be columns of tf.feature_column"),
        (lambda: COLUMNS.input_layer({"y": [1.0]}, COLUMNS.numeric_column("x")), "Feature x is not in"),
        (lambda: COLUMNS.input_layer({"x": [[1.0, 2.0]]}, COLUMNS.numeric_column("x")), "2 numbers an example"),
    ],
)  # fmt: skip
def test_wrong_columns_are_refused(make, told):
    with pytest.raises(ValueError, match=told):
        make()


def test_bounds_of_embeddings_are_not_covered():
    with pytest.raises(NotCoveredError, match="max_norm are not covered"):
        COLUMNS.embedding_column(COLUMNS.categorical_column_with_identity("x", 2), 1, max_norm=1)


def test_a_normalizer_must_be_a_function():
    with pytest.raises(TypeError, match="must be a callable"):
        COLUMNS.numeric_column("x", normalizer_fn=3)


def test_columns_of_categories(tmp_path):
    (tmp_path / "words.txt").write_text("a\nb\nc\n")
    features = {"word": [["b", "a"], ["c", "?"]], "id": [0, 9], "x": [[1.0], [3.0]]}
    word = COLUMNS.categorical_column_with_vocabulary_file("word", str(tmp_path / "words.txt"), 2, num_oov_buckets=1)
    number = COLUMNS.categorical_column_with_identity("id", 3, default_value=1)
    scaled = COLUMNS.numeric_column("x", normalizer_fn=lambda x: x * 10.0)
    hashed = COLUMNS.categorical_column_with_hash_bucket("word", 1)
    crossed = COLUMNS.crossed_column([number, "word"], 1)
    columns = [COLUMNS.indicator_column(word), COLUMNS.indicator_column(number), scaled]
    variables, parts = {}, {}
    out = COLUMNS.input_layer(features, columns, cols_to_vars=variables, cols_to_output_tensors=parts)
    sums = [COLUMNS.input_layer(features, COLUMNS.indicator_column(column)) for column in (hashed, crossed)]
    with tf.Session() as session:
        assert session.run(out).tolist() == [[1, 0, 0, 1, 1, 0, 10], [0, 1, 0, 0, 0, 2, 30]]
        assert session.run(parts[scaled]).tolist() == [[10], [30]]
        assert session.run(sums) == [pytest.approx(np.full((2, 1), 2.0))] * 2
    assert variables == {column: [] for column in columns}


def test_a_category_beyond_the_last_is_an_error_of_the_run():
    number = COLUMNS.indicator_column(COLUMNS.categorical_column_with_identity("id", 3))
    out = COLUMNS.input_layer({"id": [0, 9]}, number)
    with tf.Session() as session, pytest.raises(tf.errors.InvalidArgumentError, match="its categories are 0 to 2"):
        session.run(out)


def test_a_linear_model_sums_numbers_and_categories_by_their_weights():
    number, kind = COLUMNS.numeric_column("x"), COLUMNS.categorical_column_with_identity("id", 3)
    out = COLUMNS.linear_model({"x": [1.0, 2.0], "id": [[0, 1], [2, -1]]}, [number, kind])
    values = {
        "linear_model/id/weights": [[1.0], [10.0], [100.0]], "linear_model/x/weights": [[1000.0]],
        "linear_model/bias_weights": [0.5],
    }  # fmt: skip
    with tf.Session() as session:
        for variable in tf.global_variables():
            variable.load(values[variable.op.name], session)
        assert session.run(out).tolist() == [[1011.5], [2100.5]]


def test_how_columns_are_parsed_from_examples():
    number = COLUMNS.numeric_column("x", shape=2, default_value=[1.0, 2.0])
    kind = COLUMNS.categorical_column_with_identity("id", 3)
    spec = COLUMNS.make_parse_example_spec([
        COLUMNS.bucketized_column(COLUMNS.numeric_column("y"), [1]), COLUMNS.indicator_column(kind), number,
        COLUMNS.crossed_column(["word", kind], 5),
    ])  # fmt: skip
    assert sorted(spec) == ["id", "word", "x", "y"]
    assert spec["x"] == tf.FixedLenFeature((2,), tf.float32, [1.0, 2.0])
    assert spec["word"] == tf.VarLenFeature(tf.string)
    assert spec["id"] == tf.VarLenFeature(tf.int64)


def test_a_model_function_gets_its_arguments_by_their_names(tmp_path):
    def turned(mode, params, labels, features):
        loss = tf.losses.mean_squared_error(labels, features * params["times"])
        return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=tf.train.get_global_step().assign_add(1))

    def inputs():
        return tf.data.Dataset.from_tensors(([1.0, 2.0], [3.0, 6.0]))

    def estimator(function):
        return tf.estimator.Estimator(function, str(tmp_path), params={"times": 2.0})

    estimator(turned).train(inputs, steps=1)
    assert estimator(turned).evaluate(inputs)["loss"] == pytest.approx((1 + 4) / 2)
    with pytest.raises(ValueError, match="must include features"):
        estimator(lambda x, labels, mode: None).train(inputs)
