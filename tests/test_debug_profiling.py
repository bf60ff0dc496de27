"""profile(): calls, times and bytes. Time is a clock of ours, which ops advance by what they should cost."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import _tape
from tapegrad.debug import profiling


class Clock:
    """A clock that goes only when told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def after(self, seconds, value):
        self.now += seconds
        return value


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(_tape, "perf_counter", clock)
    monkeypatch.setattr(profiling, "perf_counter", clock)
    return clock


@pytest.fixture
def slow(clock):
    """An op that takes 2 s, and 3 s backward."""
    return tg.primitive(lambda x: clock.after(2.0, x + 0), lambda g: clock.after(3.0, g * 1), name="slow")


def leaf(n=100):
    return tg.ones(n, dtype=np.float64, requires_grad=True)


def test_time_and_calls_are_told_by_op_and_direction(clock, slow, capsys):
    quick = tg.primitive(lambda x: clock.after(0.5, x + 0), lambda g: clock.after(0.25, g * 1), name="quick")
    with tg.profile() as p:
        y = slow(quick(quick(leaf())))
        clock.after(4.0, None)
        y.backward(np.ones(100))
    assert p.forward == {"slow": (1, 2.0, 800), "quick": (2, 1.0, 1600)}
    assert p.backward == {"slow": (1, 3.0, 800), "quick": (2, 0.5, 1600)}
    assert p.seconds == 2 + 3 + 1 + 0.5 + 4
    printed = capsys.readouterr().out
    assert printed == f"{p!r}\n"
    header, titles, rule, first, second, rule_again, total, end = printed.splitlines()
    assert header.split() == ["forward", "backward"]
    assert titles.split() == ["op", *["calls", "ms", "bytes", "made"] * 2, "share"]
    assert set(rule) == set(rule_again) == {"-"}
    assert first.split() == ["slow", "1", "2,000.00", "800", "1", "3,000.00", "800", "76.9%"]
    assert second.split() == ["quick", "2", "1,000.00", "1,600", "2", "500.00", "1,600", "23.1%"]
    assert total.split() == ["total", "3", "3,000.00", "2,400", "3", "3,500.00", "2,400", "100.0%"]
    assert end == "The block took 10,500.00 ms, 4,000.00 ms of it outside of these ops."
    p.show()
    assert capsys.readouterr().out == printed


def test_an_op_inside_of_a_rule_is_not_counted_twice(clock, slow):
    outer = tg.primitive(lambda x: clock.after(1.0, x + 0), lambda g: clock.after(0.5, slow(g)), name="outer")
    x = leaf()
    with tg.profile() as p:
        outer(x).sum().backward(create_graph=True)
    assert (p.forward["outer"].seconds, p.backward["outer"].seconds) == (1.0, 0.5)
    assert (p.forward["slow"].seconds, p.forward["slow"].calls) == (2.0, 1)
    costs = [*p.forward.values(), *p.backward.values()]
    assert sum(cost.seconds for cost in costs) == p.seconds == 3.5


def test_what_a_checkpoint_recomputes_is_counted_where_it_belongs(slow):
    x = leaf()
    with tg.profile() as p:
        tg.checkpoint(lambda x: slow(slow(x)))(x).sum().backward()
    assert p.forward["slow"] == (4, 8.0, 4 * 800)
    assert p.backward["slow"] == (2, 6.0, 2 * 800)
    assert p.backward["checkpoint"].seconds == 0.0
    assert "\ncheckpoint " in repr(p)  # which has no forward of its own
    assert p.backward["checkpoint"].calls == 1


def test_an_op_that_fails_inside_of_another_does_not_upset_the_times(clock, slow):
    def fail(x):
        clock.now += 7.0
        raise KeyError

    failing = tg.primitive(fail, lambda g: g, name="failing")

    def rule(g):
        try:
            failing(g)
        except KeyError:
            return clock.after(0.5, g * 1)

    outer = tg.primitive(lambda x: x + 0, rule, name="outer")
    with tg.profile() as p:
        outer(slow(leaf())).sum().backward(create_graph=True)
    assert (p.forward["outer"].seconds, p.backward["outer"].seconds) == (0.0, 0.5)
    assert (p.forward["slow"].seconds, p.backward["slow"].seconds) == (2.0, 3.0)
    assert "failing" not in p.forward


