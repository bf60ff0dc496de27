"""What recording an op costs, beside every peer that is installed: PyTorch, MyGrad, HIPS autograd and JAX.

The arrays are so small that the arithmetic hardly counts; what is left is the price of writing an op
down and of walking back over it. All libraries are measured in turns, in one process, through the
operators that their users write. Prints Markdown.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np
from measure import Times, in_turns, machine, row

import tapegrad as tg

if TYPE_CHECKING:
    from collections.abc import Callable

CHAIN = 50  # ops


# --------------------------------------------------------------------------------------------------
# The libraries: how each makes a leaf, and how it is run forward and back


def run(f: Callable[..., Any], *leaves: Any) -> Any:
    """Forward where values record themselves."""
    return f(*leaves)


def run_back(f: Callable[..., Any], *leaves: Any) -> None:
    """Forward and backward where gradients add up in the leaves."""
    for leaf in leaves:
        leaf.grad = None
    f(*leaves).backward()


@dataclass(frozen=True)
class Library:
    """What differs between libraries; `f` is always a function of leaves that gives one number in the end."""

    name: str
    leaf: Callable[[np.ndarray], Any]
    index: Callable[[np.ndarray], Any]
    exp: Callable[[Any], Any]
    forward: Callable[..., Any] = run  # (f, *leaves): compute f, so that a backward pass could follow
    backward: Callable[..., Any] | None = run_back  # (f, *leaves): compute f and the gradients of all leaves


def same(array: np.ndarray) -> np.ndarray:
    return array


def numpy() -> Library:
    return Library("NumPy alone", same, same, np.exp, backward=None)


def tapegrad() -> Library:
    return Library("tapegrad", partial(tg.tensor, requires_grad=True), same, np.exp)


def pytorch() -> Library:
    import torch

    torch.set_num_threads(2)
    return Library("PyTorch", lambda array: torch.tensor(array, requires_grad=True), torch.tensor, torch.exp)


def mygrad() -> Library:
    import mygrad

    def backward(f: Callable[..., Any], *leaves: Any) -> None:
        f(*leaves).backward()  # which forgets the gradients of the run before by itself

    return Library("MyGrad", mygrad.tensor, same, mygrad.exp, backward=backward)


def autograd() -> Library:
    from autograd import make_vjp
    from autograd import numpy as anp

    def forward(f: Callable[..., Any], *leaves: Any) -> Any:
        return make_vjp(f, tuple(range(len(leaves))))(*leaves)

    def backward(f: Callable[..., Any], *leaves: Any) -> None:
        pull, out = forward(f, *leaves)
        pull(np.ones_like(out))

    return Library("autograd", same, same, anp.exp, forward, backward)


def jax() -> Library:
    import jax

    def backward(f: Callable[..., Any], *leaves: Any) -> None:
        out, pull = jax.vjp(f, *leaves)
        jax.block_until_ready(pull(jax.numpy.ones_like(out)))

    def forward(f: Callable[..., Any], *leaves: Any) -> None:
        jax.block_until_ready(jax.vjp(f, *leaves)[0])

    return Library("JAX, eager", jax.numpy.asarray, jax.numpy.asarray, jax.numpy.exp, forward, backward)


# name of the package -> how to use it
PEERS = {"torch": pytorch, "mygrad": mygrad, "autograd": autograd, "jax": jax}


# --------------------------------------------------------------------------------------------------
# What is measured


@dataclass(frozen=True)
class Case:
    """An op, or a chain of them, on float32 leaves of these shapes."""

    name: str
    shapes: tuple[tuple[int, ...], ...]
    prepare: Callable[[Library], Callable[..., Any]]  # gives the function to run forward
    scalar: bool = False  # whether that function gives one number already

    def tasks(self, library: Library) -> dict[str, Callable[[], Any]]:
        """The runs to be timed, by name."""
        draw = np.random.default_rng(0)
        leaves = [library.leaf(draw.uniform(0.9, 1.1, shape).astype(np.float32)) for shape in self.shapes]
        forward = self.prepare(library)
        loss = forward if self.scalar else lambda *x: forward(*x).sum()
        tasks = {"forward": partial(library.forward, forward, *leaves)}
        if library.backward is not None:
            tasks["forward + backward"] = partial(library.backward, loss, *leaves)
        return tasks


def chain(x: Any, y: Any) -> Any:
    for _ in range(CHAIN):
        x = x * y
    return x


def matmul(x: Any, y: Any) -> Any:
    return x @ y


def at(key: Any) -> Callable[[Any], Any]:
    return lambda x: x[key]


CHAINED = Case(f"{CHAIN} times x = x * y", ((3,), (3,)), lambda _: chain)
SINGLE = [
    Case("x + y, shapes (8, 3) and (3,)", ((8, 3), (3,)), lambda _: lambda x, y: x + y),
    Case("x @ y, both (8, 8)", ((8, 8), (8, 8)), lambda _: matmul),
    Case("x.sum(), x (8,)", ((8,),), lambda _: lambda x: x.sum(), scalar=True),
    Case("x[2:5], x (8,)", ((8,),), lambda _: at(slice(2, 5))),
    Case("x[[0, 2, 5]], x (8,)", ((8,),), lambda library: at(library.index(np.array([0, 2, 5])))),
    Case("np.exp(x), x (8,)", ((8,),), lambda library: library.exp),
]


# --------------------------------------------------------------------------------------------------
# Measuring


def measure(case: Case, libraries: list[Library], rounds: int) -> Times:
    return in_turns({(lib.name, run): task for lib in libraries for run, task in case.tasks(lib).items()}, rounds)


def ratio(times: Times, run: str, library: str) -> float:
    """The median over the rounds of our time over theirs."""
    ours, theirs = times["tapegrad", run], times[library, run]
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


# --------------------------------------------------------------------------------------------------
# Tables


def chain_table(libraries: list[Library], rounds: int) -> None:
    times = measure(CHAINED, libraries, rounds)
    print(f"\n## {CHAINED.name}, three float32 elements: microseconds an op\n")
    row("library", "forward", "tapegrad / it", "forward + backward", "tapegrad / it")
    row("---", "---:", "---:", "---:", "---:")
    for library in libraries:
        cells = [library.name]
        for run in ("forward", "forward + backward"):
            if (library.name, run) in times:
                micros = statistics.median(times[library.name, run]) / CHAIN * 1e6
                cells += [f"{micros:.2f}", f"{ratio(times, run, library.name):.2f}"]
            else:
                cells += ["", ""]
        row(*cells)


def op_table(libraries: list[Library], rounds: int) -> None:
    """Each op by itself, beside PyTorch if that is here; the backward runs end in a sum."""
    shown = [library for library in libraries if library.name in ("tapegrad", "PyTorch")]
    beside = len(shown) == 2
    print("\n## One op: microseconds a run\n")
    head = ["tapegrad", *(["PyTorch", "ratio"] if beside else [])]
    row("op", *(f"{run}: {name}" for run in ("forward", "forward + backward") for name in head))
    row("---", *["---:"] * 2 * len(head))
    for case in SINGLE:
        times = measure(case, shown, rounds)
        cells = [f"`{case.name}`"]
        for run in ("forward", "forward + backward"):
            cells += [f"{statistics.median(times[library.name, run]) * 1e6:.2f}" for library in shown]
            if beside:
                cells.append(f"{ratio(times, run, 'PyTorch'):.2f}")
        row(*cells)


def main() -> None:
    parser = argparse.ArgumentParser(description="What recording an op costs, beside the peers that are installed.")
    parser.add_argument("--rounds", type=int, default=30, help="how often everything is timed (default: 30)")
    rounds = parser.parse_args().rounds
    libraries = [tapegrad(), numpy()]
    versions, absent = [f"tapegrad {tg.__version__}", f"numpy {np.__version__}"], []
    for package, make in PEERS.items():
        try:
            libraries.append(make())
        except ImportError:
            absent.append(package)
        else:
            versions.append(f"{package} {metadata.version(package)}")
    print("# The cost of recording\n")
    print(f"- {machine()}")
    print(f"- {', '.join(versions)}")
    if absent:
        print(f"- not installed, so not measured: {', '.join(absent)}")
    print(f"- medians of {rounds} rounds, taken in turns; a ratio below 1 means that tapegrad is quicker")
    chain_table(libraries, rounds)
    op_table(libraries, rounds)


if __name__ == "__main__":
    main()
