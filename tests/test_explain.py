"""Programs as text and as pictures: what passes did, which memory results take, and names of any kind."""

from __future__ import annotations

import gc
import re
import shutil
import subprocess
import sys
import tracemalloc
import weakref
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tapegrad as tg
from tapegrad import nn
from tapegrad.static import trace
from tapegrad.static.memory import Memory
from tapegrad.static.products import product_op
from tapegrad.static.replay import Replay

HERE = r"\S*test_explain\.py:\d+"


def sections(text: str) -> dict[str, list[str]]:
    """The indented lines under each line before the empty one."""
    found: dict[str, list[str]] = {}
    last = ""
    for line in text.partition("\n\n")[0].splitlines():
        if line.startswith(" "):
            found[last].append(line.strip())
        else:
            last = line
            found[last] = []
    return found


def entry_lines(text: str) -> dict[str, str]:
    """The lines of entries of the program that is left, by the names of their variables."""
    listing = text.partition("\n\n")[2].splitlines()
    return {line.split(" ", 1)[0]: line for line in listing if re.match(r"%\d+ = .*\[.*alive.*\]$", line)}


# What the passes did


def example(x: Any) -> Any:
    y = x * np.exp(tg.asarray(np.zeros(2)))  # which is known to be 1
    z = np.tanh(x) + np.tanh(x)
    _ = z * 3
    return y.reshape(2) + z


def test_each_pass_tells_what_it_did():
    program = trace(example, np.ones(2))
    told = sections(program.explain())
    assert list(told) == [
        "traced: 8 entries, of which tg.compile would make this",
        "folded: 7 entries left",
        "tidied: 5 entries left",
        "shared: 4 entries left",
        "needed: 3 entries left",
    ]
    expected = {
        "folded: 7 entries left": [rf"- %2 = exp\(%1\)  float64 \(2,\)  {HERE}  \(a constant now\)"],
        "tidied: 5 entries left": [
            rf"- %3 = multiply\(%0, %2\)  float64 \(2,\)  {HERE}",
            rf"- %8 = reshape\(%3, shape=2\)  float64 \(2,\)  {HERE}  \(%0 in its place\)",
        ],
        "shared: 4 entries left": [rf"- %5 = tanh\(%0\)  float64 \(2,\)  {HERE}  \(%4 in its place\)"],
        "needed: 3 entries left": [rf"- %7 = multiply\(%6, 3\)  float64 \(2,\)  {HERE}"],
    }
    for title, lines in expected.items():
        for line, pattern in zip(told[title], lines, strict=True):
            assert re.fullmatch(pattern, line), line
    assert program.stages == ()
    assert len(program.entries) == 8


def test_a_compiled_program_tells_what_was_done():
    step = tg.compile(example, fuse=False)
    step(np.ones(2))
    (program,) = step.programs
    told = sections(program.explain())
    assert [title.split(":")[0] for title in told] == ["traced", "folded", "tidied", "shared", "needed"]
    assert "traced: 8 entries" in told
    assert [stage.entries for stage in program.stages][-1] == program.entries


def test_a_pass_that_does_nothing_is_one_line():
    text = trace(small, np.ones((2, 3), np.float32)).explain()
    told = sections(text)
    for name in ("folded", "tidied", "shared", "blocks"):
        assert told[f"{name}: nothing to do"] == []


def layered(x: Any) -> Any:
    y = tg.relu(x @ np.ones((x.shape[1], 64), np.float32) + np.ones(64, np.float32))
    y = np.tanh(y.reshape(-1, 8, 8, 1) * 2 + 1)
    return tg.max_pool(tg.relu(np.sin(y)), 2).sum() * 1.0


@pytest.mark.parametrize("name", ["example", "small", "layered"])
def test_what_would_be_made_is_what_is_made(name):
    function = {"example": example, "small": small, "layered": layered}[name]
    x = np.ones(2) if name == "example" else np.ones((64, 3), np.float32)
    step = tg.compile(function)
    step(x)
    would, was = trace(function, x).explain(), step.programs[0].explain()
    assert would.replace(", of which tg.compile would make this", "", 1) == was


