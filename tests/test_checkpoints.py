"""Files that are whole or not there: atomic writing, the safetensors format, and checkpoints of nested state."""

from __future__ import annotations

import errno
import json
import os
import stat
import struct
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tapegrad as tg
from tapegrad import io
from tapegrad.io import safetensors as ours

theirs = pytest.importorskip("safetensors.numpy")  # the format's own implementation

# Atomic writing -----------------------------------------------------------------------------------


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "state.bin"
    io.write_atomically(path, [b"old"])
    io.write_atomically(str(path), [b"new ", memoryview(b"content")])
    assert path.read_bytes() == b"new content"
    assert os.listdir(tmp_path) == ["state.bin"]


def test_a_new_file_has_the_rights_of_any_other(tmp_path):
    io.write_atomically(tmp_path / "a", [b""])
    (tmp_path / "b").write_bytes(b"")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_a_link_stays_and_leads_to_the_new_content(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere" / "file")
    for content in (b"one", b"two"):
        io.write_atomically(tmp_path / "link", [content])
        assert (tmp_path / "elsewhere" / "file").read_bytes() == content
        assert (tmp_path / "link").is_symlink()


def test_the_file_is_forced_onto_the_disk_before_it_is_renamed_and_its_folder_after(tmp_path, monkeypatch):
    steps = []
    sync, replace = os.fsync, os.replace

    def noted_sync(number):
        steps.append("folder" if stat.S_ISDIR(os.fstat(number).st_mode) else "file")
        sync(number)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "replace", lambda *paths: (steps.append("rename"), replace(*paths)))
    io.write_atomically(tmp_path / "a", [b"x"])
    assert steps == ["file", "rename", "folder"]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_full_disk_leaves_the_earlier_file_and_says_so(tmp_path, monkeypatch, failing):
    path = tmp_path / "state.bin"
    io.write_atomically(path, [b"old"])

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, failing, full)
    with pytest.raises(OSError, match=r"cannot write the file \(No space left on device\); the file") as raised:
        io.write_atomically(path, [b"new"])
    assert raised.value.errno == errno.ENOSPC
    assert raised.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["state.bin"]


def test_a_limit_of_the_system_leaves_the_earlier_file(tmp_path):
    """In a process of its own, whose files may not grow beyond 4,096 bytes."""
    path = tmp_path / "state.safetensors"
    io.save(path, {"x": np.arange(3)})
    code = (
        "import numpy, resource; from tapegrad import io; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096));"
        f"io.save({str(path)!r}, {{'x': numpy.zeros(10_000)}})"
    )
    ran = subprocess.run([sys.executable, "-B", "-c", code], capture_output=True, text=True, check=False)
    assert "cannot write the file (File too large); the file that was there is unchanged" in ran.stderr
    assert io.load(path)["x"].tolist() == [0, 1, 2]
    assert os.listdir(tmp_path) == ["state.safetensors"]


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"cannot write the file \(No such file or directory\); there is no"):
        io.write_atomically(tmp_path / "nowhere" / "a", [b""])
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="cannot write the file"):
        io.write_atomically(tmp_path / "file" / "a", [b""])
    with pytest.raises(IsADirectoryError, match="cannot write the file"):
        io.write_atomically(tmp_path, [b""])
    assert os.listdir(tmp_path) == ["file"]


def test_an_error_of_the_content_passes_and_leaves_the_earlier_file(tmp_path):
    io.write_atomically(tmp_path / "a", [b"old"])

    def parts():
        yield b"half"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        io.write_atomically(tmp_path / "a", parts())
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_what_killed_processes_left_is_removed_when_it_is_old(tmp_path):
    for name in ("run[1].0a.partial", "run[1].0b.partial", "run1.0a.partial"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - 7200,) * 2)
    os.utime(tmp_path / "run[1].0b.partial")  # somebody may be writing this one now
    io.write_atomically(tmp_path / "run[1]", [b""])
    assert sorted(os.listdir(tmp_path)) == ["run1.0a.partial", "run[1]", "run[1].0b.partial"]


