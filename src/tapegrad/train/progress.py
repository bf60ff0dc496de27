"""Progress of a run: a bar on a terminal, and plain lines where there is none, or where rich is not installed."""

from __future__ import annotations

import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

PAUSE = 0.05  # seconds between two changes of a bar, so that quick steps do not wait for it


def terminal() -> Console | None:
    """The console to show progress on; None where rich is not installed."""
    if find_spec("rich") is None:
        return None
    from rich.console import Console

    return Console(highlight=False, markup=False, soft_wrap=True)


class Bar:
    """How many of `total` steps are done, as a bar on a terminal's `console`, for use in a `with` block."""

    def __init__(self, console: Console | None, total: int, done: int = 0) -> None:
        self._console = console
        self._total = total
        self._done = done
        self._shown = 0.0
        self._bar: Progress | None = None
        if console is not None and console.is_terminal:
            self._bar = _bar(console)
            self._task = self._bar.add_task("", total=total, completed=done)

    def __enter__(self) -> Any:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, description: str) -> None:
        """One step is done, the one that `description` tells of."""
        self._done += 1
        if self._bar is not None:
            now = time.monotonic()
            if now - self._shown > PAUSE or self._done >= self._total:
                self._shown = now
                self._bar.update(self._task, completed=self._done, description=description)

    def say(self, line: str) -> None:
        """Print a line, above the bar if there is one."""
        if self._console is None:
            print(line, flush=True)
        else:
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)


class Steps(Bar):
    """A bar that gives way to ten lines at most where there is no terminal."""

    def __enter__(self) -> Steps:
        super().__enter__()
        return self

    def advance(self, description: str) -> None:
        super().advance(description)
        tenth = 10 * self._done // self._total
        if self._bar is None and tenth > 10 * (self._done - 1) // self._total:
            self.say(f"{10 * tenth:3}% {description}")


def _bar(console: Console) -> Progress:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
        console=console,
        transient=True,
    )
