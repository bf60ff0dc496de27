"""Helpers for kernels: threads that stay awake for a while after a call, so that the next need not wake them.

A helper watches the bell in compiled code, without the GIL. When a caller rings, from inside its kernel, nobody holds
the GIL, and the helper is at work a few microseconds later; to wake a sleeping thread takes fifty and more. It goes
to sleep when the bell has been silent for some hundred microseconds.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import workspace
from .jobs import BELL, CALL, LEFT, NEXT, SIZE, wait

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_PATIENCE = 60_000  # looks at the bell before a helper goes to sleep


class _Call(NamedTuple):
    kernel: Callable[..., Any]
    jobs: int
    arguments: tuple[Any, ...]
    scratch: Sequence[tuple[int, Any]]


class Team:
    """A caller at a time and its helpers. What is not in the shared array is guarded by a lock."""

    def __init__(self, helpers: int) -> None:
        self._busy = threading.Lock()  # held by the caller
        self._owner = 0  # the thread that held it last
        self._lock = threading.Lock()
        self._state = np.zeros(SIZE, np.int64)
        self._count = helpers
        self._helpers: list[threading.Thread] = []
        self._asleep: list[threading.Lock] = []  # each of these locks keeps one helper asleep
        self._call: _Call | None = None
        self._entered = 0  # helpers that have taken part in this call
        self._error: BaseException | None = None  # what one of them met
        self.closed = False

    def run(self, kernel: Callable[..., Any], jobs: int, arguments: Any, scratch: Any) -> bool:
        """Run a kernel with the helpers, unless they work for another caller."""
        me = threading.get_ident()
        if not self._busy.acquire(blocking=False):
            if self._owner == me:  # an interrupt ended an earlier call: who knows what its helpers are at
                self.closed = True
            return False
        self._owner = me
        if self.closed:
            self._busy.release()
            return False
        while len(self._helpers) < self._count:
            self._start()
        state = self._state
        with self._lock:
            state[NEXT] = state[LEFT] = 0
            state[CALL] += 1
            self._entered = 0
            self._call = _Call(kernel, jobs, arguments, scratch)
            asleep, self._asleep = self._asleep, []
        for sleeper in asleep:
            sleeper.release()
        error = None
        try:
            kernel(state, jobs, *arguments, *workspace.scratch(scratch))
        except BaseException as caught:
            error = caught
        error = self._finish() or error
        # No `finally`: after an interrupt in between, this team stays busy and takes no other call, whose jobs a helper
        # of this one might take for its own.
        self._busy.release()
        if error is not None:
            raise error
        return True

    def _finish(self) -> BaseException | None:
        """Let no more helpers in, wait for those inside, and give an error that one of them met."""
        with self._lock:
            self._call = None
            entered = self._entered
        while entered and not wait(self._state, LEFT, entered, False, _PATIENCE):
            time.sleep(0)  # the helper has no processor: this one may be the one that it waits for
        error, self._error = self._error, None
        return error

    def _start(self) -> None:
        try:
            helper = threading.Thread(target=self._help, name="tapegrad", daemon=True)
            helper.start()
        except RuntimeError:  # the system allows no more threads, or the interpreter is about to end
            self._count = len(self._helpers)
        else:
            self._helpers.append(helper)

    def _help(self) -> None:
        last, leaving = 0, False
        while True:
            rung = wait(self._state, BELL, last + 1, leaving, _PATIENCE)
            leaving = False
            with self._lock:
                if self.closed:
                    return
                call, number = self._call, int(self._state[CALL])
                if call is None or number == last:
                    call = None
                    last = number
                    if not rung:
                        sleep = threading.Lock()
                        sleep.acquire()
                        self._asleep.append(sleep)
                else:
                    last = number
                    self._entered += 1
                    leaving = True
            if call is not None:
                self._take_part(call)
                del call
            elif not rung:
                sleep.acquire()

    def _take_part(self, call: _Call) -> None:
        try:
            call.kernel(self._state, call.jobs, *call.arguments, *workspace.scratch(call.scratch))
        except BaseException as error:
            self._error = error

    def close(self) -> None:
        """End the helpers, when they have done what they are doing."""
        with self._lock:
            self.closed = True
            asleep, self._asleep = self._asleep, []
        for sleeper in asleep:
            sleeper.release()
        for helper in self._helpers:
            helper.join()


def alone(kernel: Callable[..., Any], jobs: int, arguments: Any, scratch: Any) -> None:
    """Run a kernel without helpers."""
    kernel(np.zeros(SIZE, np.int64), jobs, *arguments, *workspace.scratch(scratch))