# The safetensors format ---------------------------------------------------------------------------

DTYPES = st.sampled_from([*ours.KINDS.values(), *(dtype.newbyteorder(">") for dtype in ours.KINDS.values())])
ARRAYS = hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))


def same(a, b):
    """Equal to the bit, and of the same shape and dtype."""
    native = a.dtype.newbyteorder("=")
    return (b.shape, b.dtype) == (a.shape, native) and a.astype(native).tobytes() == b.tobytes()


@given(st.dictionaries(st.text(max_size=5), ARRAYS, max_size=4), st.dictionaries(st.text(), st.text(), max_size=2))
def test_what_is_written_is_read_by_us_and_by_the_formats_own_reader(tmp_path_factory, tensors, texts):
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    io.write_tensors(path, tensors, texts)
    read, read_texts = io.read_tensors(path)
    assert read_texts == texts
    official = theirs.load_file(path)
    assert read.keys() == official.keys() == tensors.keys()
    for name, array in tensors.items():
        assert same(array, read[name])
        assert same(array, official[name])
        assert read[name].flags.owndata or read[name].base.size == read[name].size
        assert read[name].flags.writeable


@given(st.dictionaries(st.text(min_size=1, max_size=5), ARRAYS, max_size=4))
def test_what_the_formats_own_writer_writes_is_read(tmp_path_factory, tensors):
    path = tmp_path_factory.getbasetemp() / "theirs.safetensors"
    native = {name: np.ascontiguousarray(a, a.dtype.newbyteorder("=")).reshape(a.shape) for name, a in tensors.items()}
    theirs.save_file(native, path, {"who": "they"})
    read, texts = io.read_tensors(path)
    assert texts == {"who": "they"}
    assert all(same(array, read[name]) for name, array in tensors.items())


def test_numbers_are_aligned_in_the_file(tmp_path):
    path = tmp_path / "a.safetensors"
    io.write_tensors(path, {"a": np.zeros(3, np.int8), "b": np.zeros(1), "c": np.zeros(1, np.float32)})
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    assert length % 8 == 0
    assert {name: entry["data_offsets"] for name, entry in header.items()} == {"b": [0, 8], "c": [8, 12], "a": [12, 15]}


def test_what_the_format_has_no_name_for_is_refused(tmp_path):
    for array in (np.zeros(2, complex), np.array(["text"]), np.array([None])):
        with pytest.raises(TypeError, match=r"write_tensors: x: expected one of BOOL, U8, .*F64, got "):
            io.write_tensors(tmp_path / "a", {"x": array})
    with pytest.raises(ValueError, match="__metadata__ is the format's own name"):
        io.write_tensors(tmp_path / "a", {"__metadata__": np.zeros(1)})
    assert os.listdir(tmp_path) == []


def packed(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(dtype="F32", shape=(1,), offsets=(0, 4), **more):
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets, **more}


