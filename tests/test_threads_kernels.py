"""Kernels and threads: the same bits for any number of them, whoever calls, and after a fork."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.kernels import team, threads
from tapegrad.kernels.jobs import BELL, CALL, NEXT

RNG = np.random.default_rng(0)
CASES = {
    # Enough work each for several threads.
    "convolution": ((6, 24, 24, 16), (3, 3, 16, 40), {}),
    "strides": ((4, 40, 40, 16), (5, 5, 16, 24), {"strides": 2}),
    "few channels": ((6, 40, 40, 2), (5, 5, 2, 32), {}),
    "every pixel by itself": ((6, 24, 24, 64), (1, 1, 64, 64), {}),
    "groups": ((6, 24, 24, 24), (3, 3, 12, 32), {"groups": 2}),
    "depthwise": ((6, 40, 40, 24), (3, 3, 1, 24), {"groups": 24}),
}


def computed(shape: tuple[int, ...], filters_shape: tuple[int, ...], options: dict[str, Any]) -> list[np.ndarray]:
    """A convolution of numbers whose sums round, and both gradients."""
    rng = np.random.default_rng(1)
    x, filters = (rng.standard_normal(s, np.float32) for s in (shape, filters_shape))
    y, pullback = tg.vjp(lambda x, filters: tg.conv2d(x, filters, **options), x, filters)
    return [y, *pullback(rng.standard_normal(y.shape, np.float32))]


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    count = tg.get_num_threads()
    yield
    tg.set_num_threads(count)


def run_python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# --------------------------------------------------------------------------------------------------
# The bits of results


@pytest.mark.parametrize("name", CASES)
def test_results_have_the_same_bits_for_any_number_of_threads(name, monkeypatch):
    taken_part = set()
    take_part = team.Team._take_part
    monkeypatch.setattr(team.Team, "_take_part", lambda me, call: taken_part.add(me._count) or take_part(me, call))
    results = []
    for count in (1, 2, 3, 7):
        tg.set_num_threads(count)
        for _ in range(100):  # a helper may come too late
            results.append([a.tobytes() for a in computed(*CASES[name])])
            if count - 1 in (0, *taken_part):
                break
    assert taken_part == {1, 2, 6}
    assert all(result == results[0] for result in results)


def test_many_threads_may_call_at_once():
    tg.set_num_threads(3)
    expected = {name: [a.tobytes() for a in computed(*case)] for name, case in CASES.items()}
    gate = threading.Barrier(6)

    def work(i: int) -> list[str]:
        names = [*CASES][i:] + [*CASES][:i]
        gate.wait()
        return [name for name in names if [a.tobytes() for a in computed(*CASES[name])] != expected[name]]

    with ThreadPoolExecutor(6) as pool:
        assert [wrong for several in pool.map(work, range(6)) for wrong in several] == []


def test_the_number_of_threads_may_change_while_others_compute():
    expected = [a.tobytes() for a in computed(*CASES["convolution"])]
    stop = threading.Event()

    def change() -> None:
        count = 0
        while not stop.is_set():
            tg.set_num_threads(1 + count % 4)
            count += 1
            time.sleep(0.0005)

    changer = threading.Thread(target=change)
    changer.start()
    try:
        for _ in range(20):
            assert [a.tobytes() for a in computed(*CASES["convolution"])] == expected
    finally:
        stop.set()
        changer.join()


# --------------------------------------------------------------------------------------------------
# How jobs are handed out


def shared(of_job: Any) -> Any:
    """A kernel in Python, which takes jobs as `jobs.taken` does."""
    lock = threading.Lock()

    def kernel(state: Any, jobs: int, *arguments: Any) -> None:
        while True:
            with lock:
                state[BELL] = state[CALL]
                job = int(state[NEXT])
                state[NEXT] += 1
            if job >= jobs:
                return
            of_job(job, *arguments)

    return kernel


class Recorder:
    """In the place of a kernel: notes which jobs it was given, by which threads, with what arrays to work in."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.jobs: list[int] = []
        self.by: set[int] = set()
        self.owners: dict[int, set[int]] = {}
        self.seconds = seconds

    def __call__(self, job: int, *arguments: Any) -> None:
        time.sleep(self.seconds)
        me = threading.get_ident()
        self.by.add(me)
        for array in arguments:
            if isinstance(array, np.ndarray):
                self.owners.setdefault(array.ctypes.data, set()).add(me)
        self.jobs.append(job)


