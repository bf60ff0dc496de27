"""How threads share a kernel's jobs: by an array of a few numbers that all of them may change at once.

Each number has a cache line of its own, so that those who watch one do not slow down those who change another.
"""

from __future__ import annotations

from .atomic import fetch_add, pause, read, step_aside, write
from .jit import called, compiled

NEXT = 0  # the first job that nobody has taken
CALL = 8  # the number of the call
BELL = 16  # the number of the last call that has begun
LEFT = 24  # how many helpers have left the call
SIZE = 32  # of the array

_AWAKE = 4_000  # looks before a thread lets others have the processor


@called
def taken(state, jobs):
    """The jobs that fall to this thread, one at a time, until all are taken.

    It rings the bell first: by then its thread has let go of the GIL, which a helper needs for a moment before it can
    follow.
    """
    write(state, BELL, read(state, CALL))
    job = fetch_add(state, NEXT, 1)
    while job < jobs:
        yield job
        job = fetch_add(state, NEXT, 1)


@compiled
def wait(state, place, value, leaving, patience):
    """Look at a number until it is at least `value`, and tell whether it became so; a helper may be `leaving` a call.

    After a while it looks less often, and lets other threads have the processor in between.
    """
    if leaving:
        fetch_add(state, LEFT, 1)
    for look in range(patience):
        if read(state, place) >= value:
            return True
        pause()
        if look > _AWAKE and look % 16 == 0:
            step_aside()
    return False
