"""The examples, in small: what they print and draw, and the status that each ends with; in full where that is slow."""

from __future__ import annotations

import gzip
import os
import struct
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.data import Reviews, Vocabulary

pytest.importorskip("matplotlib")

FOLDER = Path(__file__).parent.parent / "examples"
HELPERS = {"common", "image_classifier"}
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in HELPERS)
DIGITS = {"mnist_cnn", "mnist_mlp", "miniflow", "optimizers", "simple_net", "simplified_alexnet", "softmax_regression"}


@pytest.fixture
def example(monkeypatch):
    """Imports an example or a helper by name, where no real data is."""
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.delenv("TAPEGRAD_DATA", raising=False)
    return import_module


@pytest.fixture
def small(example, monkeypatch):
    """Imports an example and makes it small; what it must reach is then in reach, or out of reach."""

    def make(name, in_reach=True):
        module = example(name)
        for constant, value in SMALL[name](module, in_reach).items():
            monkeypatch.setattr(module, constant, value)
        if name == "sentiment":
            monkeypatch.setattr(module.datasets, "reviews", lambda folder: few_reviews())
        return module

    return make


def few_reviews():
    """Reviews of words that are said of good films or of bad ones, and of words that are said of all."""
    random = np.random.default_rng(0)

    def some(count):
        labels = np.arange(count) % 2
        kinds = [
            ["awful", "worst", "dull", "boring", "poor", "waste"],
            ["excellent", "great", "moving", "best", "loved", "superb"],
        ]
        texts = [
            " ".join([*random.choice(kinds[label], 4), *random.choice(["the", "film", "of"], 6)]) for label in labels
        ]
        return Reviews(texts, labels)

    return some(400), some(100)


def short_plan(module, in_reach):
    plan = module.PLANS["digits"]._replace(epochs=2, goal=0.3 if in_reach else 1.01)
    return {"PLANS": {"digits": plan}}


# The constants of each example, for few steps, and what it must reach within them.
SMALL = {
    "binary_addition": lambda module, in_reach: {
        "KINDS": {"RNN": tg.nn.RNN} if in_reach else module.KINDS,
        "STEPS": module.STEPS if in_reach else 3,
    },
    "gradient_demo": lambda module, in_reach: {"GOAL": module.GOAL if in_reach else -1.0},
    "miniflow": lambda module, in_reach: {"ERROR": module.ERROR if in_reach else 0.0},
    "mnist_cnn": short_plan,
    "mnist_mlp": lambda module, in_reach: {
        "RECIPES": [recipe._replace(steps=48) for recipe in module.RECIPES],
        "GOALS": {"digits": 0.5 if in_reach else 1.01},
    },
    "optimizers": lambda module, in_reach: {
        "STEPS": 60,
        "VALLEY_STEPS": 20,
        "ACCURACY": 0.15 if in_reach else 0.0,
        "VALLEY": 24.0 if in_reach else 0.0,  # of 24.2
    },
    "sentiment": lambda module, in_reach: {
        "KEPT": slice(300),
        "HELD": slice(300, None),
        "METHODS": {name: setting._replace(minimum=2) for name, setting in module.METHODS.items()},
        "GOALS": dict.fromkeys(module.GOALS, 0.9 if in_reach else 1.01),
    },
    "simple_net": lambda module, in_reach: {"STEPS": 120, "GOALS": {"digits": 0.5 if in_reach else 1.01}},
    "simplified_alexnet": short_plan,
    "softmax_regression": lambda module, in_reach: {
        "EPOCHS": {"digits": 8},
        "GOALS": {"digits": 0.8 if in_reach else 1.01},
    },
}


def run(module, tmp_path, *arguments):
    """The status that an example ends with."""
    data = "data" if hasattr(module, "images") or hasattr(module, "PLANS") or hasattr(module, "METHODS") else None
    return import_module("common").run(
        module.main, module.__doc__, data, ["--plot", str(tmp_path / "plot.png"), *arguments]
    )


def is_picture(path, colours=20):
    """Whether a file is a PNG that shows something."""
    from matplotlib.image import imread

    return len(np.unique(imread(path)[::9, ::9].reshape(-1, 4), axis=0)) > colours


