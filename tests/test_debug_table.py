"""show_tape and tape: the lines of the table, its numbers, and what it leaves out."""

from __future__ import annotations

import gc
import inspect
import re
import sys
import threading

import numpy as np
import pytest

import tapegrad as tg


def shown(capsys, y):
    """The printed table: its rows as lists of cells, and the sentences under it."""
    assert tg.show_tape(y) is None
    return split(capsys.readouterr().out)


def split(text):
    lines = text.splitlines()
    rows = [line for line in lines if re.match(r" *(#|\d+)  ", line)]
    cells = [re.split(r" {2,}", line.strip()) for line in rows]
    return cells, [line for line in lines if line not in rows]


@pytest.fixture
def model():
    """A layer whose data are a constant."""
    w = tg.zeros((3, 2), requires_grad=True)
    b = tg.zeros(2, requires_grad=True)
    return tg.relu(np.ones((4, 3), np.float32) @ w + b).sum(axis=0), w, b


def test_each_line_tells_its_op_arguments_result_and_bytes(capsys, model):
    rows, notes = shown(capsys, model[0])
    assert rows == [
        ["#", "op", "arguments", "result", "bytes kept"],
        ["1", "leaf", "(3, 2)"],
        ["2", "leaf", "(2,)"],
        ["3", "matmul", "constant (4, 3), #1 (3, 2)", "(4, 2)", "48"],  # the data, for the gradient of w
        ["4", "add", "#3 (4, 2), #2 (2,)", "(4, 2)", "0"],
        ["5", "relu", "#4 (4, 2)", "(4, 2)", "32"],  # its result
        ["6", "sum(axis=0)", "#5 (4, 2)", "(2,)", "0"],
    ]
    assert notes == ["4 ops from 2 leaves; 80 bytes kept, with arrays that several share counted once"]


def test_the_columns_stand_under_each_other(capsys, model):
    tg.show_tape(model[0])
    header, *lines = capsys.readouterr().out.splitlines()[:-1]
    for title, first in [("op", "leaf"), ("result", "(3, 2)")]:
        assert header.index(title) == lines[0].index(first)
    assert header.index("arguments") == lines[2].index("constant")
    assert len(header) == len(lines[2]) == len(lines[5])  # the last column is aligned at the right
    assert max(map(len, [header, *lines])) == len(header)


def test_a_dtype_is_told_where_it_is_not_the_default_one(capsys):
    x = tg.tensor(np.ones(2), requires_grad=True)
    rows, _ = shown(capsys, x.astype(np.float32))
    assert rows[1:] == [["1", "leaf", "(2,) float64"], ["2", "astype(dtype=float32)", "#1 (2,)", "(2,)", "0"]]


@pytest.mark.parametrize(
    ("run", "call"),
    [
        (lambda x: x.sum(), "sum"),
        (lambda x: x.sum(axis=(0, 1), keepdims=True), "sum(axis=(0, 1), keepdims=True)"),
        (lambda x: x[1], "getitem(key=1)"),
        (lambda x: x[1:, ::2], "getitem(key=(1:, ::2))"),
        (lambda x: x[..., None], "getitem(key=(..., None))"),
        (lambda x: x[np.array([0, 1])], "getitem(key=int64 (2,))"),
        (lambda x: x.reshape(6), "reshape(shape=6)"),
        (lambda x: x.reshape((6,)), "reshape(shape=(6,))"),
        (lambda x: tg.einsum("ij->j", x), "einsum(terms=['ij'], result='j')"),
        (lambda x: tg.roll(x, 1), "roll(shift=1)"),
        (lambda x: x.astype(np.dtype("float16")), "astype(dtype=float16)"),
        (tg.primitive(lambda x, *, by: by(x), lambda g: g, name="apply"), "apply(by=positive)"),
        (tg.primitive(lambda x, *, note: x, lambda g: g, name="long"), "long(note='" + 31 * "a" + "...)"),
    ],
)
def test_parameters_are_told_in_few_characters(capsys, run, call):
    x = tg.zeros((2, 3), requires_grad=True)
    params = {"apply": {"by": np.positive}, "long": {"note": 99 * "a"}}.get(getattr(run, "__name__", ""), {})
    assert shown(capsys, run(x, **params))[0][2][1] == call


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (3, "3"),
        (0.1, "0.1"),
        (True, "True"),
        (np.float32(2.5), "2.5"),
        (np.array(7), "7"),
        (np.ones(2), "constant (2,)"),
    ],
)
def test_constants_tell_their_value_or_shape(capsys, value, told):
    x = tg.ones(2, requires_grad=True)
    assert shown(capsys, x * value)[0][2][2] == f"#1 (2,), {told}"


def test_a_constant_that_no_rule_needs_is_not_kept_and_so_not_told(capsys):
    x = tg.ones(2, requires_grad=True)
    assert shown(capsys, x + 7)[0][2][2:] == ["#1 (2,), constant", "(2,)", "0"]


def test_an_array_that_two_entries_keep_counts_once_in_the_sum(capsys):
    x = tg.ones(5, dtype=np.float64, requires_grad=True)
    y = np.exp(x)
    rows, (summary,) = shown(capsys, y * y)
    assert [row[-1] for row in rows[2:]] == ["40", "40"]  # the result of exp, which is both factors too
    assert "; 40 bytes kept" in summary


def test_a_view_keeps_all_of_its_memory(capsys):
    whole = np.ones((100, 3))
    x = tg.ones(3, dtype=np.float64, requires_grad=True)
    rows, (summary,) = shown(capsys, x * whole[0] * whole[1])
    assert [row[-1] for row in rows[2:]] == ["2,400", "2,400"]
    assert "; 2,400 bytes kept" in summary