def test_a_pass_by_itself_is_told():
    from tapegrad.static.passes import shared

    told = sections(shared(trace(example, np.ones(2))).explain())
    assert list(told) == ["traced: 8 entries", "shared: 7 entries left"]


def test_the_program_that_is_left_is_told_with_its_memory():
    text = trace(example, np.ones(2)).explain()
    *_, listing = text.partition("\n\n")
    expected = [
        r"results take 48 bytes, of which at most 32 are alive at one time",
        r"%0 = argument  float64 \(2,\)",
        rf"%4 = tanh\(%0\)  float64 \(2,\)  {HERE}  \[16 bytes, 16 alive\]",
        rf"%6 = add\(%4, %4\)  float64 \(2,\)  {HERE}  \[16 bytes, 32 alive; drops %4\]",
        rf"%9 = add\(%0, %6\)  float64 \(2,\)  {HERE}  \[16 bytes, 32 alive; drops %6\]",
        r"return %9",
    ]
    for line, pattern in zip(listing.splitlines(), expected, strict=True):
        assert re.fullmatch(pattern, line), line


def test_the_page_shows_what_is_told(capsys):
    page = (Path(__file__).parent.parent / "docs" / "static.md").read_text("utf-8")
    code, expected = re.search(r"```python\n(scale = .*?)```\n\n```text\n(.*?)```", page, re.DOTALL).groups()
    names = {"np": np, "tg": tg, "w": tg.tensor([0.5, -0.5], requires_grad=True)}
    exec(compile(code, "scores.py", "exec"), names)
    assert capsys.readouterr().out == expected


def test_where_nothing_is_compiled_the_machine_is_not_told(monkeypatch):
    monkeypatch.setattr(numba.config, "DISABLE_JIT", True)
    told = sections(trace(small, np.ones((2, 3), np.float32)).explain())
    assert [title.split(":")[0] for title in told] == ["traced", "folded", "tidied", "shared", "needed"]


def test_a_function_without_ops_is_told():
    text = trace(lambda x: x, np.ones(2)).explain()
    assert "traced: 0 entries" in text
    assert "results take 0 bytes, of which at most 0 are alive" in text


# What is in fused groups


def steps_of(text: str, name: str) -> list[str]:
    """The steps inside of each entry of a name, one text for each entry."""
    lines = text.partition("\n\n")[2].splitlines()
    found = []
    for place, line in enumerate(lines):
        if f"= {name}(" in line:
            inside = []
            while lines[place + 1].startswith("      "):
                place += 1
                inside.append(lines[place].strip())
            found.append(" ".join(inside))
    return found


def small(x: Any) -> Any:
    return np.tanh(x * 2 + 1), x @ np.ones((3, 4), np.float32)


def test_the_steps_of_the_machine_are_told():
    text = trace(small, np.ones((2, 3), np.float32)).explain()
    assert steps_of(text, "machine") == ["multiply (2, 3), add (2, 3), tanh (2, 3), matmul (2, 4)"]
    assert "machine of 4 steps" in text
    gone, came = (
        [line for line in sections(text)["machine: 3 entries left"] if line.startswith(sign)] for sign in "-+"
    )
    assert [re.search(r"= (\w+)", line)[1] for line in gone] == ["multiply", "add", "tanh", "matmul"]
    assert all(re.search(HERE, line) for line in gone)
    assert [re.search(r"= (\w+)", line)[1] for line in came] == ["machine", "part", "part"]


def test_each_group_has_its_own_steps():
    def twice(x: Any) -> Any:
        x = np.tanh(x * 2 + 1)
        x = np.sin(x)  # which the machine does not know
        return np.exp(x / 3 - 1)

    text = trace(twice, np.ones((2, 3), np.float32)).explain()
    assert steps_of(text, "machine") == [
        "multiply (2, 3), add (2, 3), tanh (2, 3)",
        "divide (2, 3), subtract (2, 3), exp (2, 3)",
    ]


def test_what_a_group_reads_is_not_in_it():
    def function(x: Any) -> Any:
        y = np.tanh(x * 2 + 1)
        return np.tanh(np.exp(y / 3 - np.sin(y)))

    text = trace(function, np.ones((2, 3), np.float32)).explain()
    assert steps_of(text, "machine") == [
        "multiply (2, 3), add (2, 3), tanh (2, 3), divide (2, 3)",
        "subtract (2, 3), exp (2, 3), tanh (2, 3)",
    ]


