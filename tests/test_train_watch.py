"""Watching a training: parameters, activations and gradients by name, their histories and histograms."""

from __future__ import annotations

import numpy as np
import pytest
from test_train_resume import DATA, HELD, Killed, network, plain, trainer_of

import tapegrad as tg
from tapegrad import nn, optim
from tapegrad.train import Trainer, statistics


class Net(nn.Module):
    """Named parts, one of them in a list, and one that gives two results."""

    def __init__(self):
        self.layers = [nn.Linear(6, 4), nn.Linear(4, 3)]
        self.pair = Pair()

    def forward(self, x):
        hidden, _ = self.pair(self.layers[0](x))
        return self.layers[1](hidden)


class Pair(nn.Module):
    def forward(self, x):
        return tg.tanh(x), x


def trainer_of_net():
    tg.random.seed(0)
    model = Net()
    return Trainer(model, optim.SGD(model.parameters(), 0.1), nn.functional.cross_entropy)


def test_the_history_of_a_parameter_is_what_it_was_after_each_step():
    trainer = trainer_of()
    watch = trainer.watch("0.weight", every=2)
    weight = trainer.model[0].weight
    seen = [weight.numpy().copy()]
    plain(trainer, 2, after_batch=lambda trainer: seen.append(weight.numpy().copy()))
    assert watch.iterations == [0, 2, 4, 6, 8, 10]
    for iteration, value in zip(watch.iterations, watch.values, strict=True):
        assert np.array_equal(value, seen[iteration])
    assert not np.array_equal(watch.values[0], watch.values[1])


def test_a_history_of_a_parameter_copies_nothing():
    trainer = trainer_of()
    weight = trainer.model[0].weight
    before = weight.numpy()
    watch = trainer.watch("0.weight")
    plain(trainer, 1)
    assert np.shares_memory(watch.values[0], before)
    assert np.shares_memory(watch.values[-1], weight.numpy())
    assert not watch.values[0].flags.writeable


def test_activations_and_gradients_are_those_of_the_step():
    trainer = trainer_of_net()
    names = ("layers.0", "pair", "layers.0.grad", "layers.0.weight.grad", "layers.1.bias.grad", "pair.grad")
    watches = {name: trainer.watch(name) for name in names}
    x, y = DATA.x[:8], DATA.y[:8]
    model = trainer.model
    w0, b0, w1, b1 = (tensor.numpy() for tensor in model.parameters())
    trainer.step(x, y)
    # The same by hand, in double precision.
    before = x.astype(np.float64) @ w0 + b0
    hidden = np.tanh(before)
    logits = hidden @ w1 + b1
    g = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True) - np.eye(3)[y]) / len(y)
    g_hidden = g @ w1.T
    g_before = g_hidden * (1 - hidden**2)
    expected = {
        "layers.0": before,
        "pair": hidden,
        "pair.grad": g_hidden,
        "layers.0.grad": g_before,
        "layers.0.weight.grad": x.T @ g_before,
        "layers.1.bias.grad": g.sum(axis=0),
    }
    for name, value in expected.items():
        assert watches[name].iterations == [1]
        np.testing.assert_allclose(watches[name].values[0], value, rtol=1e-4, atol=1e-6)
        assert np.array_equal(trainer.read(name), watches[name].values[0])


def test_an_evaluation_is_not_taken_for_training():
    trainer = trainer_of()
    watch = trainer.watch("0")
    shapes = []
    plain(trainer, 2, validation=HELD, after_epoch=lambda trainer: shapes.append(trainer.read("0").shape))
    assert shapes == [(8, 8)] * 2
    assert {value.shape for value in watch.values} == {(8, 8)}


def test_watching_changes_no_bit():
    states = []
    for names in ((), ("0.weight", "0", "4.grad", "4.bias.grad")):
        trainer = trainer_of()
        for name in names:
            trainer.watch(name)
        plain(trainer, 2)
        states.append([tensor.numpy().tobytes() for tensor in trainer.model.parameters()])
    assert states[0] == states[1]


def test_what_is_kept_may_be_less_than_the_array():
    trainer = trainer_of()
    norms = trainer.watch("0.weight", every=5, keep=np.linalg.norm)
    numbers = trainer.watch("0.bias.grad", every=5, keep=statistics)
    plain(trainer, 1)
    assert norms.values[1] == np.linalg.norm(trainer.model[0].weight.numpy())
    gradient = trainer.read("0.bias.grad")
    assert numbers.values == [
        {"mean": gradient.mean(), "std": gradient.std(), "min": gradient.min(), "max": gradient.max()}
    ]
    assert all(np.isnan(value) for value in statistics(np.zeros(0)).values())