FOUR = b"\0\0\0\0"
DAMAGED = [
    (b"", "found 0 bytes"),
    (b"\x80\x04\x95pickle", "found 9 bytes, of which the header would take"),
    (packed({}, length=2**62), "of which the header would take 4,611,686,018,427,387,904"),
    (packed(b"\xff"), "header in JSON"),
    (packed(b"[" * 100_000), "header in JSON"),
    (packed(b'{"a": ' + b"9" * 10_000 + b"}"), "header in JSON"),
    (packed(b'{"a": 1, "a": 2}'), "a name stands there twice"),
    (packed([]), "expected a JSON object for a header, found list"),
    (packed({"__metadata__": {"a": 1}}), "expected texts by name under __metadata__"),
    (packed({"a": entry()}, FOUR[:3]), "expected 4 bytes of numbers, found 3"),
    (packed({"a": entry()}, FOUR + b"x"), "expected 4 bytes of numbers, found 5"),
    (packed({"a": entry(), "b": entry()}, FOUR), "expected the numbers of b at byte 4, found them at 0"),
    (packed({"a": entry(offsets=(4, 8))}, FOUR * 2), "expected the numbers of a at byte 0, found them at 4"),
    (packed({"a": entry("BF16")}, FOUR), "expected a to be one of BOOL, U8.* found 'BF16'"),
    (packed({"a": entry(shape=(2,))}, FOUR), "expected 8 bytes of a, found room for 4"),
    (packed({"a": entry(shape=(2**62, 4))}, FOUR), "bytes of a, found room for 4"),
    (packed({"a": entry(shape=(-1, -1))}, FOUR), "expected whole numbers of at least 0 for a"),
    (packed({"a": entry(shape=(True,))}, FOUR), "expected whole numbers of at least 0 for a"),
    (packed({"a": entry(shape=("1",))}, FOUR), "expected whole numbers of at least 0 for a"),
    (packed({"a": entry(shape=(1.0,))}, FOUR), "expected whole numbers of at least 0 for a"),
    (packed({"a": entry(offsets=(4,))}, FOUR), "expected dtype, shape and data_offsets of a"),
    (packed({"a": entry(more=1)}, FOUR), "expected dtype, shape and data_offsets of a"),
    (packed({"a": 3}), "expected dtype, shape and data_offsets of a, found 3"),
    (packed({"a": entry(shape=(0, 2**63), offsets=(0, 0))}), "a shape that NumPy can have for a"),
    (packed({"a": entry(shape=(0,) * 99, offsets=(0, 0))}), "a shape that NumPy can have for a"),
    (packed({"a": entry("BOOL", (4,))}, b"\0\1\2\0"), "bytes 0 and 1 for the booleans of a, found 2"),
]


@pytest.mark.parametrize(("content", "message"), DAMAGED)
def test_what_is_wrong_with_a_file_is_told(tmp_path, content, message):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    for read in (io.read_tensors, io.load):
        with pytest.raises(tg.DataError, match=message) as raised:
            read(path)
        assert str(raised.value).startswith(f"{path}: expected ")
        assert len(str(raised.value)) < len(str(path)) + 300


@given(st.data())
def test_any_damage_is_a_data_error_or_another_state(tmp_path_factory, data):
    """Bytes changed, cut out or put in: never another exception, nor a state with half an array."""
    path = tmp_path_factory.getbasetemp() / "damaged.safetensors"
    io.save(path, {"model": {"w": np.zeros((2, 3), np.float32), "b": np.ones(2, bool)}, "list": [np.arange(3), "x"]})
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content)))
        content[start : start + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=5))
    path.write_bytes(bytes(content))
    told = None
    try:
        state = io.load(path)
    except tg.DataError as error:
        told = str(error)
    assert told.startswith(f"{path}: expected ") if told else isinstance(state, dict)


def test_a_file_that_is_not_there_or_is_a_folder(tmp_path):
    with pytest.raises(tg.DataError, match="absent: expected a safetensors file, found no file of that name"):
        io.load(tmp_path / "absent")
    with pytest.raises(tg.DataError, match="expected a safetensors file, but it cannot be read"):
        io.load(tmp_path)


# Checkpoints --------------------------------------------------------------------------------------

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | ARRAYS
TREES = st.recursive(
    LEAVES, lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=4), parts, max_size=3)
)


def equal(a, b):
    match a:
        case np.ndarray():
            return isinstance(b, np.ndarray) and same(a, b)
        case dict():
            return isinstance(b, dict) and list(a) == list(b) and all(equal(a[key], b[key]) for key in a)
        case list():
            return isinstance(b, list) and len(a) == len(b) and all(map(equal, a, b))
        case float():
            return type(b) is float and (struct.pack("d", a) == struct.pack("d", b) or a != a != b)
    return type(a) is type(b) and a == b


@given(st.dictionaries(st.text(max_size=4), TREES, max_size=3))
def test_a_state_comes_back_as_it_was(tmp_path_factory, state):
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    io.save(path, state)
    assert equal(state, io.load(path))


