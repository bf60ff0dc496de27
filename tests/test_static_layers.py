"""Layers, optimizers and whole training steps in programs: state, gradients and results, in every bit."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from static_runs import bits, compare

import tapegrad as tg
from tapegrad import nn, optim


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def whole(high: int, *shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, high, shape)


# A layer, and the arguments of a call, given a seed.
LAYERS: dict[str, tuple[Callable[[], Any], Callable[[int], tuple[Any, ...]]]] = {
    "Linear": (lambda: nn.Linear(4, 3), lambda s: (numbers(5, 4, seed=s),)),
    "Linear without bias": (lambda: nn.Linear(4, 3, bias=False), lambda s: (numbers(2, 5, 4, seed=s),)),
    "Conv1d": (lambda: nn.Conv1d(2, 3, 3, padding=1), lambda s: (numbers(2, 6, 2, seed=s),)),
    "Conv2d": (lambda: nn.Conv2d(2, 3, 3, stride=2, padding=1), lambda s: (numbers(2, 6, 5, 2, seed=s),)),
    "Conv3d": (lambda: nn.Conv3d(1, 2, 2), lambda s: (numbers(1, 3, 4, 3, 1, seed=s),)),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(2, 3, 3), lambda s: (numbers(2, 6, 2, seed=s),)),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(2, 3, 3, stride=2), lambda s: (numbers(2, 3, 3, 2, seed=s),)),
    "ConvTranspose3d": (lambda: nn.ConvTranspose3d(1, 2, 2), lambda s: (numbers(1, 3, 2, 3, 1, seed=s),)),
    "MaxPool1d": (lambda: nn.MaxPool1d(2), lambda s: (numbers(2, 6, 2, seed=s),)),
    "MaxPool2d": (lambda: nn.MaxPool2d(2), lambda s: (numbers(2, 6, 4, 2, seed=s),)),
    "MaxPool3d": (lambda: nn.MaxPool3d(2), lambda s: (numbers(1, 4, 4, 2, 2, seed=s),)),
    "AvgPool1d": (lambda: nn.AvgPool1d(2), lambda s: (numbers(2, 6, 2, seed=s),)),
    "AvgPool2d": (lambda: nn.AvgPool2d(2), lambda s: (numbers(2, 6, 4, 2, seed=s),)),
    "AvgPool3d": (lambda: nn.AvgPool3d(2), lambda s: (numbers(1, 4, 4, 2, 2, seed=s),)),
    "AdaptiveAvgPool1d": (lambda: nn.AdaptiveAvgPool1d(2), lambda s: (numbers(2, 6, 2, seed=s),)),
    "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d(2), lambda s: (numbers(2, 6, 4, 2, seed=s),)),
    "AdaptiveAvgPool3d": (lambda: nn.AdaptiveAvgPool3d(1), lambda s: (numbers(1, 4, 4, 2, 2, seed=s),)),
    "ChannelsFirst": (lambda: nn.ChannelsFirst(nn.Conv2d(2, 3, 3)), lambda s: (numbers(2, 2, 6, 5, seed=s),)),
    "Flatten": (nn.Flatten, lambda s: (numbers(3, 2, 4, seed=s),)),
    "Dropout": (lambda: nn.Dropout(0.4), lambda s: (numbers(5, 4, seed=s),)),
    "BatchNorm": (lambda: nn.BatchNorm(3), lambda s: (numbers(6, 3, seed=s),)),
    "BatchNorm of images": (lambda: nn.BatchNorm(3, momentum=None), lambda s: (numbers(2, 4, 4, 3, seed=s),)),
    "BatchNorm of the batch": (
        lambda: nn.BatchNorm(3, affine=False, track_running_stats=False),
        lambda s: (numbers(6, 3, seed=s),),
    ),
    "LayerNorm": (lambda: nn.LayerNorm(4), lambda s: (numbers(5, 4, seed=s),)),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), lambda s: (numbers(5, 3, 4, seed=s),)),
    "Embedding": (lambda: nn.Embedding(7, 3), lambda s: (whole(7, 4, 2, seed=s),)),
    "Embedding of int32": (lambda: nn.Embedding(7, 3), lambda s: (whole(7, 4, 2, seed=s).astype(np.int32),)),
    "EmbeddingBag": (
        lambda: nn.EmbeddingBag(7, 3),
        lambda s: (whole(7, 8, seed=s), np.concatenate([[0], np.sort(whole(9, 3, seed=s))])),
    ),
    "EmbeddingBag of rows": (lambda: nn.EmbeddingBag(7, 3, mode="sum"), lambda s: (whole(7, 4, 2, seed=s),)),
    "RNNCell": (lambda: nn.RNNCell(3, 2), lambda s: (numbers(4, 3, seed=s), numbers(4, 2, seed=s + 1))),
    "LSTMCell": (lambda: nn.LSTMCell(3, 2), lambda s: (numbers(4, 3, seed=s),)),
    "GRUCell": (lambda: nn.GRUCell(3, 2), lambda s: (numbers(4, 3, seed=s),)),
    "RNN": (
        lambda: nn.RNN(3, 2, num_layers=2, bidirectional=True, dropout=0.3),
        lambda s: (numbers(5, 4, 3, seed=s), None, whole(5, 4, seed=s) + 1),
    ),
    "RNN of whole sequences": (
        lambda: nn.RNN(3, 2, nonlinearity="relu"),
        lambda s: (numbers(5, 4, 3, seed=s), None, np.full(4, 5 - s % 2)),
    ),
    "LSTM": (
        lambda: nn.LSTM(3, 2, bidirectional=True, batch_first=True),
        lambda s: (numbers(4, 5, 3, seed=s), None, whole(5, 4, seed=s) + 1),
    ),
    "GRU": (lambda: nn.GRU(3, 2), lambda s: (numbers(5, 4, 3, seed=s), numbers(1, 4, 2, seed=s))),
    "MultiHeadAttention": (
        lambda: nn.MultiHeadAttention(4, 2, dropout=0.2),
        lambda s: (
            numbers(3, 2, 4, seed=s),
            numbers(5, 2, 4, seed=s),
            numbers(5, 2, 4, seed=s),
            whole(2, 2, 5, seed=s).astype(bool),
        ),
    ),
    "MultiHeadAttention by numbers": (
        lambda: nn.MultiHeadAttention(4, 2, batch_first=True),
        lambda s: (
            numbers(2, 3, 4, seed=s),
            numbers(2, 3, 4, seed=s),
            numbers(2, 3, 4, seed=s),
            None,
            True,
            np.where(whole(2, 3, 3, seed=s) > 0, -np.inf if s % 2 else 1.0, numbers(3, 3, seed=s)),
        ),
    ),
    "Sequential": (
        lambda: nn.Sequential(nn.Linear(4, 6), nn.LeakyReLU(), nn.Dropout(0.2), nn.Linear(6, 2), nn.Softmax()),
        lambda s: (numbers(5, 4, seed=s),),
    ),
    **{
        name: (
            lambda name=name: nn.Sequential(nn.Linear(4, 4), getattr(nn, name)()),
            lambda s: (numbers(5, 4, seed=s),),
        )
        for name in ("ELU", "GELU", "LeakyReLU", "LogSoftmax", "ReLU", "SiLU", "Sigmoid", "Softmax", "Softplus", "Tanh")
    },
    **{
        name: (
            lambda name=name: Loss(getattr(nn, name)()),
            lambda s: (numbers(5, 4, seed=s), np.abs(numbers(5, 4, seed=s + 1))),
        )
        for name in ("BCEWithLogitsLoss", "HalfSquaredError", "HuberLoss", "L1Loss", "KLDivLoss", "MSELoss")
    },
    **{
        name: (lambda name=name: Loss(getattr(nn, name)()), lambda s: (numbers(5, 4, seed=s), whole(4, 5, seed=s)))
        for name in ("CrossEntropyLoss", "NLLLoss")
    },
}


class Loss(nn.Module):
    """A loss of what a layer gives."""

    def __init__(self, loss: nn.Module) -> None:
        self.layer = nn.Linear(4, 4)
        self.loss = loss

    def forward(self, x: Any, target: Any) -> Any:
        return self.loss(self.layer(x), target)


def test_every_layer_is_here() -> None:
    layers = {name for name in nn.__all__ if isinstance(getattr(nn, name), type)} - {
        "Module",
        "Affine",
    }  # another name of Linear
    used = {type(module).__name__ for make, _ in LAYERS.values() for _, module in make().named_modules()}
    assert layers - used == set()


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_in_a_program_is_the_layer(name: str, training: bool) -> None:
    make, arguments = LAYERS[name]

    def made() -> Any:
        layer = make()
        if not training:
            layer.eval()

        def step(*given: Any) -> Any:
            for parameter in layer.parameters():
                parameter.grad = None
            out = layer(*[tg.asarray(a) if hasattr(a, "dtype") else a for a in given])
            outputs = [y for y in (out if isinstance(out, tuple) else (out,)) if y is not None]
            outputs = [y for y in outputs if not isinstance(y, tuple)]
            total = sum((y * np.cos(np.arange(y.size, dtype=y.dtype).reshape(y.shape))).sum() for y in outputs)
            if total.requires_grad:
                total.backward()
            return out if not isinstance(out, tuple) else tuple(outputs)

        return step, [layer]

    compare(made, [arguments(s) for s in (0, 1, 2, 3)])


# Optimizers

OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "SGD": lambda p: optim.SGD(p, 0.1),
    "SGD with all": lambda p: optim.SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "Momentum": lambda p: optim.Momentum(p, 0.1, 0.9),
    "Nesterov": lambda p: optim.Nesterov(p, 0.1, 0.9),
    "Adagrad": lambda p: optim.Adagrad(p, 0.1),
    "Adadelta": lambda p: optim.Adadelta(p, 0.5),
    "RMSprop": lambda p: optim.RMSprop(p, 0.01, momentum=0.5, centered=True),
    "Adam": lambda p: optim.Adam(p, 0.01),
    "AdamW": lambda p: optim.AdamW(p, 0.01),
    "Nadam": lambda p: optim.Nadam(p, 0.01),
    "Adamax": lambda p: optim.Adamax(p, 0.01),
    "Lion": lambda p: optim.Lion(p, 0.01),
}


def test_every_optimizer_is_here() -> None:
    those = {name for name in optim.__all__ if isinstance(getattr(optim, name), type)}
    those = {name for name in those if issubclass(getattr(optim, name), optim.Optimizer)}
    assert those - set(OPTIMIZERS) == {"Optimizer", "LBFGS"}


def training(optimizer: Callable[[Any], Any], make: Callable[[], nn.Module] | None = None) -> Any:
    def made() -> Any:
        model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)) if make is None else make()
        moves = optimizer(list(model.parameters()))

        def step(x: Any, y: Any) -> Any:
            moves.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            moves.step()
            return loss

        return step, [model, moves]

    return made


def batches(count: int = 5) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(numbers(5, 4, seed=s), whole(3, 5, seed=s)) for s in range(count)]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_in_a_program_takes_the_same_steps(name: str) -> None:
    compare(training(OPTIMIZERS[name]), batches())


@pytest.mark.parametrize("name", ["SGD", "Momentum", "Adam", "Adagrad"])
def test_a_table_moves_as_by_its_rows(name: str) -> None:
    def bag() -> nn.Module:
        return nn.Sequential(nn.EmbeddingBag(9, 4), nn.Linear(4, 3))

    compare(training(OPTIMIZERS[name], bag), [(whole(9, 5, 2, seed=s), whole(3, 5, seed=s)) for s in range(5)])


def test_lbfgs_says_that_it_decides_by_values() -> None:
    model = nn.Linear(4, 3)
    moves = optim.LBFGS(model.parameters())

    @tg.compile
    def step(x: Any, y: Any) -> Any:
        def closure() -> Any:
            moves.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            return loss

        return moves.step(closure)

    with pytest.raises(tg.TraceError, match="cannot be in a program"):
        step(*batches(1)[0])


def test_lazy_rows_are_refused() -> None:
    table = nn.Embedding(9, 4)
    moves = optim.Adam(table.parameters(), lazy_rows=True)

    @tg.compile
    def step(ids: Any) -> None:
        table(ids).sum().backward()
        moves.step()

    with pytest.raises(tg.TraceError, match=r"Adam\.step with lazy_rows at .*test_static_layers\.py:\d+ cannot be in"):
        step(np.array([1, 2]))


# What changes between the calls


def test_learning_rates_and_settings_are_read_at_each_call() -> None:
    def slower(place: int, model: Any, moves: Any) -> None:
        moves.lr = 0.1 / (place + 1)
        moves.weight_decay = 0.01 * place

    compare(training(OPTIMIZERS["SGD with all"]), batches(), slower)


def test_schedules_move_the_rates_between_the_calls() -> None:
    def made() -> Any:
        step, (model, moves) = training(OPTIMIZERS["Adam"])()
        return step, [model, moves, Scheduled(moves)]

    def between(place: int, model: Any, moves: Any, scheduled: Any) -> None:
        scheduled.schedule.step()

    compare(made, batches(), between)


class Scheduled:
    """A schedule, which keeps nothing that `compare` looks at."""

    state: tuple[Any, ...] = ()

    def __init__(self, optimizer: Any) -> None:
        self.schedule = optim.CosineAnnealingLR(optimizer, 10, warmup=2)


@pytest.mark.parametrize("kind", [lambda o: optim.StepLR(o, 2), lambda o: optim.ReduceLROnPlateau(o)])
def test_a_schedule_inside_of_the_function_is_refused(kind: Callable[[Any], Any]) -> None:
    model = nn.Linear(4, 3)
    schedule = kind(optim.SGD(model.parameters(), 0.1))
    step = tg.compile(lambda x: (model(x), schedule.step(*([1.0] if hasattr(schedule, "best") else []))))
    with pytest.raises(tg.TraceError, match=r"\.step at .*test_static_layers\.py:\d+ cannot be in a program"):
        step(numbers(5, 4))


def test_gradients_that_were_left_are_added_to() -> None:
    """No zero_grad: the first call finds no gradient, the others do, which are two programs."""

    def made() -> Any:
        model = nn.Linear(4, 3)

        def step(x: Any, y: Any) -> Any:
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            return loss

        return step, [model]

    compare(made, batches(), programs=2)


def test_gradients_of_several_calls_make_one_step() -> None:
    def made() -> Any:
        model = nn.Linear(4, 3)
        moves = optim.Momentum(model.parameters(), 0.1)

        def step(x: Any, y: Any, last: bool) -> Any:
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            if last:
                moves.step()
                moves.zero_grad()
            return loss

        return step, [model, moves]

    calls = [(*batch, place % 3 == 2) for place, batch in enumerate(batches(12))]
    compare(made, calls, programs=3)


def test_a_gradient_that_was_set_from_outside_is_read() -> None:
    def made() -> Any:
        model = nn.Linear(4, 3)
        moves = optim.SGD(model.parameters(), 0.1)

        def step() -> Any:
            moves.step()

        return step, [model, moves]

    def between(place: int, model: Any, moves: Any) -> None:
        for parameter in model.parameters():
            parameter.grad = numbers(*parameter.shape, seed=place)

    compare(made, [()] * 4, between)


@pytest.mark.parametrize("limit", [0.01, 1e6])
def test_clipping_in_a_program(limit: float) -> None:
    def made() -> Any:
        model = nn.Linear(4, 3)
        moves = optim.SGD(model.parameters(), 0.1)

        def step(x: Any, y: Any) -> Any:
            moves.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            norm = optim.clip_grad_norm(model.parameters(), limit)
            optim.clip_grad_value(model.parameters(), limit / 2)
            moves.step()
            return np.asarray(norm) if isinstance(norm, float) else norm

        return step, [model, moves]

    expected, got = [], []
    for wrapped, found in ((lambda f: f, expected), (lambda f: tg.compile(f, fuse=False), got)):
        tg.random.seed(0)
        step, (model, _) = made()
        step = wrapped(step)
        for batch in batches():
            norm = step(*batch)
            found.append(
                (
                    np.asarray(norm.numpy() if isinstance(norm, tg.Tensor) else norm),
                    *map(tg.Tensor.numpy, model.parameters()),
                )
            )
    bits(got, expected)


def test_train_and_eval_are_two_programs() -> None:
    def made() -> Any:
        model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm(3), nn.Dropout(0.5))
        return model, [model]

    def between(place: int, model: Any) -> None:
        model.train() if place % 4 < 2 else model.eval()

    compare(made, [(x,) for x, _ in batches(8)], between, programs=2)


def test_state_that_was_loaded_between_the_calls_is_read() -> None:
    def made() -> Any:
        step, (model, moves) = training(OPTIMIZERS["Adam"])()
        return step, [model, moves]

    kept: list[Any] = []

    def between(place: int, model: Any, moves: Any) -> None:
        if place == 1:
            kept[:] = [model.state_dict(), moves.state_dict()]
        if place == 3:
            model.load_state_dict(kept[0])
            moves.load_state_dict(kept[1])

    compare(made, batches(6), between)


def test_a_parameter_that_is_frozen_between_the_calls_makes_another_program() -> None:
    def made() -> Any:
        model = nn.Linear(4, 3)

        def step(x: Any, y: Any) -> Any:
            model.weight.grad = model.bias.grad = None
            nn.functional.cross_entropy(model(x), y).backward()

        return step, [model]

    def between(place: int, model: Any) -> None:
        if place == 3:
            model.bias.requires_grad = False

    compare(made, batches(6), between, programs=2)


def test_a_model_of_another_dtype_makes_another_program() -> None:
    def made() -> Any:
        model = nn.BatchNorm(4)
        return model, [model]

    def between(place: int, model: Any) -> None:
        if place == 3:
            model.to(np.float64)

    compare(made, [(x,) for x, _ in batches(6)], between, programs=2)


# The examples' networks


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    monkeypatch.syspath_prepend(Path(__file__).parent.parent / "examples")
    return importlib.import_module


EXAMPLES: dict[str, tuple[Callable[[Any], nn.Module], Callable[[int], tuple[Any, Any]], Any]] = {
    **{
        name: (
            lambda module: module.small_network(),
            lambda s: (numbers(6, 8, 8, 1, seed=s), whole(10, 6, seed=s)),
            nn.functional.cross_entropy,
        )
        for name in ("mnist_cnn", "simplified_alexnet")
    },
    "simple_net": (
        lambda module: module.SimpleNet(16),
        lambda s: (numbers(6, 16, seed=s), whole(10, 6, seed=s)),
        nn.functional.cross_entropy,
    ),
    "simple_net with one weight for both ways": (
        lambda module: module.Copier(16),
        lambda s: (numbers(6, 16, seed=s), np.abs(numbers(6, 16, seed=s))),
        nn.functional.mse_loss,
    ),
    **{
        f"binary_addition by {kind}": (
            lambda module, kind=kind: module.Adder(getattr(nn, kind)),
            lambda s: (whole(2, 5, 8, 2, seed=s).astype(np.float32), whole(2, 5, 8, seed=s).astype(np.float32)),
            nn.functional.mse_loss,
        )
        for kind in ("RNN", "LSTM", "GRU")
    },
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_training_steps_of_the_examples(name: str, example: Callable[[str], Any]) -> None:
    network, batch, loss_of = EXAMPLES[name]
    module = example(name.partition(" ")[0])

    def made() -> Any:
        model = network(module)
        moves = optim.Momentum(model.parameters(), 0.01, 0.9)

        def step(x: Any, y: Any) -> Any:
            moves.zero_grad()
            loss = loss_of(model(x), y)
            loss.backward()
            moves.step()
            return loss

        return step, [model, moves]

    compare(made, [batch(s) for s in range(4)])
