"""Convolution and pooling beside PyTorch's, in its better memory layout: forward, and forward + backward.

Both libraries have the same number of threads, see the same numbers and are measured in turns. For each shape it also
says how many arithmetic operations a second that makes, and whether the shape could be bound by memory: whether moving
its arrays once takes longer, at the speed of a copy, than its arithmetic takes at the speed of the best tile. Prints
Markdown.
"""

from __future__ import annotations

import argparse
import math
import statistics
from dataclasses import dataclass
from functools import partial
from typing import Any

import numba
import numpy as np
from measure import in_turns, machine, row, seconds

import tapegrad as tg
from tapegrad.kernels.tile import HEIGHTS, run_tile, width

F4 = np.float32
SETTLE = 0.01  # seconds


@dataclass(frozen=True)
class Conv:
    """Images (N, H, H, C) and square filters, padded SAME."""

    n: int
    size: int
    channels: int
    kernel: int
    filters: int
    stride: int = 1
    groups: int = 1

    @property
    def name(self) -> str:
        more = (f" stride {self.stride}" if self.stride > 1 else "") + (" depthwise" if self.groups > 1 else "")
        return f"({self.n},{self.size},{self.channels},{self.kernel},{self.filters}){more}"

    def arrays(self) -> tuple[Any, Any, Any]:
        draw = np.random.default_rng(0)
        out = -(-self.size // self.stride)
        return (
            draw.standard_normal((self.n, self.size, self.size, self.channels), F4),
            draw.standard_normal((self.kernel, self.kernel, self.channels // self.groups, self.filters), F4),
            draw.standard_normal((self.n, out, out, self.filters), F4),
        )

    def operations(self) -> float:
        """Multiplications and additions of one forward pass."""
        _, filters, g = self.arrays()
        return 2.0 * g.size * math.prod(filters.shape[:3])

    def ours(self, x: Any, filters: Any) -> Any:
        return tg.conv2d(x, filters, self.stride, "SAME", groups=self.groups)

    def theirs(self, x: Any, filters: Any) -> Any:
        import torch

        out = -(-self.size // self.stride)
        total = max((out - 1) * self.stride + self.kernel - self.size, 0)
        if total % 2:  # PyTorch pads both sides alike
            x = torch.nn.functional.pad(x, (total // 2, total - total // 2) * 2)
            total = 0
        return torch.nn.functional.conv2d(x, filters, None, self.stride, total // 2, 1, self.groups)


@dataclass(frozen=True)
class Pool:
    """Images (N, H, H, C) under square windows."""

    n: int
    size: int
    channels: int
    window: int
    stride: int

    @property
    def name(self) -> str:
        return f"max pool {self.window}x{self.window} stride {self.stride} of ({self.n},{self.size},{self.channels})"

    def arrays(self) -> tuple[Any, None, Any]:
        draw = np.random.default_rng(0)
        out = (self.size - self.window) // self.stride + 1
        x = draw.standard_normal((self.n, self.size, self.size, self.channels), F4)
        return x, None, draw.standard_normal((self.n, out, out, self.channels), F4)

    def operations(self) -> float:
        return float(self.arrays()[2].size * self.window**2)

    def ours(self, x: Any, _: None) -> Any:
        return tg.max_pool(x, self.window, self.stride)

    def theirs(self, x: Any, _: None) -> Any:
        import torch

        return torch.nn.functional.max_pool2d(x, self.window, self.stride)


CASES = [
    Conv(64, 28, 1, 5, 32),
    Conv(64, 14, 32, 5, 64),
    Conv(32, 32, 64, 3, 64),
    Conv(32, 32, 3, 3, 64),
    Conv(16, 56, 64, 3, 64),
    Conv(16, 14, 256, 3, 256),
    Conv(32, 16, 128, 1, 128),
    Conv(32, 56, 64, 3, 128, stride=2),
    Conv(32, 28, 128, 3, 128, groups=128),
    Conv(16, 224, 3, 11, 64, stride=4),
    Conv(1, 56, 64, 3, 64),
    Pool(64, 28, 32, 2, 2),
    Pool(64, 28, 32, 3, 2),
]


def our_tasks(case: Conv | Pool) -> dict[Any, Any]:
    x, filters, g = case.arrays()
    leaves = [tg.tensor(a, requires_grad=True) for a in (x, filters) if a is not None]
    arguments = (*leaves, None)[:2]
    cotangent = tg.tensor(g)  # an array would be copied, since its owner may go on writing into it

    def back() -> None:
        for leaf in leaves:
            leaf.grad = None
        case.ours(*arguments).backward(cotangent)

    return {("tapegrad", "forward"): partial(case.ours, x, filters), ("tapegrad", "both"): back}


def their_tasks(case: Conv | Pool) -> dict[Any, Any]:
    import torch

    def laid_out(array: Any, axes: tuple[int, ...], layout: Any) -> Any:
        return torch.tensor(array).permute(axes).contiguous(memory_format=layout)

    tasks: dict[Any, Any] = {}
    for name, layout in (("NCHW", torch.contiguous_format), ("NHWC", torch.channels_last)):
        x, filters, g = case.arrays()
        leaves = [laid_out(x, (0, 3, 1, 2), layout).requires_grad_()]
        if filters is not None:
            leaves.append(laid_out(filters, (3, 2, 0, 1), layout).requires_grad_())
        arguments = (*leaves, None)[:2]
        cotangent = laid_out(g, (0, 3, 1, 2), layout)

        def forward(arguments: Any = arguments) -> None:
            with torch.no_grad():
                case.theirs(*arguments)

        def back(leaves: Any = leaves, arguments: Any = arguments, cotangent: Any = cotangent) -> None:
            for leaf in leaves:
                leaf.grad = None
            case.theirs(*arguments).backward(cotangent)

        tasks |= {(name, "forward"): forward, (name, "both"): back}
    return tasks


def tile_speed() -> float:
    """Operations a second of the tallest tile on numbers in the first-level cache, by one thread: the ceiling."""

    @numba.njit(nogil=True)
    def repeat(times: int, tallest: int, a: Any, segments: Any, b: Any, c: Any, lanes: int) -> None:
        for _ in range(times):
            run_tile(tallest, a, 0, 256, 1, segments, 1, 64, b, 0, lanes, 0, c, 0, lanes, False)

    lanes = width(4)
    a, b, c = np.ones(HEIGHTS[0] * 256 + 64, F4), np.ones(64 * lanes, F4), np.zeros(HEIGHTS[0] * lanes, F4)
    segments = np.zeros(1, np.intp)
    task = partial(repeat, 2000, HEIGHTS[0], a, segments, b, c, lanes)
    task()
    return 2000 * 2 * HEIGHTS[0] * lanes * 64 / min(seconds(task, 1) for _ in range(20))


def copy_speed() -> float:
    """Bytes a second of a large copy, read and written."""
    x = np.ones(16_000_000, F4)
    y = np.empty_like(x)
    return 2 * x.nbytes / min(seconds(partial(np.copyto, y, x), 1) for _ in range(10))


def errors(case: Conv) -> list[str]:
    """How far results and gradients of float32 lie from those of float64, in 1e-7 of the largest; and PyTorch's."""
    import torch

    x, filters, g = case.arrays()
    y, pullback = tg.vjp(case.ours, x, filters)
    ours = [y, *pullback(g)]

    def theirs(dtype: Any) -> list[Any]:
        leaves = [
            torch.tensor(x.transpose(0, 3, 1, 2), dtype=dtype),
            torch.tensor(filters.transpose(3, 2, 0, 1), dtype=dtype),
        ]
        for leaf in leaves:
            leaf.requires_grad_()
        y = case.theirs(*leaves)
        y.backward(torch.tensor(g.transpose(0, 3, 1, 2), dtype=dtype))
        image = (0, 2, 3, 1)
        found = [y.detach(), *(leaf.grad for leaf in leaves)]
        return [array.permute(axes).numpy() for array, axes in zip(found, (image, image, (2, 3, 1, 0)), strict=True)]

    exact, other = theirs(torch.float64), theirs(torch.float32)
    return [
        f"{1e7 * np.max(np.abs(array - right)) / np.max(np.abs(right)):.1f}"
        for right, pair in zip(exact, zip(ours, other, strict=True), strict=True)
        for array in pair
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="Convolution and pooling beside PyTorch's.")
    parser.add_argument("--rounds", type=int, default=15, help="how often everything is timed (default: 15)")
    parser.add_argument("--threads", type=int, default=2, help="threads of both libraries (default: 2)")
    options = parser.parse_args()
    tg.set_num_threads(options.threads)
    try:
        import torch
    except ImportError:
        torch = None  # type: ignore[assignment]
    else:
        torch.set_num_threads(options.threads)
    peak, moved = tile_speed(), copy_speed()
    print("# Convolution and pooling\n")
    print(f"- {machine()}")
    print(f"- tapegrad {tg.__version__}, numpy {np.__version__}, numba {numba.__version__}, ", end="")
    print(f"torch {torch.__version__}" if torch else "torch is not installed, so not measured")
    print(
        f"- {options.threads} threads each, medians of {options.rounds} rounds in turns, PyTorch in its better layout"
    )
    print(f"- the tile alone makes {peak / 1e9:.0f} GF/s on one thread; a copy moves {moved / 1e9:.0f} GB/s\n")
    row(
        "shape",
        "forward ms",
        "PyTorch",
        "ratio",
        "GF/s",
        "forward + backward ms",
        "PyTorch",
        "ratio",
        "GF/s",
        "bound by",
    )
    row("---", *["---:"] * 8, "---")
    ratios = []
    for case in CASES:
        times = in_turns(our_tasks(case) | (their_tasks(case) if torch else {}), options.rounds, SETTLE)
        middle = {key: statistics.median(found) * 1e3 for key, found in times.items()}
        cells = [f"`{case.name}`"]
        for run, passes in (("forward", 1), ("both", 3)):
            mine = middle["tapegrad", run]
            cells.append(f"{mine:.2f}")
            if torch:
                layout = min(("NCHW", "NHWC"), key=lambda name: middle[name, run])
                pairs = zip(times["tapegrad", run], times[layout, run], strict=True)
                ratio = statistics.median(a / b for a, b in pairs)
                cells += [f"{middle[layout, run]:.2f}", f"{ratio:.2f}"]
                if run == "both":
                    ratios.append(ratio)
            else:
                cells += ["", ""]
            cells.append(f"{passes * case.operations() / mine / 1e6:.0f}")
        bytes_moved = sum(a.nbytes for a in case.arrays() if a is not None)
        memory = bytes_moved / moved > case.operations() / (peak * options.threads)
        row(*cells, "memory" if memory else "arithmetic")
    if ratios:
        mean = math.exp(statistics.fmean(map(math.log, ratios)))
        print(f"\nGeometric mean of the ratios, forward + backward: {mean:.2f}")
        print("\nLargest errors, in 1e-7 of the largest number, where Winograd's filtering serves:\n")
        row("shape", *(f"{what}{whose}" for what in ("result", "for x", "for filters") for whose in ("", ", PyTorch")))
        row("---", *["---:"] * 6)
        for case in CASES:
            if isinstance(case, Conv) and (case.kernel, case.stride, case.groups) == (3, 1, 1) and case.channels >= 32:
                row(f"`{case.name}`", *errors(case))


if __name__ == "__main__":
    main()