def test_parameters_count_among_what_is_kept(capsys):
    logits = tg.zeros((4, 3), requires_grad=True)
    labels = np.zeros(4, np.int64)
    rows, _ = shown(capsys, tg.softmax_cross_entropy(logits, labels))
    assert rows[2][-1] == str(4 * 3 * 4 + 4 * 4 + 4 * 8)  # logits, result, labels


def test_a_released_graph_says_so(capsys, model):
    y, *_ = model
    z = y.sum() * 2
    y.sum().backward()
    rows, notes = shown(capsys, z)
    assert [row[-1] for row in rows[3:7]] == ["released"] * 4
    assert rows[3][2] == "constant, #1 (3, 2)"
    assert rows[7][-1] == "0"  # this sum has not been walked through
    assert "released 4 ops" in notes[1]
    assert "retain_graph=True" in notes[1]


def test_a_kept_graph_does_not(capsys, model):
    model[0].sum().backward(retain_graph=True)
    assert "released" not in str(shown(capsys, model[0]))


def test_without_a_record_it_says_why(capsys):
    tg.show_tape(tg.ones(3) * 2)
    assert capsys.readouterr().out.startswith("nothing was recorded for this tensor: ")


def test_only_tensors_have_a_tape():
    with pytest.raises(TypeError, match="show_tape: expected a Tensor, got ndarray"):
        tg.show_tape(np.ones(3))


def test_debug_mode_adds_the_users_line(capsys):
    with tg.debug():
        line = inspect.currentframe().f_lineno
        x = tg.ones(2, requires_grad=True)
        y = np.exp(x)
    rows, _ = shown(capsys, y + 1)
    assert rows[0][-1] == "called at"
    assert rows[1][-1].endswith(f"test_debug_table.py:{line + 1}")
    assert rows[2][-1].endswith(f"test_debug_table.py:{line + 2}")
    assert rows[3][-1] == "0"  # recorded outside of the block


def test_files_below_the_working_directory_are_told_from_there(capsys, monkeypatch):
    monkeypatch.chdir(__file__.rpartition("tests")[0])
    with tg.debug():
        x = tg.ones(2, requires_grad=True)
    assert shown(capsys, x)[0][1][-1].startswith("tests")


def chain(length):
    x = tg.tensor(1.0, requires_grad=True)
    for _ in range(length):
        x = x * -1
    return x


def test_the_middle_of_a_long_tape_is_left_out(capsys):
    rows, notes = shown(capsys, chain(3 * sys.getrecursionlimit()))
    count = 3 * sys.getrecursionlimit() + 1
    numbers = [int(row[0]) for row in rows[1:]]
    assert numbers == [*range(1, 21), *range(count - 19, count + 1)]
    assert rows[-1][2] == f"#{count - 1} (), -1"
    assert notes[0] == f"... {count - 40:,} lines more ..."
    assert notes[1].startswith(f"{count - 1:,} ops from 1 leaf; ")


def test_a_tape_that_just_fits_is_shown_as_a_whole(capsys):
    assert len(shown(capsys, chain(40))[0]) == 42
    assert len(shown(capsys, chain(41))[0]) == 41


@pytest.mark.slow
def test_a_million_entries(capsys):
    rows, _ = shown(capsys, chain(1_000_000))
    assert rows[-1][0] == "1000001"


# What is alive


def test_the_tape_has_what_is_alive_and_nothing_else():
    gc.collect()
    before = len(tg.tape)
    x = tg.ones(3, requires_grad=True)
    y = np.exp(x).sum()
    assert len(tg.tape) == before + 3
    assert [entry.op and entry.op.name for entry in tg.tape][-3:] == [None, "exp", "sum"]
    serials = [entry.serial for entry in tg.tape]
    assert serials == sorted(serials)
    del y
    assert len(tg.tape) == before + 1  # exp's result was held by y's entry alone
    del x
    assert len(tg.tape) == before


def test_the_tape_prints_as_the_table():
    x = tg.ones((7, 1, 3), requires_grad=True)
    np.exp(x)
    y = np.exp(x)
    rows, _ = split(repr(tg.tape))
    assert rows[-1][1:] == ["exp", f"#{len(tg.tape) - 1} (7, 1, 3)", "(7, 1, 3)", "84"]
    assert int(rows[-1][0]) == len(tg.tape)
    del y


def test_entries_of_other_threads_are_on_the_tape_too():
    made = []
    thread = threading.Thread(target=lambda: made.append(tg.ones(1, requires_grad=True) * 2))
    thread.start()
    thread.join()
    assert made[0]._entry in set(tg.tape)


def test_an_empty_tape_says_so(monkeypatch):
    monkeypatch.setattr(gc, "get_objects", list)
    assert len(tg.tape) == 0
    assert repr(tg.tape) == "the tape is empty: nothing that was recorded is alive"


def test_no_module_hides_the_objects_of_the_same_name():
    import tapegrad.debug  # which must not put the package in the place of the context manager

    with tapegrad.debug():
        pass
    with pytest.raises(ModuleNotFoundError):
        __import__("tapegrad.tape")
    assert type(tg.tape).__name__ == "Tape"


def test_an_entry_shows_itself_in_one_line():
    x = tg.ones((2, 3), requires_grad=True)
    y = x + np.ones(3)
    assert re.fullmatch(r"<entry \d+: leaf \(2, 3\)>", repr(x._entry))
    assert re.fullmatch(r"<entry \d+: add of \(2, 3\), constant -> \(2, 3\)>", repr(y._entry))
