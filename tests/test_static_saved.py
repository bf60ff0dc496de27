"""Programs in files: they compute the same bits, refuse what they cannot hold, and damaged files are DataErrors."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from op_table import OTHERS, ROWS, Row, is_array
from static_runs import bits

import tapegrad as tg
from tapegrad import Tensor, io, nn
from tapegrad._pytree import flatten
from tapegrad.static import Constant


def saved(path: Path, function: Any, *examples: Any) -> Any:
    tg.trace(function, *examples).save(path)
    return tg.load_program(path)


def network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm(4), nn.GELU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.5),
        nn.Linear(64, 10), nn.LayerNorm(10), nn.Softmax(),
    )  # fmt: skip


def images(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((3, 8, 8, 1), np.float32)


@pytest.fixture
def model() -> nn.Module:
    tg.random.seed(0)
    model = network()
    model(images(5))  # moves the statistics
    return model.eval()


def test_a_model_in_use_is_saved_and_loaded(tmp_path: Path, model: nn.Module) -> None:
    loaded = saved(tmp_path / "model.program", model, images(0))
    for seed in range(3):
        bits(loaded(images(seed)), model(images(seed)).detach().numpy())
        bits(loaded(tg.asarray(images(seed))), model(images(seed)).detach().numpy())
    kept = loaded(images(0))
    model[0].weight.assign_(model[0].weight.detach() * 2)
    bits(loaded(images(0)), kept)  # the file has the values of then


def test_another_process_reads_it_without_the_code(tmp_path: Path, model: nn.Module) -> None:
    path = tmp_path / "model.program"
    expected = model(images(1)).detach().numpy()
    tg.trace(model, images(0)).save(path)
    np.save(tmp_path / "x.npy", images(1))
    code = (
        "import sys, numpy as np, tapegrad as tg; "
        "np.save(sys.argv[3], tg.load_program(sys.argv[1])(np.load(sys.argv[2])))"
    )
    subprocess.run([sys.executable, "-c", code, path, tmp_path / "x.npy", tmp_path / "y.npy"], check=True)
    bits(np.load(tmp_path / "y.npy"), expected)


@pytest.mark.parametrize("row", [row for row in (*ROWS, *OTHERS) if row.name != "max_pool's derivative"], ids=str)
def test_every_op_can_be_in_a_file(tmp_path: Path, row: Row) -> None:
    sample = row.samples[0]

    def run(*arrays: Any) -> Any:
        new = iter([tg.asarray(a) for a in arrays])

        def filled(value: Any) -> Any:
            if isinstance(value, list):
                return [filled(item) for item in value]
            return next(new) if is_array(value) else value

        result = row.ours(*map(filled, sample.arguments), **sample.parameters)
        return [y for y in flatten(result)[0] if isinstance(y, Tensor)]

    arrays = [a for a in flatten(list(sample.arguments))[0] if is_array(a)]
    if row.name == "repeat" and any(is_array(a) for a in sample.arguments[1:]):
        return
    loaded = saved(tmp_path / "op.program", run, *arrays)
    results = loaded(*arrays)
    expected = [y.numpy() for y in run(*arrays)]
    bits(list(results) if len(expected) != 1 else [results], expected)


def test_gradients_can_be_in_a_file(tmp_path: Path) -> None:
    f = tg.value_and_grad(lambda x, y: (np.tanh(x[..., 0:2]) ** 2 * y).sum())
    x, y = np.arange(6.0).reshape(2, 3) / 3, np.ones((2, 2), np.float32)
    loaded = saved(tmp_path / "slope.program", f, x, y)
    bits(loaded(x + 1, y * 2), f(x + 1, y * 2))


def test_results_are_the_callers_own(tmp_path: Path) -> None:
    loaded = saved(tmp_path / "f.program", lambda x: (x, x * 2, np.arange(3.0)), np.ones(3))
    x = np.ones(3)
    for _ in range(2):
        results = loaded(x)
        bits(results, (np.ones(3), np.full(3, 2.0), np.arange(3.0)))
        for y in results:
            y[...] = 7
    assert x.tolist() == [1, 1, 1]


K = np.arange(6.0)

VIEWS = {
    "of a constant": (lambda t: (t * tg.asarray(K)[:2], tg.asarray(K)[:2]), 1),
    "of an argument": (lambda t: (t.reshape(2, 1), t[:1], t), 3),
    "of one another": (lambda t: ((y := t * 2), y.reshape(2, 1), y[::-1], y), 3),
    "of what nobody gets": (lambda t: ((y := t * 2)[:1], y[:1], y[1:]), 2),
    "of a stretched constant": (lambda t: (t, np.broadcast_to(tg.asarray(K)[:1], (5000,))), 2),
}


@pytest.mark.parametrize("name", VIEWS)
def test_results_share_no_memory(tmp_path: Path, name: str) -> None:
    function, _ = VIEWS[name]
    loaded = saved(tmp_path / "f.program", function, np.ones(2))
    constants = [constant.array for constant in loaded.program.constants]
    for _ in range(3):
        x = np.array([3.0, 4.0])
        results = loaded(x)
        bits(results, [np.asarray(y._array) for y in function(tg.asarray(x))])
        for place, y in enumerate(results):
            assert not any(np.may_share_memory(y, other) for other in [x, *constants, *results[:place]])
            y[...] = 99
        assert x.tolist() == [3, 4]


@pytest.mark.parametrize("name", VIEWS)
def test_only_results_that_share_memory_are_copied(tmp_path: Path, monkeypatch: Any, name: str) -> None:
    from tapegrad.static import saved as module

    copied = []
    apart = module.apart
    monkeypatch.setattr(module, "apart", lambda y, others: copied.append((z := apart(y, others)) is not y) or z)
    function, copies = VIEWS[name]
    saved(tmp_path / "f.program", function, np.ones(2))(np.ones(2))
    assert sum(copied) == copies


def test_arguments_of_other_kinds_are_refused(tmp_path: Path) -> None:
    loaded = saved(tmp_path / "f.program", lambda x: x * 2, np.ones(3, np.float32))
    assert "loaded" in repr(loaded)
    with pytest.raises(TypeError, match="expected 1 arrays, got 2"):
        loaded(np.ones(3), np.ones(3))
    with pytest.raises(tg.ShapeError, match=r"expected argument 0 of shape \(3,\), got \(4,\)"):
        loaded(np.ones(4, np.float32))
    with pytest.raises(tg.DTypeError, match="expected argument 0 of float32, got float64"):
        loaded(np.ones(3))


def effect(x: Any) -> Any:
    return x + tg.random.uniform(3)


def assignment(x: Any) -> Any:
    STATE.assign_(STATE + x)
    return x


def choice(x: Any) -> Any:
    return tg.cond(x.sum() > 0, lambda: x, lambda: -x)


STATE = tg.zeros(3, np.float64)
own = tg.primitive(lambda x: x * 2, lambda g: g * 2, name="my_double")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (effect, r"save: random at .*test_static_saved\.py:\d+ has an effect"),
        (assignment, r"save: the program assigns state, .* model\.eval\(\)"),
        (choice, "save: cond at .* is not one of tapegrad's own ops"),
        (own, "save: my_double at .* is not one of tapegrad's own ops"),
    ],
)
def test_what_a_file_cannot_hold(tmp_path: Path, function: Any, message: str) -> None:
    path = tmp_path / "f.program"
    with pytest.raises(tg.TraceError, match=message):
        saved(path, function, np.ones(3))
    assert not path.exists()


@pytest.mark.parametrize("path", [3.5, 1, None, b"f.program", ["f"]])
def test_what_is_no_path_is_told(path: Any) -> None:
    program = tg.trace(lambda x: x * 2, np.ones(3))
    name = type(path).__name__
    with pytest.raises(TypeError, match=f"save: expected the path of a file, got {name}"):
        program.save(path)
    with pytest.raises(TypeError, match=f"load_program: expected the path of a file, got {name}"):
        tg.load_program(path)


def test_a_constant_that_no_file_has_is_told(tmp_path: Path) -> None:
    program = tg.trace(lambda x: x, np.ones(3))
    variable = program.arguments[0]
    odd = dataclasses.replace(program, values={type(variable)(90): Constant(np.array(["a"]), "here")})
    with pytest.raises(tg.TraceError, match=r"a constant of the program cannot be in a file: .* got <U1"):
        odd.save(tmp_path / "f.program")


# Files that are damaged, or made to harm


@pytest.fixture
def good(tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "good.program"
    w = tg.tensor([[1.0, 2.0], [3.0, 4.0]])
    tg.trace(
        lambda x: np.tanh((x @ w)[..., 0:1]).sum(axis=(0,), keepdims=True) + tg.embedding(w, np.array([1])),
        np.ones((3, 2), np.float32),
    ).save(path)
    return io.load(path)


def refused(path: Path, content: Any, message: str = "") -> None:
    io.save(path, content)
    with pytest.raises(tg.DataError, match=message) as caught:
        tg.load_program(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_the_file_is_readable_json_and_arrays(good: dict[str, Any]) -> None:
    program = good["program"]
    assert program["version"] == 1
    names = [entry["op"] for entry in program["entries"]]
    assert names[:3] == ["ops.product:matmul", "ops.indexing:getitem", "ops.elementwise:tanh"]
    assert {"slice": [0, 1, None]} in program["entries"][1]["params"][0][1]["tuple"]
    assert any(a.tolist() == [[1.0, 2.0], [3.0, 4.0]] for a in program["constants"].values())


DAMAGES = {
    "another version": (lambda p: p.update(version=2), "expected a program of version 1, found 2"),
    "a version that is True": (lambda p: p.update(version=True), "expected a program of version 1, found True"),
    "a version of a fraction": (lambda p: p.update(version=1.0), r"expected a program of version 1, found 1\.0"),
    "a version in words": (lambda p: p.update(version="1"), "expected a program of version 1, found '1'"),
    "no version": (lambda p: p.pop("version"), "expected a program's version"),
    "more": (lambda p: p.update(extra=1), "expected a program's version"),
    "entries of no list": (lambda p: p.update(entries={}), "expected a program's version"),
    "an entry of no dict": (lambda p: p["entries"].append(3), "expected op, out, arguments and params of entry"),
    "an unknown op": (
        lambda p: p["entries"][0].update(op="os:system"),
        "to be one of tapegrad's ops, found 'os:system'",
    ),
    "a function of Python": (lambda p: p["entries"][0].update(op="builtins:eval"), "one of tapegrad's ops"),
    "a variable of later": (
        lambda p: p["entries"][0]["arguments"].__setitem__(0, {"variable": 7}),
        "earlier entry made",
    ),
    "a cycle": (
        lambda p: p["entries"][0]["arguments"].__setitem__(0, {"variable": p["entries"][0]["out"][0]}),
        "earlier entry made",
    ),
    "a missing array": (lambda p: p["constants"].popitem(), "an argument, a constant or an earlier entry made"),
    "a constant that is no array": (lambda p: p["constants"].update({"90": 3}), "an array for each constant"),
    "a constant of no number": (lambda p: p["constants"].update(x=np.ones(2)), "an array for each constant"),
    "a constant of a huge number": (
        lambda p: p["constants"].update({"9" * 30: np.ones(2)}),
        "an array for each constant",
    ),
    "a variable made twice": (
        lambda p: p["entries"][1]["out"].__setitem__(0, p["entries"][0]["out"][0]),
        "a new variable",
    ),
    "a result of nothing": (lambda p: p["results"].append(99), "an argument, a constant or an earlier entry made"),
    "a result that is True": (lambda p: p["results"].append(True), "an argument, a constant or an earlier"),
    "an argument of a strange dtype": (lambda p: p["arguments"][0][1].__setitem__(0, "object"), "expected one of bool"),
    "an argument of a huge shape": (
        lambda p: p["arguments"][0][1].__setitem__(1, [10**30]),
        "whole numbers of at least 0",
    ),
    "an argument of a negative shape": (
        lambda p: p["arguments"][0][1].__setitem__(1, [-1]),
        "whole numbers of at least 0",
    ),
    "an argument of half a number": (lambda p: p["arguments"][0].__setitem__(0, 0.5), "whole numbers of at least 0"),
    "an argument that is True": (lambda p: p["arguments"][0].__setitem__(0, True), "whole numbers of at least 0"),
    "arguments too many": (
        lambda p: p["entries"][0]["arguments"].append(1),
        "2 arguments of entry 0, and no parameters",
    ),
    "a ufunc that writes": (
        lambda p: p["entries"][0]["params"].append(["out", {"variable": 0}]),
        "2 arguments of entry 0, and no parameters",
    ),
    "a parameter that the op does not take": (
        lambda p: p["entries"][1]["params"].append(["mode", 1]),
        "arguments and parameters that the op of entry 1 takes",
    ),
    "a parameter twice": (lambda p: p["entries"][1]["params"].extend(p["entries"][1]["params"]), "names and values"),
    "a parameter of no name": (lambda p: p["entries"][1]["params"].append(["a b", 1]), "names and values"),
    "a parameter of Python's words": (lambda p: p["entries"][1]["params"].append(["lambda", 1]), "names and values"),
    "a value of a strange kind": (
        lambda p: p["entries"][1]["arguments"].append({"object": 1}),
        "expected a number, a text",
    ),
    "a value of a huge number": (lambda p: p["entries"][1]["arguments"].append(10**30), "expected a number, a text"),
    "a slice of four": (
        lambda p: p["entries"][1]["arguments"].append({"slice": [1, 2, 3, 4]}),
        "expected a number, a text",
    ),
    "a dtype of Python": (lambda p: p["entries"][1]["arguments"].append({"dtype": "O"}), "expected one of bool"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_refused(tmp_path: Path, good: dict[str, Any], damage: str) -> None:
    change, message = DAMAGES[damage]
    change(good["program"])
    refused(tmp_path / "bad.program", good, message)


def test_files_of_other_kinds_are_refused(tmp_path: Path) -> None:
    refused(tmp_path / "a.program", {"model": {"weight": np.ones(3)}}, r"expected a program, .*found \['model'\]")
    refused(tmp_path / "b.program", {"program": None}, "expected a program's version")
    refused(tmp_path / "c.program", {"program": [1, 2]}, "expected a program's version")
    (tmp_path / "d.program").write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(tg.DataError, match="expected a safetensors file"):
        tg.load_program(tmp_path / "d.program")
    with pytest.raises(tg.DataError, match="found no file of that name"):
        tg.load_program(tmp_path / "none.program")


def test_nothing_is_beside_the_program(tmp_path: Path, good: dict[str, Any]) -> None:
    refused(tmp_path / "a.program", {**good, "extra": 1}, "a program, and nothing beside it, found .*'extra'")
    refused(tmp_path / "b.program", {}, r"a program, and nothing beside it, found \[\]")


@pytest.mark.parametrize(
    ("place", "kind", "message"),
    [
        (0, ["float32", [3, 3]], r"entry 0: expected float32 \(3, 3\) of matmul, .* found float32 \(3, 2\)"),
        (0, ["float64", [3, 2]], r"entry 0: expected float64 \(3, 2\) of matmul, .* found float32 \(3, 2\)"),
        (1, ["float32", [3]], r"entry 1: expected float32 \(3,\) of getitem, .* found float32 \(3, 1\)"),
        (2, ["bool", [3, 1]], r"entry 2: expected bool \(3, 1\) of tanh"),
    ],
)
def test_what_an_entry_gives_must_be_what_the_file_tells(
    tmp_path: Path, good: dict[str, Any], place: int, kind: list[Any], message: str
) -> None:
    path = tmp_path / "f.program"
    good["program"]["entries"][place]["out"][1] = kind
    io.save(path, good)
    loaded = tg.load_program(path)  # which executes nothing, so it cannot know
    for _ in range(2):
        with pytest.raises(tg.DataError, match=message) as caught:
            loaded(np.ones((3, 2), np.float32))
        assert str(path) in str(caught.value)


def test_what_a_file_tells_is_checked_once(tmp_path: Path, monkeypatch: Any) -> None:
    from tapegrad.static import saved as module

    checks = []
    checked = module._checked
    monkeypatch.setattr(module, "_checked", lambda entry, kind: checks.append(entry.name) or checked(entry, kind))
    loaded = saved(tmp_path / "f.program", lambda x: np.exp(x * 2), np.ones(3))
    assert checks == []
    for _ in range(3):
        bits(loaded(np.zeros(3)), np.ones(3))
    assert checks == ["multiply", "exp"]


@pytest.mark.parametrize("levels", [60, 300, 5000, 100_000])
def test_parameters_of_very_many_levels_are_refused(tmp_path: Path, good: dict[str, Any], levels: int) -> None:
    path = tmp_path / "deep.program"
    good["program"]["entries"][1]["params"].append(["x", {"tuple": [12345]}])
    io.save(path, good)
    arrays, texts = io.read_tensors(path)
    text = texts["tapegrad"].replace('{"tuple": [12345]}', '{"tuple": [' * levels + "1" + "]}" * levels)
    assert len(text) > 10 * levels
    io.write_tensors(path, arrays, {"tapegrad": text})
    with pytest.raises(tg.DataError):
        tg.load_program(path)


HOSTILE = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**70) | st.floats() | st.sampled_from(["x", "out", "", "float32"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["variable", "tuple", "slice", "dtype", "op", "x"]), inner, max_size=2)
    ),
    max_leaves=5,
)


def places(tree: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to all places of nested dicts and lists."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [found for key, item in items for found in ((*way, key), *places(item, (*way, key)))]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_is_read_or_refused(tmp_path: Path, good: dict[str, Any], data: Any) -> None:
    content = copy.deepcopy(good)
    for _ in range(data.draw(st.integers(1, 3))):
        *way, last = data.draw(st.sampled_from(places(content)))
        tree = content
        for key in way:
            tree = tree[key]
        if data.draw(st.booleans()):
            tree[last] = data.draw(HOSTILE)
        elif isinstance(tree, dict):
            del tree[last]
        else:
            tree.insert(last, copy.deepcopy(tree[last]))
        if not places(content):
            return
    path = tmp_path / "any.program"
    io.save(path, content)
    with contextlib.suppress(tg.DataError):  # and nothing else
        assert isinstance(str(tg.load_program(path).program), str)


def test_the_bytes_of_a_file_may_be_anything(tmp_path: Path) -> None:
    path = tmp_path / "f.program"
    tg.trace(lambda x: x * np.arange(3.0), np.ones(3)).save(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(100):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole) - 24, 3):
            damaged[place] = rng.integers(0, 256)
        path.write_bytes(bytes(damaged))
        with contextlib.suppress(tg.DataError):
            tg.load_program(path)
