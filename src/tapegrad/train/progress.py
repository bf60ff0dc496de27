"""Progress of a run: a bar on a terminal, and ten plain lines where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from rich.console import Console


class Steps:
    """Shows on `console` how many of `total` steps are done, for use in a `with` block."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._total = total
        self._done = 0
        self._bar = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=total)

    def __enter__(self) -> Steps:
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def advance(self, description: str) -> None:
        """One step is done, the one that `description` tells of."""
        self._done += 1
        self._bar.update(self._task, completed=self._done, description=description)
        tenth = 10 * self._done // self._total
        if not self._console.is_terminal and tenth > 10 * (self._done - 1) // self._total:
            self._console.print(f"{10 * tenth:3}% {description}", highlight=False, soft_wrap=True)
