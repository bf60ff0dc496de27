"""Stopping and going on: a run that was interrupted, anyhow, ends with the bits of one that was not."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tapegrad as tg
from tapegrad import io, nn, optim
from tapegrad.data import Dataset, batches
from tapegrad.train import Trainer

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(50, 6)).astype(np.float32)
Y = GENERATOR.integers(0, 3, 50)
DATA, HELD = Dataset(X[:40], Y[:40]), Dataset(X[40:], Y[40:])


def network():
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm(8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 3))


class Cosine:
    """A schedule with a state of its own."""

    def __init__(self, optimizer):
        self.optimizer, self.count = optimizer, 0

    def step(self):
        self.count += 1
        self.optimizer.lr = 0.01 * (1 + np.cos(0.1 * self.count).item())

    def state_dict(self):
        return {"count": self.count}

    def load_state_dict(self, state):
        self.count = state["count"]


def trainer_of(seed=0, schedule_each="batch", **options):
    """A trainer with everything random in it: initial weights, order of the examples, dropout."""
    tg.random.seed(seed)
    model = network()
    optimizer = optim.Adam(model.parameters(), 0.02)
    schedule = Cosine(optimizer)
    return Trainer(
        model, optimizer, nn.functional.cross_entropy, schedule=schedule, schedule_each=schedule_each, **options
    )


def plain(trainer, epochs, **options):
    return trainer.fit(DATA, epochs, 8, progress=False, **options)


def bits(tree):
    """Nested state with arrays as bytes, to be compared to the bit; without the seconds that it took."""
    if isinstance(tree, dict):
        return {key: bits(item) for key, item in tree.items() if key != "seconds"}
    if isinstance(tree, list | tuple):
        return [bits(item) for item in tree]
    if isinstance(tree, np.ndarray | np.generic):
        return tree.dtype.str, tree.shape, tree.tobytes()
    return tree


def whole(path, epochs=4, **options):
    """What the checkpoint of a run without interruption holds at its end."""
    plain(trainer_of(), epochs, checkpoint=path, **options)
    return bits(io.load(path))


class Killed(BaseException):
    """Stands for whatever ends a process."""


@pytest.mark.parametrize("moment", [1, 2, 4, 5, 6, 7, 11, 19, 20])
@pytest.mark.parametrize("every", [1, 3])
def test_a_run_that_was_killed_ends_with_the_same_bits(tmp_path, moment, every):
    options = {"checkpoint_every": every, "validation": HELD, "patience": 3, "eval_interval": 3}
    expected = whole(tmp_path / "whole", **options)

    def kill(trainer):
        if trainer.iteration == moment:
            raise Killed

    path = tmp_path / "run"
    with pytest.raises(Killed):
        plain(trainer_of(), 4, checkpoint=path, resume=True, after_batch=kill, **options)
    tg.random.seed(99)  # another process: everything starts from something else
    plain(trainer_of(seed=5), 4, checkpoint=path, resume=True, **options)
    assert bits(io.load(path)) == expected


def test_a_run_may_be_killed_in_every_batch(tmp_path):
    expected = whole(tmp_path / "whole")
    path, lives = tmp_path / "run", 0
    while not path.exists() or io.load(path)["training"]["epoch"] < 4:
        lives += 1
        trainer = trainer_of(seed=0 if lives == 1 else 7)
        end = trainer.iteration + 2 if lives == 1 else io.load(path)["training"]["iteration"] + 2

        def kill(trainer, end=end):
            if trainer.iteration == end:  # before the checkpoint of this batch, so it will be done again
                raise Killed

        with contextlib.suppress(Killed):
            plain(trainer, 4, checkpoint=path, checkpoint_every=1, resume=True, after_batch=kill)
    assert lives == 20
    assert bits(io.load(path)) == expected


def test_a_checkpoint_of_another_run_is_not_overwritten(tmp_path):
    path = tmp_path / "run"
    expected = whole(path)
    with pytest.raises(FileExistsError, match=r"there is a checkpoint already.*resume=True"):
        plain(trainer_of(seed=1), 4, checkpoint=path)
    assert bits(io.load(path)) == expected


@pytest.mark.parametrize("seed", [None, 4])
def test_batches_with_a_generator_of_their_own_go_on_too(tmp_path, seed):
    def fit(trainer, epochs, **options):
        data = batches(*DATA, 8, seed=seed)
        return trainer.fit(data, epochs, progress=False, checkpoint_every=1, **options)

    fit(trainer_of(), 3, checkpoint=tmp_path / "whole")
    with pytest.raises(Killed):
        fit(trainer_of(), 3, checkpoint=tmp_path / "run", after_batch=lambda t: t.iteration == 8 and throw())
    fit(trainer_of(seed=1), 3, checkpoint=tmp_path / "run", resume=True)
    assert bits(io.load(tmp_path / "run")) == bits(io.load(tmp_path / "whole"))


def throw():
    raise Killed


def test_weights_that_lie_transposed_in_memory_go_on_to_the_bit(tmp_path):
    """The order in which a product adds up depends on how its factors lie in memory."""

    def trainer():
        made = trainer_of()
        for parameter in made.model.parameters():
            parameter.assign_(np.asfortranarray(parameter.numpy()))
        return made

    plain(trainer(), 2, checkpoint=tmp_path / "whole")
    plain(trainer(), 1, checkpoint=tmp_path / "run")
    resumed = trainer_of(seed=1)
    resumed.load(tmp_path / "run")
    before = trainer()
    plain(before, 1)
    for name, tensor in before.model.named_parameters():
        assert dict(resumed.model.named_parameters())[name].numpy().strides == tensor.numpy().strides
    plain(resumed, 2, checkpoint=tmp_path / "run")
    assert bits(io.load(tmp_path / "run")) == bits(io.load(tmp_path / "whole"))


@pytest.mark.parametrize(
    ("each", "make"),
    [
        ("epoch", lambda optimizer: optim.ReduceLROnPlateau(optimizer, factor=0.7, patience=0)),
        ("batch", lambda optimizer: optim.CosineAnnealingLR(optimizer, 20, warmup=4)),
        ("epoch", lambda optimizer: optim.ExponentialLR(optimizer, 0.9)),
    ],
)
@pytest.mark.parametrize("kind", [optim.AdamW, optim.Momentum, optim.RMSprop])
def test_schedules_and_groups_go_on_too(tmp_path, each, make, kind):
    def trainer(seed):
        tg.random.seed(seed)
        model = network()
        weights, biases = ([p for p in model.parameters() if p.ndim == count] for count in (2, 1))
        optimizer = kind([{"params": weights}, {"params": biases, "lr": 0.02}], lr=0.05)
        return Trainer(model, optimizer, nn.functional.cross_entropy, schedule=make(optimizer), schedule_each=each)

    def colder(trainer):  # a rate that was changed by hand is kept too
        trainer.optimizer.param_groups[1]["lr"] *= 0.9

    plain(trainer(0), 4, checkpoint=tmp_path / "whole", after_epoch=colder, validation=HELD)
    path = tmp_path / "run"
    options = {"checkpoint": path, "checkpoint_every": 3, "after_epoch": colder, "validation": HELD}
    with pytest.raises(Killed):
        plain(trainer(0), 4, after_batch=lambda t: t.iteration == 11 and throw(), **options)
    plain(trainer(5), 4, resume=True, **options)
    assert bits(io.load(path)) == bits(io.load(tmp_path / "whole"))


def test_an_error_in_the_middle_loses_nothing(tmp_path):
    """The same trainer goes on where it was."""
    expected = whole(tmp_path / "whole")
    trainer = trainer_of()

    def fail(trainer):
        if trainer.iteration in (3, 5, 12) and trainer.iteration not in failed:
            failed.append(trainer.iteration)
            raise KeyboardInterrupt

    failed = []
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            plain(trainer, 4, checkpoint=tmp_path / "run", after_batch=fail)
    plain(trainer, 4, checkpoint=tmp_path / "run", after_batch=fail)
    assert failed == [3, 5, 12]
    assert bits(io.load(tmp_path / "run")) == expected


def test_a_full_disk_loses_nothing(tmp_path, monkeypatch):
    expected = whole(tmp_path / "whole")
    path = tmp_path / "run"
    trainer = trainer_of()
    plain(trainer, 1, checkpoint=path)
    earlier = path.read_bytes()

    def full(number):
        raise OSError(errno.ENOSPC, "No space left on device")

    def fill(trainer):
        if trainer.epoch == 2:
            monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(OSError, match=r"cannot write the file \(No space left on device\); the file that was there is"):
        plain(trainer, 4, checkpoint=path, after_epoch=fill)
    monkeypatch.undo()
    assert path.read_bytes() == earlier
    assert io.load(path)["training"]["epoch"] == 1
    assert trainer.epoch == 2
    plain(trainer, 4, checkpoint=path)
    assert bits(io.load(path)) == expected


def test_a_folder_that_is_not_there_is_told_before_training(tmp_path):
    trainer = trainer_of()
    with pytest.raises(FileNotFoundError, match="cannot write the file"):
        plain(trainer, 2, checkpoint=tmp_path / "nowhere" / "run")
    assert trainer.iteration == 0


def test_resuming_what_is_done_or_not_begun(tmp_path):
    path = tmp_path / "run"
    expected = whole(path, epochs=2)
    plain(trainer_of(seed=1), 2, checkpoint=path, resume=True)  # it is done already
    assert bits(io.load(path)) == expected
    path.unlink()
    plain(trainer_of(), 2, checkpoint=path, resume=True)  # nothing to resume from: the start
    assert bits(io.load(path)) == expected


def test_a_run_that_stopped_early_stays_stopped(tmp_path):
    def worse(*_):
        worse.loss += 1
        return {"loss": worse.loss}

    for _ in range(2):
        worse.loss = 1.0
        trainer = trainer_of()
        trainer.evaluate = worse
        plain(trainer, 9, validation=HELD, patience=2, checkpoint=tmp_path / "run", resume=True)
        assert trainer.epoch == 3


def test_other_data_in_the_middle_of_an_epoch_are_refused(tmp_path):
    plain(trainer_of(), 2, checkpoint=tmp_path / "run", checkpoint_every=1, after_batch=lambda t: t.stop())
    for data, size in ((DATA, 4), (HELD, 8)):
        trainer = trainer_of()
        with pytest.raises(tg.DataError, match="expected the 40 examples in batches of 8 that this epoch began with"):
            trainer.fit(data, 2, size, checkpoint=tmp_path / "run", resume=True)


def test_between_epochs_other_data_may_follow():
    trainer = trainer_of()
    plain(trainer, 1)
    trainer.fit(HELD, 2, 4, progress=False)
    assert trainer.iteration == 8


# What is not a checkpoint of this training --------------------------------------------------------


def other_model(state):
    state["model"]["0.weight"] = np.zeros((6, 9), np.float32)


def other_names(state):
    state["model"]["extra"] = np.zeros(2)


def other_dtype(state):
    state["model"]["0.weight"] = state["model"]["0.weight"].astype(np.float64)


def other_optimizer(state):
    state["optimizer"] = {"nothing": 1}


def other_generator(state):
    state["random"]["state"] = "x"


def other_batches(state):
    state["batches"] = {"bit_generator": "x"}


def other_schedule(state):
    state["schedule"] = None


def other_parts(state):
    del state["random"]


def other_position(state):
    del state["training"]["order"]


def other_kind(state):
    state["training"]["epoch"] = "1"


def other_order(state):
    state["training"]["order"] = np.zeros(40, np.int64)


def other_count(state):
    state["training"]["batch"] = 10**6


def other_history(state):
    state["training"]["history"] = [{"epoch": "x"}]


def other_best(state):
    state["training"]["best_model"] = {"0.weight": np.zeros(3)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (other_model, r"expected the model of this training.*0\.weight: expected shape \(6, 8\), got \(6, 9\)"),
        (other_names, "expected the model of this training.*unexpected: extra"),
        (other_dtype, r"expected the model of this training.*0\.weight: expected float32, got float64"),
        (other_optimizer, "expected the optimizer of this training"),
        (other_generator, "expected the random of this training"),
        (other_batches, "expected the batches of this training"),
        (other_schedule, "expected the schedule of this training"),
        (other_parts, "expected a training's batches, model, optimizer, random, schedule, training"),
        (other_position, "expected a training with epoch, batch"),
        (other_kind, "expected epoch to be int, found str"),
        (other_order, "expected numbers of a training that fit together"),
        (other_count, "expected numbers of a training that fit together"),
        (other_history, "expected numbers of a training that fit together"),
        (other_best, "expected the best model of this training"),
    ],
)
def test_what_does_not_fit_is_named_and_changes_nothing(tmp_path, change, message):
    path = tmp_path / "run"
    plain(trainer_of(), 1, checkpoint=path, validation=HELD, patience=2)  # so that it has a best model too
    state = io.load(path)
    change(state)
    io.save(path, state)
    trainer = trainer_of(seed=8)
    plain(trainer, 1)
    trainer.save(tmp_path / "before")
    with pytest.raises(tg.DataError, match=message) as raised:
        trainer.load(path)
    assert str(raised.value).startswith(f"{path}: expected ")
    trainer.save(tmp_path / "after")
    assert bits(io.load(tmp_path / "after")) == bits(io.load(tmp_path / "before"))


@given(st.data())
def test_any_other_state_is_a_data_error_or_gone_on_from(tmp_path_factory, data):
    """One number, text or array of a checkpoint is something else: never another exception."""
    path = tmp_path_factory.getbasetemp() / "other.safetensors"
    trainer_of().save(path)
    state = io.load(path)
    state["training"]["history"] = [{"epoch": 1, "loss": 0.5}]
    where, key = state, data.draw(st.sampled_from(sorted(state)))
    while isinstance(where[key], dict | list) and where[key]:
        where = where[key]
        key = data.draw(st.sampled_from(sorted(where) if isinstance(where, dict) else range(len(where))))
    where[key] = data.draw(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.just([]) | st.just({})
        | st.just(np.zeros(3)) | st.just(np.zeros((6, 8), np.float32))
    )  # fmt: skip
    io.save(path, state)
    with contextlib.suppress(tg.DataError):
        trainer_of().load(path)


def test_stopping_is_in_the_checkpoint(tmp_path):
    plain(trainer_of(), 2, checkpoint=tmp_path / "run", after_batch=lambda t: t.iteration == 3 and t.stop())
    trainer = trainer_of(seed=1)
    plain(trainer, 2, checkpoint=tmp_path / "run", resume=True)
    assert trainer.iteration == 3
    plain(trainer, 2)
    assert bits(trainer.model.state_dict()) == whole(tmp_path / "whole", 2)["model"]


def test_a_schedule_that_this_training_does_not_have(tmp_path):
    trainer_of().save(tmp_path / "run")
    model = network()
    trainer = Trainer(model, optim.Adam(model.parameters()), nn.functional.cross_entropy)
    with pytest.raises(tg.DataError, match="expected a training without a schedule's state"):
        trainer.load(tmp_path / "run")


# Real kills ---------------------------------------------------------------------------------------

EPOCHS, KILLS = 240, 50


def main(folder):
    """What the killed process runs: a checkpoint after every batch."""
    plain(trainer_of(), EPOCHS, checkpoint=Path(folder, "run"), checkpoint_every=1, log=Path(folder, "log.csv"),
          resume=True, validation=HELD, after_batch=lambda trainer: time.sleep(0.004))  # fmt: skip


@pytest.mark.slow
def test_a_process_killed_fifty_times_ends_with_the_same_bits(tmp_path):
    expected = whole(tmp_path / "whole", EPOCHS, validation=HELD)
    folder = tmp_path / "killed"
    folder.mkdir()
    command = [sys.executable, __file__, str(folder)]
    moments = random.Random(0)
    killed = iterations = 0
    while killed < KILLS:
        process = subprocess.Popen(command)
        deadline = time.monotonic() + 60
        before = (folder / "run").stat().st_ino if (folder / "run").exists() else None
        while not (folder / "run").exists() or (folder / "run").stat().st_ino == before:
            assert process.poll() is None, "it ended before it was killed: EPOCHS is too low"
            assert time.monotonic() < deadline
            time.sleep(0.001)
        time.sleep(moments.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        killed += 1
        position = io.load(folder / "run")["training"]
        assert position["iteration"] >= iterations
        iterations = position["iteration"]
        trainer_of(seed=killed).load(folder / "run")
    assert 0 < iterations < EPOCHS * 5
    assert list(folder.glob("run.*.partial"))  # some were killed while they wrote
    subprocess.run(command, check=True)
    assert bits(io.load(folder / "run")) == expected
    assert len((folder / "log.csv").read_text().splitlines()) == 1 + EPOCHS


if __name__ == "__main__":
    main(sys.argv[1])