@pytest.mark.parametrize("count", [1, 2, 3, 16])
@pytest.mark.parametrize("jobs", [0, 1, 2, 3, 7, 8, 9, 100])
def test_every_job_is_done_once(jobs, count):
    tg.set_num_threads(count)
    recorder = Recorder()
    threads.run(shared(recorder), jobs)
    assert sorted(recorder.jobs) == list(range(jobs))


def test_threads_share_the_jobs_and_nothing_to_work_in():
    tg.set_num_threads(3)
    recorder = Recorder(0.01)
    threads.run(shared(recorder), 60, scratch=[(10, np.float32), (20, np.intp)])
    assert len(recorder.by) == 3
    assert len(recorder.owners) == 6
    assert all(len(users) == 1 for users in recorder.owners.values())


def test_little_work_is_done_by_the_caller():
    tg.set_num_threads(3)
    recorder = Recorder()
    threads.run(shared(recorder), 60, scratch=[(10, np.float32)], parallel=False)
    assert recorder.by == {threading.get_ident()}
    assert sorted(recorder.jobs) == list(range(60))


@pytest.mark.parametrize("in_helper", [False, True])
def test_an_error_in_any_thread_reaches_the_caller(in_helper):
    tg.set_num_threads(2)
    caller = threading.get_ident()

    def kernel(job: int) -> None:
        time.sleep(0.01)
        if (threading.get_ident() != caller) is in_helper:
            raise MemoryError("no more")

    with pytest.raises(MemoryError, match="no more"):
        threads.run(shared(kernel), 60)
    recorder = Recorder()
    threads.run(shared(recorder), 60)
    assert sorted(recorder.jobs) == list(range(60))


def test_callers_whose_helpers_are_busy_do_their_jobs_themselves():
    tg.set_num_threads(2)
    release, held = threading.Event(), threading.Semaphore(0)

    def holding(job: int) -> None:
        held.release()
        release.wait()

    others = [threading.Thread(target=threads.run, args=(shared(holding), 2)) for _ in range(3)]
    for other in others:
        other.start()
    for _ in range(4):  # the three, and the one that helps
        assert held.acquire(timeout=60)
    try:
        recorder = Recorder()
        caller = threading.Thread(target=threads.run, args=(shared(recorder), 50))
        caller.start()
        caller.join(30)
        assert not caller.is_alive()
        assert sorted(recorder.jobs) == list(range(50))
        assert recorder.by == {caller.ident}
    finally:
        release.set()
        for other in others:
            other.join()


def test_where_no_thread_can_be_started_the_caller_works_alone(monkeypatch):
    tg.set_num_threads(3)
    monkeypatch.setattr(threading.Thread, "start", lambda self: (_ for _ in ()).throw(RuntimeError("can't start new")))
    recorder = Recorder()
    threads.run(shared(recorder), 50)
    assert sorted(recorder.jobs) == list(range(50))


def test_a_call_leaves_nothing_behind_in_its_helpers():
    """Neither its arguments, which may be large, nor a thread when the number changes."""
    tg.set_num_threads(3)
    recorder = Recorder(0.01)
    array = np.zeros(10)
    gone = weakref.ref(array)
    threads.run(shared(recorder), 60, array)
    assert len(recorder.by) == 3
    del array
    assert gone() is None
    tg.set_num_threads(2)
    assert not [thread for thread in threading.enumerate() if thread.name == "tapegrad"]


