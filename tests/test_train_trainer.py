"""The Trainer: the same numbers as a loop by hand, what it prints and measures, and what it refuses."""

from __future__ import annotations

import csv
import errno
import io
import re

import numpy as np
import pytest
from test_train_resume import bits, network, plain, trainer_of

import tapegrad as tg
from tapegrad import nn, optim
from tapegrad.data import Bags, Dataset, batches
from tapegrad.train import Trainer, accuracy

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(50, 6)).astype(np.float32)
Y = GENERATOR.integers(0, 3, 50)
DATA, HELD = Dataset(X[:40], Y[:40]), Dataset(X[40:], Y[40:])
cross_entropy = nn.functional.cross_entropy


def by_hand(model, optimizer, epochs, size, reduction="mean"):
    """The loop that the Trainer stands for; gives the mean loss of each epoch."""
    means = []
    for _ in range(epochs):
        total = 0.0
        for x, y in batches(*DATA, size):
            optimizer.zero_grad()
            losses = cross_entropy(model(x), y, reduction=reduction)
            losses.sum().backward()
            optimizer.step()
            total += float(np.mean(losses.numpy())) * len(y)
        means.append(total / len(DATA.x))
    return means


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_fit_is_the_loop_by_hand(reduction):
    tg.random.seed(0)
    model = network()
    means = by_hand(model, optim.Adam(model.parameters()), 3, 7, reduction)
    tg.random.seed(0)
    other = network()
    loss = lambda prediction, y: cross_entropy(prediction, y, reduction=reduction)  # noqa: E731
    trainer = Trainer(other, optim.Adam(other.parameters()), loss)
    history = trainer.fit(DATA, 3, 7, progress=False)
    assert bits(other.state_dict()) == bits(model.state_dict())
    assert [row["loss"] for row in history] == pytest.approx(means, rel=1e-12)
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert [row["iteration"] for row in history] == [6, 12, 18]
    assert (trainer.epoch, trainer.iteration) == (3, 18)
    assert [row["seconds"] for row in history] == sorted(row["seconds"] for row in history)


def test_epochs_are_counted_over_all_calls():
    runs = []
    for calls in ((4,), (1, 4), (2, 2, 3, 4)):
        trainer = trainer_of()
        for epochs in calls:
            plain(trainer, epochs)
        assert len(trainer.history) == 4
        runs.append(bits(trainer.model.state_dict()))
    assert runs[0] == runs[1] == runs[2]


def test_batches_may_be_made_before():
    seen = []
    trainer = trainer_of()
    data = batches(*DATA, 8, shuffle=False)
    trainer.fit(data, 1, after_batch=lambda trainer: seen.append(trainer.iteration), progress=False)
    assert seen == [1, 2, 3, 4, 5]
    with pytest.raises(ValueError, match="the batches have a size of their own, 8; leave out batch_size"):
        trainer.fit(data, 2, batch_size=4)


# Gradients ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "clipped"), [(0.01, True), (1e6, False)])
def test_gradients_are_clipped_by_their_common_norm(limit, clipped):
    trainer = trainer_of()
    trainer.step(*DATA)
    free = [parameter.grad.numpy() for parameter in trainer.model.parameters()]
    norm = np.sqrt(sum((g.astype(np.float64) ** 2).sum() for g in free))
    trainer = trainer_of()
    trainer.step(*DATA, max_grad=limit)
    scale = limit / norm if clipped else 1.0
    for gradient, parameter in zip(free, trainer.model.parameters(), strict=True):
        np.testing.assert_allclose(parameter.grad.numpy(), gradient * scale, rtol=2e-5)
    again = trainer_of()
    again.fit(batches(*DATA, 40, shuffle=False), 1, max_grad=limit, progress=False)
    assert bits(again.model.state_dict()) == bits(trainer.model.state_dict())


# Models with several arguments --------------------------------------------------------------------


class Averages(nn.Module):
    """The mean of the vectors of each bag's ids, with a loop."""

    def __init__(self):
        self.table = nn.init.normal((9, 3))
        self.table.requires_grad = True

    def forward(self, ids, offsets):
        ends = [*offsets[1:], len(ids)]
        return tg.stack([self.table[ids[a:b]].mean(axis=0) for a, b in zip(offsets, ends, strict=True)])


def test_bags_come_as_ids_and_offsets():
    tg.random.seed(0)
    bags = Bags.of([[label, 3 + place % 6] for place, label in enumerate(Y)])
    model = Averages()
    trainer = Trainer(model, optim.Adam(model.parameters(), 0.1), cross_entropy, metrics={"accuracy": accuracy})
    trainer.fit((bags, Y), 10, 10, progress=False)
    assert trainer.evaluate(bags, Y)["accuracy"] > 0.9