def test_the_steps_of_blocks_are_told():
    text = trace(lambda x: np.exp(x * 2) + x, np.ones((300, 300), np.float32)).explain()
    assert steps_of(text, "blocks") == ["multiply (300, 300), exp (300, 300), add (300, 300)"]
    assert "blocks of 3 steps" in text


def test_a_single_step_of_blocks_is_told():
    text = trace(np.exp, np.ones((1 << 18), np.float32)).explain()
    assert steps_of(text, "blocks") == ["exp (262144,)"]


def test_layers_are_told(monkeypatch):
    from tapegrad.kernels import product

    monkeypatch.setattr(product, "faster", lambda: True)
    w, b = np.ones((64, 64), np.float32), np.ones(64, np.float32)
    text = trace(lambda x: tg.relu(x @ w + b), np.ones((64, 64), np.float32)).explain()
    assert steps_of(text, "layer") == ["matmul (64, 64), add (64, 64), relu (64, 64)"]
    assert product_op  # which stands for matmul meanwhile


def test_pooling_is_told():
    text = trace(lambda x: tg.max_pool(tg.relu(x), 2), np.ones((1, 4, 4, 1), np.float32)).explain()
    assert steps_of(text, "max_pool") == ["relu (1, 4, 4, 1), max_pool (1, 2, 2, 1)"]