def test_after_an_interrupt_in_between_the_helpers_are_others(monkeypatch):
    """Those of the interrupted call may still be at work on it, and must not take another call's jobs for theirs."""
    tg.set_num_threads(2)
    recorder = Recorder(0.01)
    threads.run(shared(recorder), 20)
    first = threads._team
    with monkeypatch.context() as patched:
        patched.setattr(first, "_finish", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            threads.run(shared(Recorder(0.01)), 20)
    for _ in range(2):
        recorder = Recorder(0.01)
        threads.run(shared(recorder), 20)
        assert sorted(recorder.jobs) == list(range(20))
    assert threads._team is not first
    assert len(recorder.by) == 2


def test_helpers_that_fell_asleep_wake_up_again():
    tg.set_num_threads(3)
    for _ in range(3):
        recorder = Recorder(0.01)
        threads.run(shared(recorder), 60)
        assert len(recorder.by) == 3
        time.sleep(0.1)  # longer than they stay awake


# --------------------------------------------------------------------------------------------------
# Settings


def test_the_number_can_be_asked_and_set():
    tg.set_num_threads(np.int64(3))
    assert tg.get_num_threads() == 3
    assert type(tg.get_num_threads()) is int


@pytest.mark.parametrize("count", [0, -1, 1.5, "2", None])
def test_numbers_of_threads_that_are_none_are_refused(count):
    before = tg.get_num_threads()
    with pytest.raises(ValueError, match=r"^set_num_threads: expected a positive integer, got "):
        tg.set_num_threads(count)
    assert tg.get_num_threads() == before


ASK = "import tapegrad as tg; print(tg.get_num_threads())"


def test_the_environment_sets_the_number():
    assert run_python(ASK, TAPEGRAD_NUM_THREADS="3") == "3"


@pytest.mark.parametrize("value", ["0", "-1", "two", "", "1.5"])
def test_an_environment_that_sets_no_number_is_told_so(value):
    with pytest.raises(AssertionError, match=f"TAPEGRAD_NUM_THREADS: expected a positive integer, got '{value}'"):
        run_python(ASK, TAPEGRAD_NUM_THREADS=value)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not bind processes to processors")
def test_by_default_there_are_as_many_as_processors_for_this_process():
    code = f"import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); {ASK}"
    environment = {name: value for name, value in os.environ.items() if name != "TAPEGRAD_NUM_THREADS"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


def test_asking_imports_no_numba():
    assert run_python(f"{ASK}; import sys; print('numba' in sys.modules)").split()[-1] == "False"


# --------------------------------------------------------------------------------------------------
# Fork, and the end of the process

PRELUDE = """
import os, sys, threading, warnings
import numpy as np
import tapegrad as tg
tg.set_num_threads(3)
rng = np.random.default_rng(0)
x, filters = rng.standard_normal((6, 24, 24, 16), np.float32), rng.standard_normal((3, 3, 16, 40), np.float32)

def computed():
    y, pullback = tg.vjp(tg.conv2d, x, filters)
    return b"".join(a.tobytes() for a in (y, *pullback(np.cos(y))))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("busy", [False, True])
def test_a_child_computes_what_its_parent_does(busy):
    code = """
    expected = computed()
    stop = False

    def others():
        while not stop:
            computed()

    thread = threading.Thread(target=others)
    if BUSY:
        thread.start()
    children = []
    for _ in range(3):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside threads, which is what is tried here
            child = os.fork()
        if child == 0:
            os._exit(7 if computed() == expected and tg.get_num_threads() == 3 else 1)
        children.append(child)
    print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
    stop = True
    assert computed() == expected
    """
    assert run_python(PRELUDE + textwrap.dedent(code).replace("BUSY", str(busy))) == "[7, 7, 7]"


def test_kernels_run_until_the_very_end_of_the_process():
    """At exit Python refuses to start threads."""
    code = """
    import atexit
    expected = computed()
    atexit.register(lambda: print(computed() == expected))
    """
    assert run_python(PRELUDE + textwrap.dedent(code)) == "True"