def test_a_tuple_of_inputs_is_given_as_arguments():
    class Scaled(nn.Module):
        def __init__(self):
            self.linear = nn.Linear(6, 3)

        def forward(self, x, scale):
            assert x.shape == (len(scale), 6)
            return self.linear(x) * scale[:, None]

    model = Scaled()
    trainer = Trainer(model, optim.SGD(model.parameters(), 0.1), cross_entropy)
    trainer.fit(((X, np.ones(50, np.float32)), Y), 1, 20, validation=((X, np.zeros(50, np.float32)), Y), progress=False)
    assert trainer.history[0]["validation loss"] == pytest.approx(np.log(3), rel=1e-6)


# Evaluation ---------------------------------------------------------------------------------------


def test_the_evaluation_is_of_all_rows():
    class Fixed(nn.Module):
        def __init__(self):
            self.weight = tg.ones(1, requires_grad=True)

        def forward(self, x):
            return tg.asarray(x)

    x = np.array([[2.0, 0.0], [0.0, 3.0], [1.0, 0.0]])
    model = Fixed()
    trainer = Trainer(model, optim.SGD(model.parameters(), 0.1), cross_entropy, metrics={"accuracy": accuracy})
    measured = trainer.evaluate(x, np.array([0, 1, 1]), batch_size=2)
    assert measured["accuracy"] == pytest.approx(2 / 3)
    assert measured["loss"] == pytest.approx((0.126928 + 0.0485874 + 1.3132617) / 3, rel=1e-5)


def test_the_evaluation_is_in_use_records_nothing_and_leaves_the_modes():
    model = nn.Sequential(nn.Linear(6, 3), nn.Dropout(0.5))
    seen = []

    def loss(prediction, y):
        seen.append((prediction.requires_grad, model[1].training))
        return cross_entropy(prediction, y)

    trainer = Trainer(model, optim.SGD(model.parameters(), 0.1), loss)
    model[0].training = False  # one part is as in use on purpose
    trainer.evaluate(*HELD)
    assert seen == [(False, False)]
    assert [module.training for _, module in model.named_modules()] == [True, False, True]
    trainer.fit(DATA, 1, 20, validation=HELD, progress=False)
    assert seen[1:] == [(True, True), (True, True), (False, False)]


def test_metrics_may_be_numbers_or_tensors_and_are_weighted_by_rows():
    trainer = trainer_of()
    trainer.metrics = {"rows": lambda p, y: len(y), "tensor": lambda p, y: tg.asarray(float(len(y)))}
    measured = trainer.evaluate(X, Y, batch_size=40)
    assert measured["rows"] == measured["tensor"] == pytest.approx((40 * 40 + 10 * 10) / 50)


@pytest.mark.parametrize(
    ("predictions", "labels", "expected"),
    [
        ([[0.1, 0.9, 0.0], [0.8, 0.1, 0.1], [0.1, 0.2, 0.7]], [1, 0, 0], 2 / 3),
        ([0.2, 0.7, 0.9, 0.4], [0, 1, 0, 1], 0.5),
        ([[0.2], [0.7], [0.9]], [0, 1, 1], 1.0),
        ([[0.2], [0.7], [0.9]], [[0.0], [1.0], [0.0]], 2 / 3),
    ],
)
def test_accuracy(predictions, labels, expected):
    assert accuracy(tg.tensor(predictions), np.array(labels)) == pytest.approx(expected)
    assert accuracy(np.array(predictions), labels) == pytest.approx(expected)


def test_accuracy_of_labels_that_do_not_fit():
    with pytest.raises(tg.ShapeError, match=r"a label for each prediction \(2, 3\), got \(3,\)"):
        accuracy(np.zeros((2, 3)), np.zeros(3))
    with pytest.raises(tg.ShapeError, match=r"a label for each prediction \(2, 1\), got \(3,\)"):
        accuracy(np.zeros((2, 1)), np.zeros(3))


# Early stopping -----------------------------------------------------------------------------------


NAN = float("nan")


@pytest.mark.parametrize(
    ("losses", "epochs", "best"),
    [
        ([5, 4, 6, 4, 3], 4, 2),
        ([5, 4, 3, 2, 1], 5, None),
        ([5, NAN, NAN, 3, 2], 3, 1),
        ([NAN, 5, 4, NAN, NAN], 5, 3),
        ([NAN, NAN, 5, 4, 3], 2, None),
    ],
)
def test_training_stops_when_the_validation_gets_no_better(losses, epochs, best):
    trainer = trainer_of()
    given = iter(losses)
    trainer.evaluate = lambda *_: {"loss": float(next(given))}
    states = []
    plain(trainer, 5, validation=HELD, patience=2, after_epoch=lambda t: states.append(bits(t.model.state_dict())))
    assert trainer.epoch == epochs
    if best is not None:  # the weights of the best epoch are put back
        assert bits(trainer.model.state_dict()) == states[best - 1] != states[best]