def test_explaining_compiles_nothing():
    code = (
        "import sys, numpy as np, tapegrad as tg; "
        "tg.trace(lambda x: np.tanh(x * 2 + 1) @ x, np.ones((99, 99), np.float32)).explain(); "
        "import numba; from numba.core.dispatcher import Dispatcher; "
        "import gc; print(sum(len(o.overloads) for o in gc.get_objects() if isinstance(o, Dispatcher)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "0"


# Memory


@pytest.mark.parametrize("fuse", [False, True])
def test_what_was_done_is_remembered_without_arrays(fuse):
    refs = []

    def function(x: Any) -> Any:
        constant = tg.asarray(np.ones(3))
        refs.append(weakref.ref(constant._array))
        return x + np.exp(constant)

    step = tg.compile(function, fuse=fuse)
    for _ in range(3):
        step(np.ones(3))
    gc.collect()
    assert [ref() for ref in refs] == [None, None]  # of the two times that the function ran
    assert "a constant now" in step.programs[0].explain()


SIDE = 96  # so that an array is much more than the objects of Python, and is written over operands
EXTRA = 12_000  # bytes of these


def measured(program: Any, arrays: list[Any]) -> int:
    """The bytes that a replay takes at most, while what it gives is alive."""
    replay = Replay(program)
    replay(arrays)
    tracemalloc.start()
    buffered = np.setbufsize(16)  # of what NumPy's functions need for arrays that do not lie in one piece
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        replay(arrays)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        np.setbufsize(buffered)
        tracemalloc.stop()


# Steps after which arrays lie in the order of their dimensions. Where these are exchanged or skipped, NumPy decides in
# which order a joined array lies, and whether a reshape or a product copies; the next test has what is known of that.
STEPS = {
    "exp": np.exp,
    "add": lambda x: x + x,
    "flat": lambda x: x.reshape(-1).reshape(SIDE, SIDE),
    "half": lambda x: tg.concat([x[: SIDE // 2], -x[: SIDE // 2]]),
    "product": lambda x: x @ x.T,
    "sum": lambda x: x - x.sum(0),
}


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.1.0", reason="it does not tell whether a reshape copies")
@given(st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 3)), max_size=8), st.integers(1, 3))
def test_the_peak_is_what_a_replay_takes(steps, kept):
    def function(x: Any) -> Any:
        known = [x]
        for name, place in steps:
            y = STEPS[name](known[-1 - place % len(known)])
            known.append(y if y.shape == (SIDE, SIDE) else tg.concat([y] * 2, 1)[:, :SIDE])
        return known[-kept:]

    x = np.ones((SIDE, SIDE)) / SIDE
    with np.errstate(all="ignore"):
        program = trace(function, x)
        assert program.peak() <= measured(program, [x]) <= program.peak() + EXTRA


@pytest.mark.parametrize(
    ("function", "arrays"),
    [
        (lambda x: np.exp(x).reshape(-1), 1),
        (lambda x: np.exp(x.T).reshape(-1), 2),  # which lies in the order of the columns
        (lambda x: np.exp(x.T + x).reshape(-1), 2),
        (lambda x: np.exp(x.T).T.reshape(-1), 1),
        (lambda x: (x @ x.T).T.reshape(-1), 2),
    ],
)
def test_the_order_in_memory_says_whether_a_reshape_is_a_view(function, arrays):
    x = np.ones((SIDE, SIDE))
    program = trace(function, x)
    assert program.peak() == arrays * x.nbytes
    assert program.peak() <= measured(program, [x]) <= program.peak() + EXTRA


def test_what_is_written_over_an_operand_takes_nothing():
    program = trace(lambda x: np.exp(x) * 2, np.ones((SIDE, SIDE)))
    text = program.explain()
    assert re.search(r"= multiply\(%1, 2\) .* \[over %1, 73,728 alive; drops %1\]", text)
    assert program.peak() == SIDE * SIDE * 8


def test_lists_are_counted_once():
    step = tg.compile(small)
    step(np.ones((2, 3), np.float32))
    (fused,) = step.programs
    assert Memory(fused).most == fused.peak() == 2 * 3 * 4 + 2 * 4 * 4
    assert sum(Memory(fused).made.values()) == fused.peak()
    assert "in the memory of %" in fused.explain()


def test_what_nobody_takes_from_a_list_is_alive_as_long_as_the_list():
    def both(x: Any) -> Any:
        return tg.scan(lambda total, x: (total + x, total * x), np.float64(0), x)[0]

    step = tg.compile(both, fuse=False)
    step(np.ones(1000))
    (program,) = step.programs
    assert [entry.name for entry in program.entries] == ["scan", "part"]
    assert Memory(program).alive == [8008, 8008]
    assert Memory(program).made == {program.entries[0].out: 8008, program.entries[1].out: 0}


# Names of any kind

NAMES = ['a"b', "two\nlines", "a\\", "\\n", "<b>&amp;</b>", "é", "tab\tnull\0", "", "]; x [", "%0 = "]


@pytest.fixture(params=NAMES, ids=ascii)
def named(request: Any) -> Any:
    return trace(tg.primitive(lambda x: x * 2, lambda g: g * 2, name=request.param), np.ones(2))


def test_an_entry_is_one_line_whatever_its_name(named):
    assert len(str(named).splitlines()) == 3
    assert len(named.explain().partition("\n\n")[2].splitlines()) == 4


def test_the_picture_is_read_by_graphviz_whatever_the_names(named):
    if shutil.which("dot") is None:
        pytest.skip("needs Graphviz")
    text = named.to_dot()
    plain = subprocess.run(["dot", "-Tplain"], input=text.encode(), capture_output=True, check=True)
    nodes = [line for line in plain.stdout.decode().splitlines() if line.startswith("node ")]
    assert len(nodes) == 2
    assert plain.stderr == b""


def test_labels_are_quoted():
    double = tg.primitive(lambda x: x * 2, lambda g: g * 2, name='a"b\\\nc')
    assert r'v1 [label="a\"b\\\\nc\nfloat64 (2,)" shape=box]' in trace(double, np.ones(2)).to_dot()


def test_a_loaded_program_is_told_as_it_is(tmp_path: Path):
    path = tmp_path / "f.program"
    trace(example, np.ones(2)).save(path)
    text = tg.load_program(path).program.explain()
    assert list(sections(text)) == ["loaded: 8 entries"]
    assert len(entry_lines(text)) == 8


def test_a_whole_step_is_told():
    tg.random.seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 3))
    optimizer = tg.optim.Momentum(model.parameters(), lr=0.1)

    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = (model(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    text = trace(step, np.ones((5, 4), np.float32)).explain()
    assert all(steps_of(text, "machine"))
    assert text.count("gradient of") == 4
    lines = entry_lines(text)
    peak = max(int(re.search(r"([\d,]+) alive", line)[1].replace(",", "")) for line in lines.values())
    assert f"at most {peak:,} are alive" in text
