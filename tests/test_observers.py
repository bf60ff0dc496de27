"""What observers are told, and that watching changes neither values nor what runs when nobody watches."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import numpy as np
import pytest

import tapegrad as tg
from tapegrad._tape import Observer, everyone, mode, observed


class Diary(Observer):
    """Writes down every event, in order."""

    def __init__(self):
        self.events = []

    def called(self, op, arguments, params, out, seconds):
        assert seconds >= 0
        self.events.append(("called", op.name, len(arguments), out.shape))

    def recorded(self, entry, tensor):
        assert entry.shape == tensor.shape
        self.events.append(("recorded", entry.op and entry.op.name))

    def reached(self, entry, g):
        assert np.shape(g) == entry.shape
        self.events.append(("reached", entry.op and entry.op.name, np.sum(g).item()))

    def differentiated(self, entry, index, g, gradient, seconds):
        assert np.shape(g) == entry.shape
        assert gradient.dtype == entry.parents[index].dtype
        assert seconds >= 0
        self.events.append(("differentiated", entry.op.name, index))


def told(run):
    diary = Diary()
    with observed(diary):
        run()
    return diary.events


def test_events_come_in_the_order_in_which_things_happen():
    def run():
        x = tg.tensor([1.0, 2.0], requires_grad=True)
        (x * np.array([3.0, 4.0], np.float32)).sum().backward()

    assert told(run) == [
        ("recorded", None),
        ("called", "multiply", 2, (2,)),
        ("recorded", "multiply"),
        ("called", "sum", 1, ()),
        ("recorded", "sum"),
        ("reached", "sum", 1.0),
        ("differentiated", "sum", 0),
        ("reached", "multiply", 2.0),
        ("differentiated", "multiply", 0),
        ("reached", None, 7.0),
    ]


def test_an_op_that_is_not_recorded_is_called_all_the_same():
    def run():
        with tg.no_grad():
            x * 2
        np.floor(x)
        tg.ones(2) + 1

    x = tg.ones(2, requires_grad=True)
    assert told(run) == [("called", name, n, (2,)) for name, n in [("multiply", 2), ("floor", 1), ("add", 2)]]


def test_plain_arrays_are_nobodys_business():
    assert told(lambda: tg.exp(np.ones(2))) == []


def test_a_transform_tells_of_its_argument_and_of_the_gradient_there():
    events = told(lambda: tg.grad(lambda x: x * x)(3.0))
    assert events[0] == ("recorded", "input")
    assert events[-1] == ("reached", "input", 6.0)
    assert ("called", "multiply", 2, ()) in events


def test_ops_of_many_arguments_tell_of_each():
    x = tg.ones(2, requires_grad=True)
    events = told(lambda: tg.stack([x, x, x]).backward(np.ones((3, 2))))
    assert [e for e in events if e[0] == "differentiated"] == [("differentiated", "stack", i) for i in range(3)]


def test_rules_that_are_recorded_tell_of_their_ops():
    x = tg.ones(2, requires_grad=True)
    events = told(lambda: np.exp(x).sum().backward(create_graph=True))
    assert ("called", "multiply", 2, (2,)) in events  # exp's rule: g * out
    assert events.index(("called", "multiply", 2, (2,))) < events.index(("differentiated", "exp", 0))


def test_only_rules_that_are_asked_for_are_told_of():
    x = tg.ones(2, requires_grad=True)
    y = x * 3
    z = tg.ones(2, requires_grad=True) * y
    events = told(lambda: tg.vjp(lambda y: (y * z).sum(), np.ones(2))[1](1.0))
    assert [e for e in events if e[0] == "differentiated"] == [
        ("differentiated", "sum", 0),
        ("differentiated", "multiply", 0),
    ]


def model(w, v):
    h = np.tanh(np.arange(12.0).reshape(4, 3) @ w)
    return (tg.concat([h[0], h[1], h[:2].sum(axis=0)]) * v).sum() + (h[2] @ h[3]) + h[2:, 0].mean()


def gradients():
    rng = np.random.default_rng(5)
    w = tg.tensor(rng.normal(size=(3, 2)), requires_grad=True)
    v = tg.tensor(rng.normal(size=6), requires_grad=True)
    y = model(w, v)
    y.backward(create_graph=True)
    first = w.grad.numpy()
    (w.grad * w.grad).sum().backward()
    return y.item(), first, w.grad.numpy(), v.grad.numpy()


WATCHING = [tg.debug, tg.detect_nan, tg.keep_gradients, tg.profile]


@pytest.mark.parametrize("contexts", [[c] for c in WATCHING] + [WATCHING, WATCHING[::-1]], ids=lambda cs: str(len(cs)))
def test_watching_changes_no_bit(contexts):
    plain = gradients()
    with ExitStack() as stack:
        for context in contexts:
            stack.enter_context(context())
        watched = gradients()
    for a, b in zip(plain, watched, strict=True):
        np.testing.assert_array_equal(a, b)


def test_watchers_nest_and_leave_in_any_order():
    a, b = Diary(), Diary()
    first, second = observed(a), observed(b)
    x = tg.ones(1, requires_grad=True)
    first.__enter__()
    second.__enter__()
    x + 1
    first.__exit__(None, None, None)
    x + 1
    second.__exit__(None, None, None)
    x + 1
    assert (len(a.events), len(b.events)) == (2, 4)
    assert mode.observers == ()


def test_when_the_last_watcher_is_gone_everybody_records_as_usual():
    assert everyone.usual
    with tg.debug():
        assert not everyone.usual
        with tg.no_grad():
            pass
    assert everyone.usual


def test_each_thread_is_watched_by_its_own_watchers():
    results = {}
    barrier = threading.Barrier(4)

    def work(number):
        x = tg.tensor(float(number), requires_grad=True)
        diary = Diary()
        barrier.wait()
        with observed(diary):
            for _ in range(number):
                x = x * 1.0
            x.backward()
        results[number] = [event[0] for event in diary.events]

    threads = [threading.Thread(target=work, args=(n,)) for n in (5, 50, 500, 1000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, events in results.items():
        assert events == ["called", "recorded"] * number + ["reached", "differentiated"] * number + ["reached"]
    assert everyone.usual