def test_a_callback_may_stop():
    trainer = trainer_of()
    plain(trainer, 5, after_epoch=lambda t: t.epoch == 2 and t.stop())
    assert trainer.epoch == 2
    plain(trainer, 5, after_batch=lambda t: t.iteration == 13 and t.stop())
    assert (trainer.epoch, trainer.iteration) == (2, 13)
    plain(trainer, 5)
    whole = trainer_of()
    plain(whole, 5)
    assert bits(trainer.model.state_dict()) == bits(whole.model.state_dict())


# Schedules ----------------------------------------------------------------------------------------


class Halving:
    def __init__(self, optimizer):
        self.optimizer = optimizer
        self.steps = 0

    def step(self):
        self.steps += 1
        self.optimizer.lr /= 2


@pytest.mark.parametrize(("each", "steps"), [("epoch", 2), ("batch", 10)])
def test_a_schedule_steps_after_each_epoch_or_batch(each, steps):
    model = network()
    optimizer = optim.SGD(model.parameters(), 1.0)
    schedule = Halving(optimizer)
    trainer = Trainer(model, optimizer, cross_entropy, schedule=schedule, schedule_each=each)
    plain(trainer, 2)
    assert schedule.steps == steps
    assert optimizer.lr == 0.5**steps


@pytest.mark.parametrize("validation", [None, HELD])
def test_a_schedule_that_waits_for_a_plateau_is_told_the_loss(validation):
    model = network()
    optimizer = optim.SGD(model.parameters(), 0.1)
    schedule = optim.ReduceLROnPlateau(optimizer)
    told = []
    schedule.step = told.append
    trainer = Trainer(model, optimizer, cross_entropy, schedule=schedule)
    plain(trainer, 2, validation=validation)
    assert told == [row["validation loss" if validation else "loss"] for row in trainer.history]


# What is printed ----------------------------------------------------------------------------------


def test_each_epoch_is_a_line(capsys):
    trainer = trainer_of(metrics={"accuracy": accuracy})
    trainer.fit(DATA, 2, 10, validation=HELD)
    lines = capsys.readouterr().out.splitlines()
    number = r"[\d.]+"
    pattern = rf"epoch (\d) of 2, {number} s: loss {number}, validation loss {number}, validation accuracy {number}"
    assert [re.fullmatch(pattern, line)[1] for line in lines] == ["1", "2"]


@pytest.mark.parametrize(("epochs", "lines"), [(20, 20), (21, 11), (100, 20)])
def test_many_epochs_are_twenty_lines_at_most(capsys, epochs, lines):
    trainer_of().fit(DATA, epochs, 40)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == lines
    assert printed[-1].startswith(f"epoch {epochs} of {epochs}, ")


def test_an_interval_prints_epoch_iteration_time_and_mean_loss(capsys):
    losses = []
    trainer = trainer_of()
    step = trainer.step
    trainer.step = lambda *arguments: losses.append(step(*arguments)) or losses[-1]
    trainer.fit(DATA, 2, 8, max_grad=5.0, eval_interval=2)
    lines = [line for line in capsys.readouterr().out.splitlines() if "iteration" in line]
    found = [re.fullmatch(r"epoch (\d), iteration (\d) of 5, [\d.]+ s: loss ([\d.]+)", line).groups() for line in lines]
    assert [(epoch, iteration) for epoch, iteration, _ in found] == [
        ("1", "2"), ("1", "4"), ("2", "1"), ("2", "3"), ("2", "5"),
    ]  # fmt: skip
    means = np.reshape(losses, (5, 2)).mean(axis=1)
    assert [float(loss) for *_, loss in found] == pytest.approx(means, rel=1e-3)


def test_without_rich_it_prints_the_same(capsys, monkeypatch):
    from tapegrad.train import progress

    trainer_of().fit(DATA, 2, 10, eval_interval=3)
    first = re.sub(r"[\d.]+ s", "", capsys.readouterr().out)
    monkeypatch.setattr(progress, "find_spec", lambda package: None)
    trainer_of().fit(DATA, 2, 10, eval_interval=3)
    assert re.sub(r"[\d.]+ s", "", capsys.readouterr().out) == first != ""


def test_a_terminal_has_a_bar_and_the_lines_above_it(monkeypatch):
    pytest.importorskip("rich")
    from rich.console import Console

    from tapegrad.train import trainer as module

    file = io.StringIO()
    monkeypatch.setattr(module, "terminal", lambda: Console(file=file, force_terminal=True, width=100))
    trainer_of().fit(DATA, 2, 8)
    text = file.getvalue()
    assert "━" in text
    assert "10/10" in text
    assert "epoch 2, loss" in text
    assert "epoch 1 of 2, " in text
    assert text.endswith("\x1b[2K")  # the bar is gone