def test_the_time_of_other_observers_is_nobodys(clock, slow):
    class Dawdler(_tape.Observer):
        def called(self, *_):
            clock.now += 10.0

    outer = tg.primitive(lambda x: x + 0, lambda g: slow(g), name="outer")
    with _tape.observed(Dawdler()), tg.profile() as p:
        outer(leaf()).sum().backward(create_graph=True)
    assert p.backward["outer"].seconds == 0.0
    assert p.forward["slow"].seconds == 2.0


def test_blocks_may_nest(slow):
    with tg.profile() as whole:
        y = slow(leaf())
        with tg.profile() as part:
            y = slow(y)
        slow(y)
    assert (whole.forward["slow"].calls, part.forward["slow"].calls) == (3, 1)
    assert (whole.seconds, part.seconds) == (6.0, 2.0)


@pytest.mark.parametrize(
    ("run", "name", "forward", "backward"),
    [
        (lambda x: x + 1, "add", 800, 0),  # the gradient is handed on
        (lambda x: x + np.ones((3, 1)), "add", 2400, 800),  # summed over what was broadcast
        (lambda x: x.reshape(10, 10), "reshape", 0, 0),  # views
        (lambda x: x[::2], "getitem", 0, 800),  # zeros of x's shape
        (lambda x: tg.broadcast_to(x, (50, 100)), "broadcast_to", 0, 800),
        (lambda x: np.exp(x), "exp", 800, 800),
        (lambda x: x.astype(np.float32), "astype", 400, 800),
        (lambda x: x.sum(), "sum", 8, None),
        (lambda x: tg.concat([x, x]), "concat", 1600, 0),
        (lambda x: tg.einsum("i,i->i", x, x), "einsum", 800, 1600),
        (tg.primitive(lambda x: (x + 0)[::2], lambda g, x: x, name="half"), "half", 800, 0),
    ],
)
def test_bytes_are_those_of_new_arrays(run, name, forward, backward):
    x = leaf()
    with tg.profile() as p:
        y = run(x)
        y.backward(np.ones(y.shape))
    assert p.forward[name].bytes == forward
    if backward is not None:
        assert p.backward[name].bytes == backward


def test_a_gradient_that_is_added_in_place_makes_no_bytes():
    x = leaf()
    with tg.profile() as p:
        y = x[0] + x[1] + x[2] + x[3]
        y.backward()
    assert p.backward["getitem"].calls == 4
    assert p.backward["getitem"].bytes == 800  # the others add to that of the first


def test_python_numbers_are_measured():
    with tg.profile() as p:
        tg.grad(lambda x: x * x)(3.0)
    assert (p.forward["multiply"].calls, p.backward["multiply"].calls) == (1, 2)


def test_ops_that_are_not_recorded_are_measured():
    with tg.profile() as p, tg.no_grad():
        np.exp(leaf())
    assert p.forward["exp"].calls == 1


def test_the_table_comes_also_when_the_block_fails(capsys):
    with pytest.raises(IndexError), tg.profile():
        np.exp(leaf(2))[5]
    assert "exp" in capsys.readouterr().out


def test_without_an_op_there_is_no_table(capsys):
    with tg.profile():
        tg.exp(np.ones(2))
    assert capsys.readouterr().out == "no op ran on a Tensor in this thread\n"


def test_other_threads_are_not_measured():
    x = leaf()
    with tg.profile() as p:
        thread = threading.Thread(target=lambda: np.exp(x))
        thread.start()
        thread.join()
    assert p.forward == {}


def test_real_time_passes():
    with tg.profile() as p:
        np.exp(leaf()).sum().backward()
    assert 0 < p.forward["exp"].seconds < p.seconds
    assert 0 < p.backward["sum"].seconds < p.seconds
