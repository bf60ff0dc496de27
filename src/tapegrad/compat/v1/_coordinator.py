"""Threads that stop together: `tf.train.Coordinator`."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from . import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Coordinator", "LooperThread"]


class Coordinator:
    """Lets several threads ask each other to stop, and hands the first error of one of them to `join`."""

    def __init__(self, clean_stop_exception_types: Any = (errors.OutOfRangeError,)) -> None:
        self._clean = tuple(clean_stop_exception_types)
        self._event = threading.Event()
        self._error: BaseException | None = None
        self._threads: list[Any] = []
        self.joined = False

    def request_stop(self, ex: Any = None) -> None:
        """Ask all to stop, because of an error if `ex` is one, or a tuple that ends with it and its trace."""
        if isinstance(ex, tuple):
            ex = ex[1]
        if ex is not None and self._error is None and not isinstance(ex, self._clean):
            self._error = ex
        self._event.set()

    def should_stop(self) -> bool:
        """Whether someone asked to stop."""
        return self._event.is_set()

    def clear_stop(self) -> None:
        """Go on."""
        self._event.clear()
        self._error = None
        self.joined = False

    def wait_for_stop(self, timeout: float | None = None) -> bool:
        """Wait until someone asks to stop: whether that was in time."""
        return self._event.wait(timeout)

    @contextlib.contextmanager
    def stop_on_exception(self) -> Iterator[None]:
        """Ask all to stop when the block ends with an error, which is kept for `join`."""
        try:
            yield
        except BaseException:
            self.request_stop(sys.exc_info()[1])

    def register_thread(self, thread: Any) -> None:
        """Let `join` wait for a thread."""
        self._threads.append(thread)

    def join(
        self,
        threads: Any = None,
        stop_grace_period_secs: float = 120,
        ignore_live_threads: bool = False,
    ) -> None:
        """Wait until all threads ended, at most so long after the stop, and raise the error that one of them met."""
        every = list(dict.fromkeys([*self._threads, *(threads or [])]))
        while not self._event.wait(0.05) and any(thread.is_alive() for thread in every):
            pass
        end = time.monotonic() + stop_grace_period_secs
        for thread in every:
            thread.join(max(0.0, end - time.monotonic()))
        self.joined = True
        self._threads = []
        if self._error is not None:
            raise self._error
        alive = [thread.name for thread in every if thread.is_alive()]
        if alive and not ignore_live_threads:
            raise RuntimeError(f"Coordinator stopped with threads still running: {' '.join(alive)}")

    def raise_requested_exception(self) -> None:
        """Raise the error that a thread met, if one did."""
        if self._error is not None:
            raise self._error


class LooperThread(threading.Thread):
    """A thread that calls a function again and again, every so many seconds, until its coordinator stops."""

    def __init__(
        self,
        coord: Coordinator,
        timer_interval_secs: float | None,
        target: Callable[..., Any] | None = None,
        args: Any = (),
        kwargs: Any = None,
    ) -> None:
        super().__init__(daemon=True)
        self._coord, self._interval = coord, timer_interval_secs
        self._call, self._arguments, self._keywords = target, args, kwargs or {}
        coord.register_thread(self)

    @staticmethod
    def loop(
        coord: Coordinator, timer_interval_secs: float | None, target: Any, args: Any = (), kwargs: Any = None
    ) -> LooperThread:
        """A thread that was started."""
        thread = LooperThread(coord, timer_interval_secs, target, args, kwargs)
        thread.start()
        return thread

    def run(self) -> None:
        with self._coord.stop_on_exception():
            while not self._coord.should_stop():
                self.run_loop()
                if self._interval and self._coord.wait_for_stop(self._interval):
                    return

    def run_loop(self) -> None:
        """What is done each time."""
        if self._call is not None:
            self._call(*self._arguments, **self._keywords)