def test_epochs_that_are_done_already_are_told(capsys):
    trainer = trainer_of()
    trainer.fit(DATA, 2, 8)
    capsys.readouterr()
    trainer.fit(DATA, 2, 8)
    assert capsys.readouterr().out == "2 epochs are done already, of 2 in all\n"
    assert trainer.iteration == 10


def test_it_can_be_silent(capsys):
    trainer_of().fit(DATA, 2, 10, eval_interval=1, progress=False)
    assert capsys.readouterr() == ("", "")


# The log ------------------------------------------------------------------------------------------


def test_the_log_is_the_history(tmp_path):
    trainer = trainer_of(metrics={"accuracy": accuracy})
    plain(trainer, 2, validation=HELD, log=tmp_path / "run.csv")
    plain(trainer, 3, validation=HELD, log=tmp_path / "run.csv")
    with open(tmp_path / "run.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [{name: float(value) for name, value in row.items()} for row in rows] == trainer.history
    assert list(rows[0]) == ["epoch", "iteration", "seconds", "loss", "validation loss", "validation accuracy"]


def test_the_log_of_one_call_has_names_and_a_line_an_epoch(tmp_path):
    (tmp_path / "run.csv").write_text("what an earlier run left\n")
    trainer = trainer_of()
    plain(trainer, 2, log=tmp_path / "run.csv")
    lines = (tmp_path / "run.csv").read_text().splitlines()
    assert lines[0] == "epoch,iteration,seconds,loss"
    assert [line.split(",")[:2] for line in lines[1:]] == [["1", "5"], ["2", "10"]]


def test_a_log_that_cannot_be_written_is_told_before_training(tmp_path):
    trainer = trainer_of()
    with pytest.raises(FileNotFoundError, match="cannot write the file"):
        plain(trainer, 2, log=tmp_path / "nowhere" / "run.csv")
    assert trainer.iteration == 0


def test_a_disk_that_is_full_for_the_log_loses_nothing(tmp_path, monkeypatch):
    from tapegrad.train import log

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    trainer = trainer_of()
    monkeypatch.setattr(log, "open", full, raising=False)
    with pytest.raises(OSError, match=r"cannot write the log \(No space left on device\).*run\.csv"):
        plain(trainer, 2, log=tmp_path / "run.csv")
    monkeypatch.undo()
    plain(trainer, 2, log=tmp_path / "run.csv")
    assert len((tmp_path / "run.csv").read_text().splitlines()) == 3
    whole = trainer_of()
    plain(whole, 2)
    assert bits(trainer.model.state_dict()) == bits(whole.model.state_dict())


# Plots --------------------------------------------------------------------------------------------


def test_plots_of_epochs_and_of_intervals(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    from tapegrad.train import plots

    drawn = []
    draw = plots.plot_losses
    monkeypatch.setattr(plots, "plot_losses", lambda *arguments: (drawn.append(arguments), draw(*arguments))[1])
    trainer = trainer_of()
    with pytest.raises(ValueError, match="expected an epoch to have been trained"):
        trainer.plot(tmp_path / "loss.png")
    plain(trainer, 3, validation=HELD)
    assert trainer.plot(tmp_path / "loss.png", "Of three epochs").read_bytes()[:4] == b"\x89PNG"
    _, title, curves, epochs = drawn[0]
    assert (title, epochs) == ("Of three epochs", [1, 2, 3])
    assert curves == {
        "training": [[row["loss"] for row in trainer.history]],
        "validation": [[row["validation loss"] for row in trainer.history]],
    }
    plain(trainer, 4, eval_interval=4)
    trainer.plot(tmp_path / "loss.png")
    assert drawn[1][3:] == ((16, 20), "iteration")


# What is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patience": 2}, "patience is with the loss of a validation; pass validation"),
        ({"resume": True}, "expected a file for checkpoints, got none"),
        ({"checkpoint_every": 5}, "expected a file for checkpoints, got none"),
        ({"eval_interval": 0}, "expected eval_interval to be at least 1, got 0"),
        ({"checkpoint": "x", "checkpoint_every": 0}, "expected checkpoint_every to be at least 1, got 0"),
        ({"batch_size": 0}, "batches of at least 1 row, got size=0"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        trainer_of().fit(DATA, 2, **options)
    assert not list(tmp_path.iterdir())


def test_no_examples_are_refused():
    with pytest.raises(ValueError, match="at least one example to train on"):
        trainer_of().fit((X[:0], Y[:0]), 2)
    with pytest.raises(ValueError, match="evaluate: expected at least one example"):
        trainer_of().evaluate(X[:0], Y[:0])
    with pytest.raises(ValueError, match='schedule_each to be "epoch" or "batch"'):
        Trainer(network(), None, cross_entropy, schedule_each="step")
