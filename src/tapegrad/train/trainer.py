"""Trainer: the loop over epochs and batches, with all that a long run needs, and everything in it open to view.

    optimizer = optim.Adam(model.parameters())
    trainer = Trainer(model, optimizer, nn.functional.cross_entropy, metrics={"accuracy": accuracy})
    weights = trainer.watch("0.weight", every=100)
    trainer.fit(training, epochs=10, batch_size=64, validation=test, checkpoint="run.safetensors", resume=True)
    weights.plot("weights.png")

A run that was killed and is started again with `resume=True` ends with the bits that it would have ended with.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import io, random
from .._tape import Tensor, no_grad
from ..data import Batches
from ..errors import DataError
from ..optim import ReduceLROnPlateau, clip_grad_norm
from .extras import require
from .log import append_log, start_log
from .position import Position
from .progress import Bar, terminal
from .watch import Activation, Watch, source

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from ..nn import Module
    from ..optim import Optimizer

BATCH = 32  # rows, unless told otherwise
LINES = 20  # at most, for the epochs of a fit


class Trainer:
    """Trains `model` by `optimizer` to make `loss(model(x), y)` small.

    `loss` gives one number, or one for each example, whose gradients then add up over a batch. `metrics` are functions
    of the same two arguments by name; they are measured where the model is evaluated. `schedule`, if any, is asked to
    `step()` after each epoch, or after each batch with `schedule_each="batch"`; one that waits for a plateau is told
    the loss, of the validation if there is one. Where a model takes several arguments, x is a tuple of them.
    """

    def __init__(
        self,
        model: Module,
        optimizer: Optimizer,
        loss: Callable[[Any, Any], Any],
        *,
        metrics: Mapping[str, Callable[[Any, Any], Any]] | None = None,
        schedule: Any = None,
        schedule_each: str = "epoch",
    ) -> None:
        if schedule_each not in ("epoch", "batch"):
            raise ValueError(f'Trainer: expected schedule_each to be "epoch" or "batch", got {schedule_each!r}')
        self.model = model
        self.optimizer = optimizer
        self.loss = loss
        self.metrics = dict(metrics or {})
        self.schedule = schedule
        self._schedule_each = schedule_each
        self._position = Position()
        self._watches: list[Watch] = []
        self._data: Batches | None = None
        self._data_state: dict[str, Any] | None = None  # of the generator of batches, from a checkpoint

    # How far it is

    @property
    def epoch(self) -> int:
        """The epochs that are done."""
        return self._position.epoch

    @property
    def iteration(self) -> int:
        """The batches that were learnt from, in all epochs."""
        return self._position.iteration

    @property
    def history(self) -> list[dict[str, float]]:
        """For each epoch: its number, the iterations and seconds so far, the mean loss, and what validation gave."""
        return self._position.history

    # Training

    def fit(
        self,
        training: Any,
        epochs: int,
        batch_size: int | None = None,
        *,
        validation: Any = None,
        max_grad: float | None = None,
        eval_interval: int | None = None,
        patience: int | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: int | None = None,
        resume: bool = False,
        log: str | os.PathLike[str] | None = None,
        after_batch: Callable[[Trainer], Any] | None = None,
        after_epoch: Callable[[Trainer], Any] | None = None,
        progress: bool = True,
    ) -> list[dict[str, float]]:
        """Train until `epochs` epochs are done in all, those of earlier calls included; gives the history.

        training, validation: pairs (x, y), such as a Dataset, which is shuffled for each epoch and given in batches of
        `batch_size` rows (32); or `training` as Batches made by `data.batches`. The model is evaluated on `validation`
        after each epoch, and is in training mode at the end.

        max_grad: the gradients of all parameters together are scaled down to this norm where theirs is larger.
        eval_interval: print epoch, iteration, time and mean loss each time after so many iterations.
        patience: stop when the loss of the validation was not below its lowest for so many epochs, and put back the
        model's state of the best one.
        checkpoint: a file to which everything is written at the start, after each epoch, and with `checkpoint_every`
        after each so many iterations. With `resume`, go on from it if it is there.
        log: a CSV file with a line for each epoch.
        after_batch, after_epoch: called with this trainer; `trainer.stop()` ends the training there.

        Raises ValueError for numbers that make no sense, FileExistsError where a new training would take the place of
        an earlier one's checkpoint, DataError for a checkpoint that is damaged or of another training, OSError when
        a file cannot be written. After any error the trainer stands where it was: to call fit again goes on from there.
        """
        if isinstance(training, Batches):
            if batch_size is not None:
                raise ValueError(f"fit: the batches have a size of their own, {training.size}; leave out batch_size")
            data = training
        else:
            x, y = training
            data = Batches(x, y, BATCH if batch_size is None else batch_size)
        if patience is not None and validation is None:
            raise ValueError("fit: patience is with the loss of a validation; pass validation=(x, y)")
        if checkpoint is None and (resume or checkpoint_every is not None):
            raise ValueError("fit: expected a file for checkpoints, got none; pass checkpoint=path")
        for name, value in (("eval_interval", eval_interval), ("checkpoint_every", checkpoint_every)):
            if value is not None and value < 1:
                raise ValueError(f"fit: expected {name} to be at least 1, got {value}")
        if not data.rows:
            raise ValueError("fit: expected at least one example to train on, got none")
        there = checkpoint is not None and Path(checkpoint).exists()
        if there and resume:
            self.load(checkpoint)  # type: ignore[arg-type]
        elif there and not self.iteration:
            raise FileExistsError(
                errno.EEXIST,
                "fit: there is a checkpoint already; pass resume=True to go on from it, or remove it",
                str(checkpoint),
            )
        else:
            self._position.stopped = False
        self._attach(data)
        bar = Bar(terminal(), epochs * len(data), self.iteration) if progress else None
        plan = _Plan(
            epochs,
            validation,
            max_grad,
            eval_interval,
            patience,
            checkpoint,
            checkpoint_every,
            log,
            after_batch,
            after_epoch,
            bar,
        )
        if log is not None:
            start_log(log, self.history)
        if checkpoint is not None and not (there and resume):  # now, not after an hour: the disk may be full
            self.save(checkpoint)
        if bar is not None and self.epoch >= epochs:
            bar.say(f"{self.epoch} epochs are done already, of {epochs} in all")
        self.model.train()
        with bar or contextlib.nullcontext():
            while self.epoch < epochs and not self._position.stopped:
                self._epoch(data, plan)
        return self.history

    def step(self, x: Any, y: Any, max_grad: float | None = None) -> float:
        """Learn from one batch, and give its mean loss. The gradients can be read until the next step."""
        self.optimizer.zero_grad()
        losses = self.loss(self._predict(x), y)
        (losses if losses.ndim == 0 else losses.sum()).backward()
        if max_grad is not None:
            clip_grad_norm(self.optimizer.parameters, max_grad)
        self.optimizer.step()
        self._position.iteration += 1
        for watch in self._watches:
            if self.iteration % watch.every == 0:
                watch.look(self.iteration)
        return losses.item() if losses.ndim == 0 else float(np.mean(losses.numpy()))

    def stop(self) -> None:
        """End the fit that is going on, after the batch or the epoch that is going on."""
        self._position.stopped = True

    @no_grad()
    def evaluate(self, x: Any, y: Any, batch_size: int = 256) -> dict[str, float]:
        """The mean loss of the model on examples, under "loss", and the metrics by name, as it behaves in use."""
        data = Batches(x, y, batch_size, shuffle=False)
        if not data.rows:
            raise ValueError("evaluate: expected at least one example, got none")
        functions = {"loss": self.loss, **self.metrics}
        sums = dict.fromkeys(functions, 0.0)
        modes = [(module, module.training) for _, module in self.model.named_modules()]
        self.model.eval()
        try:
            for place, (x, y) in enumerate(data):
                predictions = self._predict(x)
                for name, function in functions.items():
                    value = function(predictions, y)
                    value = value.numpy() if isinstance(value, Tensor) else value
                    sums[name] += float(np.mean(value)) * data.rows_of(place)
        finally:
            for module, training in modes:
                module.training = training
        return {name: total / data.rows for name, total in sums.items()}

    # Looking

    def watch(self, name: str, every: int = 1, keep: Callable[[NDArray[Any]], Any] = lambda array: array) -> Watch:
        """Keep the history of a name from now on: what it stands for after every so many steps.

        A name is that of a parameter or buffer (`0.weight`), of a module, for what it gives (`0`), or one of these
        with `.grad` behind it, for its gradient. A gradient is the one that the step used. `keep` makes of the array
        what is kept, such as `train.statistics`. Raises ValueError for a name that the model does not have.
        """
        watch = Watch(self.model, name, every, keep)
        self._watches.append(watch)
        watch.look(self.iteration)
        return watch

    def read(self, name: str) -> NDArray[Any] | None:
        """What a name stands for now, as for `watch`; None for a gradient that there is not.

        Raises ValueError for a name that the model does not have, and for a module that nobody watches, since what
        it gives is not kept then.
        """
        for watch in self._watches:
            if watch.name == name:
                return watch.source.read()
        found = source(self.model, name)
        if isinstance(found, Activation):
            raise ValueError(f'read: "{name}" is what a module gives, which is not kept; call watch("{name}") before')
        return found.read()

    def plot(self, path: str | os.PathLike[str], title: str = "Loss") -> Path:
        """Save the curves of the loss as a PNG file and give its path: an epoch a point, or an `eval_interval`.

        Raises ValueError when nothing was trained yet, and MissingExtraError without matplotlib.
        """
        require("matplotlib", extra="plots")
        from .plots import plot_losses

        if self._position.intervals:
            iterations, losses = zip(*self._position.intervals, strict=True)
            return plot_losses(path, title, {"training": [losses]}, iterations, "iteration")
        if not self.history:
            raise ValueError("plot: expected an epoch to have been trained, but none was")
        names = {"training": "loss", "validation": "validation loss"}
        curves = {label: [[row.get(name, np.nan) for row in self.history]] for label, name in names.items()}
        seen = {label: curve for label, curve in curves.items() if not np.all(np.isnan(curve))}
        return plot_losses(path, title, seen, [row["epoch"] for row in self.history])

    # Stopping and going on

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all that is needed to go on from here as if nothing had happened, as one step.

        That is the model, the optimizer, the schedule, the current generator of `tapegrad.random` and that of the
        batches, the order of the examples and the place in it, and the history; not what is watched. Raises OSError
        when the file cannot be written; an earlier one is then unchanged.
        """
        generator = None if self._data is None else self._data.generator
        io.save(
            path,
            {
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "schedule": self.schedule.state_dict() if hasattr(self.schedule, "state_dict") else None,
                "random": random.get_state(),
                "batches": self._data_state if generator is None else generator.get_state(),
                "training": self._position.state(),
            },
        )

    def load(self, path: str | os.PathLike[str]) -> None:
        """Go on from what `save` wrote, for the same kinds of model, optimizer and schedule.

        Raises DataError, which names what does not fit, for a file that is damaged or of another training; nothing
        is changed then.
        """
        state = io.load(path)
        parts = {"model", "optimizer", "schedule", "random", "batches", "training"}
        if state.keys() != parts:
            raise DataError(f"{path}: expected a training's {', '.join(sorted(parts))}, found {', '.join(state)}")
        position = Position.of(state["training"], path)
        trial = random.Generator(0)
        loads: list[tuple[str, Any, Callable[[], Any], Callable[[Any], None]]] = [
            ("model", state["model"], self.model.state_dict, self.model.load_state_dict),
            ("random", state["random"], random.get_state, random.set_state),
        ]
        if position.best_model is not None:  # before the model, which stays
            loads.insert(0, ("best model", position.best_model, self.model.state_dict, self.model.load_state_dict))
        if state["batches"] is not None:
            loads.append(("batches", state["batches"], trial.get_state, trial.set_state))
        if hasattr(self.schedule, "load_state_dict"):
            loads.append(("schedule", state["schedule"], self.schedule.state_dict, self.schedule.load_state_dict))
        elif state["schedule"] is not None:
            raise DataError(f"{path}: expected a training without a schedule's state, found one with it")
        # After the schedule, which sets the learning rates anew; the optimizer's may have been changed since.
        loads.append(("optimizer", state["optimizer"], self.optimizer.state_dict, self.optimizer.load_state_dict))
        undo = [functools.partial(put, get()) for _, _, get, put in loads]
        for part, saved, _, put in loads:
            try:
                put(saved)
            except Exception as error:  # whatever a part makes of what is not its own
                for put_back in undo:
                    put_back()
                raise DataError(f"{path}: expected the {part} of this training, found another ({error})") from error
        self._position, self._data_state = position, state["batches"]
        for watch in self._watches:
            watch.clear()
            watch.look(self.iteration)

    # Inside

    def _predict(self, x: Any) -> Any:
        return self.model(*x) if isinstance(x, tuple) else self.model(x)

    def _attach(self, data: Batches) -> None:
        """Take up a data set: the one that the epoch began with, if it is in the middle of one."""
        position = self._position
        if position.batch and (position.rows, position.size) != (data.rows, data.size):
            raise DataError(
                f"fit: expected the {position.rows:,} examples in batches of {position.size} that this epoch began "
                f"with, got {data.rows:,} in batches of {data.size}"
            )
        if (position.rows, position.size) != (data.rows, data.size):
            position.rows, position.size, position.order = data.rows, data.size, None
        if self._data_state is not None and data.generator is not None:
            data.generator.set_state(self._data_state)
            self._data_state = None
        self._data = data

    def _epoch(self, data: Batches, plan: _Plan) -> None:
        """Train to the end of the epoch that is going on, or to where `stop` was called."""
        position = self._position
        while position.batch < len(data):
            self._batch(data, plan)
            if plan.after_batch is not None:
                plan.after_batch(self)
            due = plan.checkpoint_every is not None and self.iteration % plan.checkpoint_every == 0
            if plan.checkpoint is not None and (due or position.stopped):
                self.save(plan.checkpoint)
            if position.stopped:
                return
        started = time.perf_counter()
        measured = {}
        if plan.validation is not None:
            x, y = plan.validation
            measured = self.evaluate(x, y, data.size)
        position.seconds += time.perf_counter() - started
        position.epoch += 1
        row = {"epoch": position.epoch, "iteration": self.iteration, "seconds": position.seconds}
        row |= {"loss": position.loss / position.seen}
        row |= {f"validation {name}": value for name, value in measured.items()}
        position.history.append(row)
        position.batch, position.order, position.loss, position.seen = 0, None, 0.0, 0
        if self._schedule_each == "epoch":
            self._step_schedule(measured.get("loss", row["loss"]))
        if plan.patience is not None:
            self._wait(measured["loss"], plan.patience)
        if plan.after_epoch is not None:
            plan.after_epoch(self)
        last = position.epoch == plan.epochs or position.stopped
        if plan.bar is not None and (last or position.epoch % -(-plan.epochs // LINES) == 0):
            plan.bar.say(_line(row, plan.epochs))
        if plan.checkpoint is not None:
            self.save(plan.checkpoint)
        if plan.log is not None:
            append_log(plan.log, row)

    def _batch(self, data: Batches, plan: _Plan) -> None:
        """Learn from the next batch and add up its loss."""
        position = self._position
        started = time.perf_counter()
        if position.order is None:
            position.order = data.order()
        rows = data.rows_of(position.batch)
        mean = self.step(*data.batch(position.batch, position.order), plan.max_grad)
        loss = rows * mean
        position.batch += 1
        position.loss += loss
        position.seen += rows
        position.interval_loss += loss
        position.interval_seen += rows
        if self._schedule_each == "batch":
            self._step_schedule(mean)
        position.seconds += time.perf_counter() - started
        if plan.bar is not None:
            plan.bar.advance(f"epoch {position.epoch + 1}, loss {position.loss / position.seen:.4g}")
        if plan.eval_interval is not None and self.iteration % plan.eval_interval == 0:
            mean = position.interval_loss / position.interval_seen
            position.intervals.append([self.iteration, mean])
            position.interval_loss, position.interval_seen = 0.0, 0
            if plan.bar is not None:
                plan.bar.say(
                    f"epoch {position.epoch + 1}, iteration {position.batch} of {len(data)}, "
                    f"{position.seconds:.2f} s: loss {mean:.4g}"
                )

    def _step_schedule(self, loss: float) -> None:
        if isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step(loss)
        elif self.schedule is not None:
            self.schedule.step()

    def _wait(self, loss: float, patience: int) -> None:
        """Note the best epoch; when it was too long ago, put back its model and stop."""
        position = self._position
        if loss < position.best:
            position.best, position.best_epoch, position.best_model = loss, position.epoch, self.model.state_dict()
        elif position.epoch - position.best_epoch >= patience:
            if position.best_model is not None:  # there is none when no loss was a number
                self.model.load_state_dict(position.best_model)
            position.stopped = True


class _Plan(NamedTuple):
    """What one call of fit was asked for."""

    epochs: int
    validation: Any
    max_grad: float | None
    eval_interval: int | None
    patience: int | None
    checkpoint: str | os.PathLike[str] | None
    checkpoint_every: int | None
    log: str | os.PathLike[str] | None
    after_batch: Callable[[Trainer], Any] | None
    after_epoch: Callable[[Trainer], Any] | None
    bar: Bar | None


def _line(row: dict[str, float], epochs: int) -> str:
    """An epoch's history as a line of text."""
    measured = [f"{name} {value:.4g}" for name, value in list(row.items())[3:]]
    return f"epoch {row['epoch']} of {epochs}, {row['seconds']:.2f} s: {', '.join(measured)}"