def test_keys_that_look_like_paths_stay_apart(tmp_path):
    arrays = iter(np.arange(6.0).reshape(6, 1))
    state = {"a/b": next(arrays), "a": {"b": next(arrays), "b/c": None, "~1": next(arrays)}, "a~1b": next(arrays)}
    state |= {"0": [next(arrays), {"0": next(arrays)}]}
    io.save(tmp_path / "a", state)
    assert equal(state, io.load(tmp_path / "a"))


def test_any_reader_of_safetensors_sees_the_arrays_by_name(tmp_path):
    model = tg.nn.Sequential(tg.nn.Linear(3, 2))
    io.save(tmp_path / "a", {"model": model.state_dict(), "epoch": 3})
    read = theirs.load_file(tmp_path / "a")
    assert read.keys() == {"model/0.weight", "model/0.bias"}
    assert same(model[0].weight.numpy(), read["model/0.weight"])


def test_state_of_models_optimizers_and_generators_comes_back(tmp_path):
    model = tg.nn.Linear(3, 2)
    optimizer = tg.optim.Adam(model.parameters())
    (model(np.ones((1, 3), np.float32)) ** 2).sum().backward()
    optimizer.step()
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "random": tg.random.get_state()}
    io.save(tmp_path / "a", state)
    read = io.load(tmp_path / "a")
    model.load_state_dict(read["model"])
    optimizer.load_state_dict(read["optimizer"])
    tg.random.set_state(read["random"])


@pytest.mark.parametrize("axes", [(1, 0, 2), (2, 1, 0), (0, 2, 1), (1, 2, 0)])
def test_an_array_lies_in_memory_as_it_did(tmp_path, axes):
    array = np.random.default_rng(0).normal(size=(2, 3, 4)).transpose(axes)
    io.save(tmp_path / "a", {"x": array})
    read = io.load(tmp_path / "a")["x"]
    assert np.array_equal(read, array)
    assert read.strides == array.strides


def test_what_a_checkpoint_cannot_hold_is_named(tmp_path):
    with pytest.raises(TypeError, match=r"save: a/0/b: expected dicts, lists, .*, got set"):
        io.save(tmp_path / "a", {"a": [{"b": {1}}]})
    with pytest.raises(TypeError, match=r"save: a: expected dicts, lists, .*, got Tensor"):
        io.save(tmp_path / "a", {"a": tg.zeros(3)})
    with pytest.raises(TypeError, match="texts for the keys of dicts, got 1"):
        io.save(tmp_path / "a", {"a": {1: 2}})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, 'found a safetensors file without a text named "tapegrad"'),
        ("{", "expected a checkpoint's state in JSON"),
        ("[" * 100_000, "expected a checkpoint's state in JSON"),
        ("[]", "expected a checkpoint's version, state and layouts"),
        ('{"version": true, "state": {}, "layouts": {}}', "expected a checkpoint of version 1, found version True"),
        ('{"version": 1.0, "state": {}, "layouts": {}}', "expected a checkpoint of version 1, found version 1.0"),
        ('{"version": 2}', "expected a checkpoint of version 1, found version 2"),
        ('{"version": 1, "state": [], "layouts": {}}', "expected a checkpoint's version, state and layouts"),
        ('{"version": 1, "state": {}, "layouts": {}}', "expected a place for the array x in the state"),
        ('{"version": 1, "state": {"x": 0}, "layouts": {}}', "expected a place for the array x in the state"),
        ('{"version": 1, "state": {"x": null}, "layouts": {"x": [0, 0]}}', "expected a place for the array x"),
        ('{"version": 1, "state": {"x": null}, "layouts": {"x": "0"}}', "expected a place for the array x"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_told(tmp_path, text, message):
    path = tmp_path / "a"
    io.write_tensors(path, {"x": np.zeros(2)}, {} if text is None else {"tapegrad": text})
    with pytest.raises(tg.DataError, match=message) as raised:
        io.load(path)
    assert str(raised.value).startswith(f"{path}: expected ")