def test_reading_by_name_without_watching():
    trainer = trainer_of()
    assert trainer.read("0.weight.grad") is None
    assert np.array_equal(trainer.read("0.weight"), trainer.model[0].weight.numpy())
    buffer = dict(trainer.model.named_buffers())
    name = next(iter(buffer))
    assert np.array_equal(trainer.read(name), buffer[name].numpy())
    with pytest.raises(ValueError, match=r'read: "0" is what a module gives, .* call watch\("0"\) before'):
        trainer.read("0")
    with pytest.raises(ValueError, match=r'got "0\.wieght"; try .*0\.weight'):
        trainer.read("0.wieght")
    with pytest.raises(ValueError, match='a module of the model, got "nothing"'):
        trainer.watch("nothing")
    with pytest.raises(ValueError, match="every 1 or more iterations, got every=0"):
        trainer.watch("0", every=0)


def test_the_model_itself_has_no_name():
    trainer = trainer_of()
    watch = trainer.watch("")
    trainer.step(DATA.x, DATA.y)
    assert watch.values[0].shape == (40, 3)


def test_a_history_begins_anew_where_a_checkpoint_is_loaded(tmp_path):
    def kill(trainer):
        if trainer.iteration == 7:
            raise Killed

    with pytest.raises(Killed):
        plain(trainer_of(), 2, checkpoint=tmp_path / "run", checkpoint_every=1, after_batch=kill)
    trainer = trainer_of(seed=1)
    watch = trainer.watch("0.weight", every=2)
    plain(trainer, 2, checkpoint=tmp_path / "run", resume=True)
    assert watch.iterations == [6, 8, 10]


def test_a_model_without_a_gradient_for_a_name_has_no_history_of_it():
    tg.random.seed(0)
    model = network()
    trainer = Trainer(model, optim.SGD([model[4].weight], 0.1), nn.functional.cross_entropy)
    model[0].weight.requires_grad = False
    watch = trainer.watch("0.weight.grad")
    trainer.step(DATA.x, DATA.y)
    assert watch.values == []


# Histograms ---------------------------------------------------------------------------------------


@pytest.fixture
def figures(monkeypatch):
    """The figures that were saved."""
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    saved = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (saved.append(self), save(self, *a, **k)))
    return saved


def test_histograms_are_drawn_one_below_the_other(tmp_path, figures):
    trainer = trainer_of()
    watch = trainer.watch("0.weight", every=5)
    plain(trainer, 3)
    path = watch.plot(tmp_path / "weights.png")
    assert path.read_bytes()[:4] == b"\x89PNG"
    (axes,) = figures[0].axes
    assert axes.get_title("left") == "0.weight"
    assert [text.get_text() for text in axes.get_yticklabels()] == ["0", "5", "10", "15"]
    for row, (patch, value) in enumerate(zip(axes.patches, watch.values, strict=True)):
        heights, edges, base = patch.get_data()
        counts, _ = np.histogram(value, edges)
        assert counts.sum() == value.size
        assert np.all(np.asarray(base) == -row)
        np.testing.assert_allclose((heights + row) / (heights + row).max(), counts / counts.max())
        assert (heights + row).max() < 1  # they stand clear of the one above


@pytest.mark.parametrize(
    ("arrays", "rows"),
    [
        ([np.zeros(3)], 1),
        ([np.full(3, np.nan), np.array([1.0, np.inf])], 2),
        ([np.arange(3)] * 100, 12),
        ([np.float64(2.5), np.float64(1.5)], 2),
        ([np.zeros((0, 2))], 1),
    ],
)
def test_histograms_of_anything(tmp_path, figures, arrays, rows):
    pytest.importorskip("matplotlib")
    from tapegrad.train.plots import plot_histograms

    plot_histograms(tmp_path / "any.png", "any", range(len(arrays)), arrays)
    ticks = [text.get_text() for text in figures[0].axes[0].get_yticklabels()]
    assert len(ticks) == rows
    assert ticks[0] == "0"
    assert ticks[-1] == str(len(arrays) - 1)


def test_nothing_to_draw_is_told(tmp_path):
    pytest.importorskip("matplotlib")
    watch = trainer_of().watch("0")
    with pytest.raises(ValueError, match="expected values of 0, but none came by yet"):
        watch.plot(tmp_path / "a.png")