def as_a_user(name, *arguments, folder, **environment):
    """What the example prints when it is started in a folder, and the status that it ends with."""
    inherited = {key: value for key, value in os.environ.items() if key != "TAPEGRAD_DATA"}
    process = subprocess.run(
        [sys.executable, str(FOLDER / f"{name}.py"), *arguments],
        cwd=folder,
        env=inherited | {"PYTHONIOENCODING": "utf-8"} | environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    return process.stdout + process.stderr, process.returncode


def test_every_example_is_tested():
    assert set(SMALL) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_reaches_its_goal_and_draws_it(small, tmp_path, capsys, name):
    module = small(name)
    assert run(module, tmp_path) == 0
    printed = capsys.readouterr().out
    assert "is reached" in printed
    assert "is missed" not in printed
    assert f"Plot: {tmp_path / 'plot.png'}" in printed
    assert is_picture(tmp_path / "plot.png")


@pytest.mark.parametrize("name", NAMES)
def test_an_example_that_misses_its_goal_ends_with_1(small, monkeypatch, tmp_path, capsys, name):
    module = small(name, in_reach=False)
    monkeypatch.setattr(import_module("common"), "require", missing)  # one plot of each is enough
    assert run(module, tmp_path) == 1
    assert "is missed" in capsys.readouterr().out


def missing(*packages, extra):
    raise tg.MissingExtraError("none today")


@pytest.mark.parametrize("name", NAMES)
def test_an_example_explains_itself(tmp_path, name):
    shown, status = as_a_user(name, "--help", folder=tmp_path)
    assert status == 0
    first = (FOLDER / f"{name}.py").read_text("utf-8").split('"""')[1].splitlines()[0]
    assert first[:40] in shown
    assert ("--data FOLDER" in shown) == (name in {*DIGITS, "sentiment"})
    assert f"{name}.png unless" in " ".join(shown.split())


# What they share


def write_mnist(folder, count=40):
    """MNIST's four files, with a few images of noise."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for name in ("train", "t10k"):
        images, labels = random.integers(0, 256, (count, 28, 28), np.uint8), np.arange(count, dtype=np.uint8) % 10
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
            (folder / f"{name}-{kind}-ubyte.gz").write_bytes(gzip.compress(header + array.tobytes()))


@pytest.mark.parametrize("how", ["option", "variable", "variable that is empty", "neither"])
def test_mnist_is_taken_where_it_is_and_digits_elsewhere(example, monkeypatch, tmp_path, how):
    common = example("common")
    write_mnist(tmp_path / "mnist")
    if "variable" in how:
        monkeypatch.setenv("TAPEGRAD_DATA", str(tmp_path) if how == "variable" else "")
    found = common.images(str(tmp_path / "mnist") if how == "option" else None)
    if how in {"option", "variable"}:
        assert (found.name, found.side, found.training.x.shape, found.test.x.shape) == (
            "MNIST",
            28,
            (40, 784),
            (40, 784),
        )
    else:
        assert (found.name, found.side, found.training.x.shape, found.test.x.shape) == (
            "digits",
            8,
            (1438, 64),
            (359, 64),
        )


@pytest.mark.parametrize("name", sorted({*DIGITS, "sentiment"}))
def test_without_the_data_asked_for_the_status_is_2(example, tmp_path, capsys, name):
    assert run(example(name), tmp_path, "--data", str(tmp_path / "nowhere")) == 2
    assert f"expected a folder of its files at {tmp_path / 'nowhere'}, found none" in capsys.readouterr().err


def test_reviews_that_are_nowhere_are_asked_for(example, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert run(example("sentiment"), tmp_path) == 2
    assert "set TAPEGRAD_DATA to a folder that has reviews/" in capsys.readouterr().err


def test_without_matplotlib_all_but_the_plot_is_there(example, monkeypatch, tmp_path, capsys):
    module = example("gradient_demo")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run(module, tmp_path) == 0
    assert 'No plot: matplotlib not installed; run: pip install "tapegrad[plots]"' in capsys.readouterr().out
    assert not (tmp_path / "plot.png").exists()


def test_a_plot_that_cannot_be_written_ends_with_2(example, tmp_path, capsys):
    assert run(example("gradient_demo"), tmp_path, "--plot", str(tmp_path / "nowhere" / "plot.png")) == 2
    assert "nowhere" in capsys.readouterr().err


def test_nothing_is_drawn_outside_of_the_folder_asked_for(small, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    run(small("gradient_demo"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["plot.png"]


def test_tables_with_rich_and_without(example, monkeypatch, capsys):
    common = example("common")
    rows = [("SGD", "0.9", "[red]"), ("Momentum", "0.95", "1,000")]
    if common.find_spec("rich") is not None:
        common.table("Accuracy", ("rule", "accuracy", "steps"), rows)
        drawn = capsys.readouterr().out
        assert "│ SGD      │      0.9 │ [red] │" in drawn
    monkeypatch.setattr(common, "find_spec", lambda name: None)
    common.table("Accuracy", ("rule", "accuracy", "steps"), rows)
    assert capsys.readouterr().out.splitlines() == [
        "",
        "Accuracy",
        "rule      accuracy  steps",
        "--------  --------  -----",
        "SGD            0.9  [red]",
        "Momentum      0.95  1,000",
    ]


def test_a_seed_fixes_the_random_numbers(example):
    common = example("common")
    drawn = []

    def main(options):
        drawn.append(tg.random.normal(3).numpy().tolist())
        return True

    for seed in ("1", "1", "2"):
        assert common.run(main, "An example.", arguments=["--seed", seed]) == 0
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize(
    ("figure", "goal", "good"),
    [
        (0.98, {"at_least": 0.98}, True),
        (0.97999, {"at_least": 0.98}, False),
        (float("nan"), {"at_least": 0.98}, False),
        (1e-3, {"at_most": 1e-3}, True),
        (1.1e-3, {"at_most": 1e-3}, False),
        (float("nan"), {"at_most": 1e-3}, False),
    ],
)
def test_a_goal_is_reached_on_its_own_side(example, capsys, figure, goal, good):
    assert example("common").reached("It", figure, **goal) is good
    assert ("is reached" if good else "is missed") in capsys.readouterr().out


# What each teaches


def test_miniflow_prints_the_worked_numbers(example, capsys):
    module = example("miniflow")
    module.graphs()
    errors = module.fit_26_numbers()
    printed = capsys.readouterr().out
    assert "10 + 20 = 30" in printed
    assert "[10. 14. 18.]" in printed
    assert "squared error = 70.25" in printed
    assert "[ 0.72249262 -0.87790673]" in printed
    assert errors[0] == pytest.approx(0.72 + 0.87790673)
    assert errors[-1] < 1e-3


def test_the_tape_is_read_at_the_prompt(example, tmp_path, capsys):
    run(example("gradient_demo"), tmp_path)
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[lines.index(">>> h.grad") + 1] == "tensor([1., 1., 1.], dtype=float64)"
    assert "3 ops from 2 leaves" in captured.out
    assert captured.err == ""


def test_losses_of_the_perceptrons_are_vectors_whose_gradients_are_differences(example):
    module = example("mnist_mlp")
    random = np.random.default_rng(0)
    outputs, labels = random.normal(size=(5, 10)), random.integers(0, 10, 5)
    one_hot = np.eye(10)[labels]
    shares = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    for loss, values, gradient in (
        (module.squared_error, ((outputs - one_hot) ** 2).sum(axis=1) / 2, outputs - one_hot),
        (module.cross_entropy, -np.log((shares * one_hot).sum(axis=1)), shares - one_hot),
    ):
        np.testing.assert_allclose(loss(outputs, labels), values, rtol=1e-6)
        np.testing.assert_allclose(tg.grad(lambda z, f=loss: np.sum(f(z, labels)))(outputs), gradient, atol=1e-6)


def test_the_recipes_of_the_perceptrons_are_those_of_the_lessons(example):
    recipes = {
        (r.hidden, r.loss.__name__, r.optimizer.__name__, r.rate, r.batch, r.steps)
        for r in example("mnist_mlp").RECIPES
    }
    for loss in ("squared_error", "cross_entropy"):
        assert ((), loss, "Momentum", 2e-4, 256, 470) in recipes
        assert ((300,), loss, "Momentum", 2e-4, 256, 470) in recipes
        assert ((128,), loss, "SGD", 1e-4, 128, 10_000) in recipes


def test_every_optimizer_walks_down_the_valley(example):
    module = example("optimizers")
    public = {getattr(tg.optim, name) for name in tg.optim.__all__}
    classes = {found for found in public if isinstance(found, type) and issubclass(found, tg.optim.Optimizer)}
    assert {rule for rule, _, _ in module.RULES.values()} == classes - {tg.optim.Optimizer, tg.optim.LBFGS}
    assert module.rosenbrock(np.array(module.START)) == pytest.approx(24.2)
    assert module.rosenbrock((1.0, 1.0)) == 0
    path = module.leap()
    np.testing.assert_allclose(path[-1], [1, 1], atol=1e-6)
    np.testing.assert_allclose(path[0], module.START)


def test_sums_of_bits_are_sums(example):
    module = example("binary_addition")
    random = np.random.default_rng(0)
    first, second = random.integers(0, 128, (2, 50))
    x, y = module.sums(first, second)
    assert x.shape == (50, 8, 2)
    weights = 2 ** np.arange(8)
    np.testing.assert_array_equal(x[:, :, 0] @ weights, first)
    np.testing.assert_array_equal(x[:, :, 1] @ weights, second)
    np.testing.assert_array_equal(y @ weights, first + second)


def test_a_sum_is_right_when_all_of_its_bits_are(example):
    module = example("binary_addition")
    x, y = module.sums(np.array([3, 5, 100, 127]), np.array([4, 6, 27, 127]))
    told = y.copy()
    told[1, 2] = 1 - told[1, 2]
    assert module.right(lambda x: tg.tensor(told), x, y) == 0.75


def test_the_copier_has_one_weight_whose_gradients_add_up(example):
    module = example("simple_net")
    tg.random.seed(0)
    copier = module.Copier(9)
    assert {name: p.shape for name, p in copier.named_parameters()} == {
        "squeeze.weight": (9, module.HIDDEN),
        "squeeze.bias": (module.HIDDEN,),
        "bias": (9,),
    }
    x = np.random.default_rng(0).random((4, 9)).astype(np.float32)
    tg.nn.functional.mse_loss(copier(x), x).backward()
    there, back = copier.squeeze.weight.numpy(), copier.squeeze.weight.numpy()

    def loss(there, back):
        hidden = np.maximum(x @ there + copier.squeeze.bias.numpy(), 0)
        return np.mean((1 / (1 + np.exp(-(hidden @ back.T + copier.bias.numpy()))) - x) ** 2)

    apart = tg.grad(lambda weights: loss(*weights))((there, back))
    np.testing.assert_allclose(copier.squeeze.weight.grad.numpy(), apart[0] + apart[1], rtol=1e-4, atol=1e-7)


def test_pairs_of_words_stand_behind_the_words(example):
    assert example("sentiment").with_pairs(["not good at all", "fine", ""]) == [
        "not good at all not_good good_at at_all",
        "fine",
        "",
    ]


def test_similar_words_are_those_whose_rows_have_the_largest_products(example):
    module = example("sentiment")
    words = Vocabulary(["excellent", "dull", "great", "film"], [1, 1, 1, 1])
    model = module.Network(4)
    rows = np.zeros((4, 10), np.float32)
    rows[:, 0] = 2, -3, 3, 0.1
    model.words.weight.assign_(rows)
    assert module.similar(module.Result(words, model, 0.0, 0.0), "excellent", 3) == ["great", "excellent", "film"]


def test_reviews_are_either_kept_or_held_back(example):
    module = example("sentiment")
    places = np.arange(20_000)
    np.testing.assert_array_equal(np.concatenate([places[module.KEPT], places[module.HELD]]), places)
    assert len(places[module.HELD]) == 4_000


def test_the_best_setting_is_chosen_without_the_test_reviews(small, monkeypatch):
    module = small("sentiment")
    training, test = few_reviews()
    seen = []
    learn = module.learn
    monkeypatch.setattr(module, "learn", lambda setting, material: seen.append(material) or learn(setting, material))
    module.choose(training)
    for material in seen:
        assert len(material.training.texts) == 300
        assert len(material.test.texts) == 100
        assert not set(material.test.texts) <= set(test.texts)
        assert [text.split("_")[0].split()[:2] for text in material.test.texts] == [
            text.split()[:2] for text in training.texts[300:]
        ]


# As a user runs them


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name != "sentiment"])
def test_an_example_reaches_its_goal_without_arguments(tmp_path, name):
    printed, status = as_a_user(name, folder=tmp_path)
    assert status == 0, printed
    assert is_picture(tmp_path / f"{name}.png")


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*DIGITS, "sentiment"}))
def test_an_example_reaches_its_goal_on_real_data(data_folder, tmp_path, name):
    printed, status = as_a_user(name, folder=tmp_path, TAPEGRAD_DATA=str(data_folder.resolve()))
    assert status == 0, printed
    assert ("20,000 reviews" if name == "sentiment" else "MNIST: 60,000 images of 28 x 28") in printed
    assert is_picture(tmp_path / f"{name}.png")
