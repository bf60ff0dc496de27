"""Kernels as compiled code: that they stay inside their arrays, their cache, and the vector units they are made for."""

from __future__ import annotations

import ast
import importlib.util
import os
import pickle
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from convolution_cases import CONV, LARGE, cases, minimal_cases, pulled, whole
from hypothesis import given

import tapegrad as tg
from tapegrad.kernels import convolution, jit, tile, warmup, winograd, workspace
from tapegrad.ops import activation

KERNELS = Path(jit.__file__).parent
PACKAGES = str(KERNELS.parent.parent)
TESTS = Path(__file__).parent


def run_python(
    code: str, *options: str, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, which must end well."""
    path = os.pathsep.join([str(cwd) if cwd else PACKAGES, str(TESTS)])
    done = subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": path, **environment},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"ended with {done.returncode}\n{done.stderr}"
    return done


# --------------------------------------------------------------------------------------------------
# Inside their arrays

BAND = 97  # elements before and after an array, which no kernel may write to, and which are poison to read


@contextmanager
def watched() -> Iterator[Callable[[np.ndarray], np.ndarray]]:
    """Inside this block the arrays that kernels are given lie between bands, and whoever hurts a band is found out.

    Gives a function that puts an array between bands. Everything that is not an element of an array is NaN, or
    an enormous integer: a result that depends on it cannot be right.
    """
    bands: list[tuple[np.ndarray, np.ndarray]] = []

    def between(shape: Any, dtype: Any = float) -> np.ndarray:
        size = int(np.prod(shape))
        whole = np.empty(size + 2 * BAND, dtype)
        whole[...] = np.nan if whole.dtype.kind == "f" else np.iinfo(whole.dtype).max // 2
        bands.append((whole[:BAND], whole[size + BAND :]))
        return whole[BAND : size + BAND].reshape(shape)

    def protect(array: np.ndarray) -> np.ndarray:
        copy = between(array.shape, array.dtype)
        copy[...] = array
        return copy

    class Numpy:
        empty = staticmethod(between)

        def __getattr__(self, name: str) -> Any:
            return getattr(np, name)

    class Lent(workspace.Lent):
        def __init__(self, size: int, dtype: Any) -> None:
            self.array = between(size, dtype)

        def __exit__(self, *_: object) -> None:
            pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workspace, "scratch", lambda wanted: [between(*each) for each in wanted])
        for module in (convolution, winograd):
            patch.setattr(module, "np", Numpy())
            patch.setattr(module, "Lent", Lent)
        yield protect
    for several in bands:
        for band in several:
            poison = np.nan if band.dtype.kind == "f" else np.iinfo(band.dtype).max // 2
            np.testing.assert_array_equal(band, np.full(BAND, poison, band.dtype))


def test_the_watch_sees_what_leaves_an_array():
    def hurt(place: int) -> None:
        with watched() as protect:
            x = protect(np.zeros(5))
            x.base[BAND + place] = 0

    hurt(0)
    hurt(4)
    for place in (-1, 5):
        with pytest.raises(AssertionError, match="not equal"):
            hurt(place)


def check_inside(shape: tuple[int, ...], filters_shape: tuple[int, ...], options: dict[str, Any], dtype: Any) -> None:
    conv = CONV[len(shape) - 2]
    x, filters = whole(*shape, dtype=dtype), whole(*filters_shape, seed=1, dtype=dtype)
    y, dx, dfilters, g = pulled(conv, x, filters, **options)
    with watched() as protect:
        again, pullback = tg.vjp(lambda *a: conv(*a, **options), protect(x), protect(filters))
        results = (again, *pullback(protect(g)))
    for result, expected in zip(results, (y, dx, dfilters), strict=True):
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize("name", LARGE)
def test_kernels_stay_inside_their_arrays(name, dtype):
    check_inside(*LARGE[name], dtype)


@given(cases())
def test_kernels_stay_inside_their_arrays_wherever_windows_lie(case):
    check_inside(*case, np.float32)


@given(minimal_cases())
def test_winograds_filtering_stays_inside_its_arrays(case):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(winograd, "suits", lambda *arguments: True)
        check_inside(*case, np.float32)


# --------------------------------------------------------------------------------------------------
# Which vectors


def test_vectors_are_as_long_as_the_processor_has_them():
    features = jit.cpu_features()
    expected = 16 if features.get("avx512f") else 8 if features.get("avx2") else 4
    assert int(os.environ.get("TAPEGRAD_LANES", expected)) == jit.LANES
    for itemsize in (4, 8):
        assert tile.width(itemsize) * itemsize == tile.VECTORS * jit.LANES * 4


@pytest.mark.parametrize(
    ("lanes", "features", "registers", "tallest"),
    [(16, {"avx512f": True}, 32, 14), (8, {"avx2": True}, 16, 6), (4, {}, 16, 6), (4, {"neon": True}, 32, 14)],
)
def test_lanes_and_heights_follow_the_features_of_the_processor(lanes, features, registers, tallest):
    code = f"""
        import llvmlite.binding
        llvmlite.binding.get_host_cpu_features = lambda: {features}
        from tapegrad.kernels import jit, tile
        print(jit.LANES, jit.REGISTERS, max(tile.HEIGHTS), jit.FUSED)
    """
    environment = {name: value for name, value in os.environ.items() if name != "TAPEGRAD_LANES"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(lanes), str(registers), str(tallest), str("neon" in features)]
    # The sums, the vectors that they are multiplied with, and one spread number, all at once.
    assert tallest * tile.VECTORS + tile.VECTORS + 1 <= registers


def test_a_system_whose_processor_is_unknown_gets_the_shortest(monkeypatch):
    def unknown() -> None:
        raise RuntimeError("cannot tell")

    monkeypatch.setattr(jit.llvmlite.binding, "get_host_cpu_features", unknown)
    monkeypatch.delenv("TAPEGRAD_LANES", raising=False)
    assert jit._lanes() == 4


@pytest.mark.parametrize(("lanes", "registers"), [("4", "16"), ("8", "16"), ("16", "32")])
def test_the_environment_sets_the_lanes(lanes, registers):
    if jit.cpu_features().get("neon"):
        registers = "32"
    code = "from tapegrad.kernels import jit, tile; print(jit.LANES, jit.REGISTERS, tile.width(4), tile.width(8))"
    done = run_python(code, TAPEGRAD_LANES=lanes)
    assert done.stdout.split() == [lanes, registers, str(2 * int(lanes)), lanes]


@pytest.mark.parametrize("value", ["2", "32", "8.0", "", "many"])
def test_lanes_that_are_none_are_refused(value, monkeypatch):
    monkeypatch.setenv("TAPEGRAD_LANES", value)
    with pytest.raises(ValueError, match=f"^TAPEGRAD_LANES: expected 4, 8 or 16, got '{value}'$"):
        jit._lanes()


@pytest.mark.slow
@pytest.mark.parametrize("lanes", ["4", "8", "16"])
def test_every_kernel_is_right_with_any_lanes(lanes, tmp_path):
    chosen = ["test_convolution.py", "test_pooling.py", "test_kernels.py", "test_threads_kernels.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-k", "not processor and not environment", *chosen],
        env={**os.environ, "PYTHONPATH": PACKAGES, "TAPEGRAD_LANES": lanes, "NUMBA_CACHE_DIR": str(tmp_path)},
        cwd=TESTS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


# --------------------------------------------------------------------------------------------------
# Compiled variants


def test_warming_up_compiles_every_kernel_once_for_each_dtype():
    code = """
        import importlib, pkgutil
        from tapegrad import kernels
        from tapegrad.kernels import jit, warmup

        assert len(list(warmup.warmup())) == len(set(name for name, *_ in warmup.warmup())) * 2 - 2
        for module in pkgutil.iter_modules(kernels.__path__, "tapegrad.kernels."):
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(getattr(value, "_cache", None), jit._Cache):
                    print(name, len(value.signatures))
    """
    counts = dict(line.split() for line in run_python(code).stdout.splitlines())
    assert {"correlate", "correlate_filter", "scatter", "forward", "_max_pool"} <= set(counts)
    assert {counts.pop(name) for name in ("wait", "execute")} == {"1"}
    assert set(counts.values()) == {"2"}


def test_all_that_kernels_are_made_of_is_known_to_the_cache():
    """What is compiled into a kernel from another file must be in SHARED, or a change of it would go unnoticed."""
    used = set()
    for path in KERNELS.glob("*.py"):
        text = path.read_text("utf-8")
        if "@compiled" in text or path.stem in jit.SHARED:
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.ImportFrom) and node.level == 1:
                    used |= {node.module} if node.module else {alias.name for alias in node.names}
    assert used - {"arrays", "blas", "threads", "windows"} == set(jit.SHARED)


def test_the_command_warms_up(capsys):
    from tapegrad.__main__ import main
    from tapegrad.optim.warmup import warmup as updates

    assert main(["warmup"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(list(warmup.warmup())) + len(list(updates()))
    assert all(" s  " in line and line.endswith((", float32", ", float64", ", int64")) for line in lines)


def test_the_command_says_when_there_is_nothing_to_compile(capsys, monkeypatch):
    from tapegrad.__main__ import main

    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    assert main(["warmup"]) == 2
    assert capsys.readouterr() == ("", "tapegrad: NUMBA_DISABLE_JIT is set, so there is nothing to compile\n")


# --------------------------------------------------------------------------------------------------
# The cache, tried on a kernel that compiles quickly

KERNEL = """
from tapegrad.kernels.jit import compiled

@compiled
def twice(x):
    return 2 * x

@compiled
def thrice(x):
    return 3 * x
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A function that imports a module with a kernel anew, as another process would. Its cache is in a folder."""
    folder = tmp_path / "cache"
    folder.mkdir()
    source = tmp_path / "a_kernel.py"
    source.write_text(KERNEL, "utf-8")
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(folder))
    monkeypatch.setattr(jit, "_warned", False)

    def load() -> Any:
        spec = importlib.util.spec_from_file_location("a_kernel", source)
        found = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "a_kernel", found)
        spec.loader.exec_module(found)
        return found

    load.folder = folder
    return load


def hits(kernel: Any) -> int:
    return sum(kernel.stats.cache_hits.values())


def files(folder: Path, ending: str) -> list[Path]:
    return sorted(path for path in folder.rglob(f"*{ending}"))


def test_a_kernel_is_loaded_where_it_was_saved(module):
    kernels = module()
    assert (kernels.twice(2.0), hits(kernels.twice)) == (4.0, 0)
    kernels = module()
    assert (kernels.twice(5.0), hits(kernels.twice)) == (10.0, 1)


@pytest.mark.parametrize(("name", "value"), [("LANES", 2), ("_SOURCES", "others")])
def test_what_was_compiled_otherwise_is_another_kernel(name, value, module, monkeypatch):
    module().twice(2.0)
    with monkeypatch.context() as other:
        other.setattr(jit, name, value)
        kernels = module()
        assert (kernels.twice(5.0), hits(kernels.twice)) == (10.0, 0)
    for _ in range(2):
        kernels = module()
        assert (kernels.twice(5.0), hits(kernels.twice)) == (10.0, 1)


DAMAGE = {
    "no bytes": lambda data: b"",
    "half": lambda data: data[: len(data) // 2],
    "garbage": lambda data: b"garbage" * 100,
    "another object": lambda data: pickle.dumps(1),
}


@pytest.mark.parametrize(
    ("damage", "ending"),
    # An index that begins with anything but numba's version is taken for one of another version.
    [
        (damage, ending)
        for damage in DAMAGE
        for ending in (".nbi", ".nbc")
        if (damage, ending) != ("another object", ".nbi")
    ],
)
def test_a_damaged_cache_is_mended_with_one_warning(damage, ending, module):
    kernels = module()
    kernels.twice(2.0), kernels.thrice(2.0)
    for path in files(module.folder, ending):
        path.write_bytes(DAMAGE[damage](path.read_bytes()))
    kernels = module()
    with pytest.warns(RuntimeWarning, match=r"the cache of tapegrad's kernels could not be read") as caught:
        assert (kernels.twice(5.0), kernels.thrice(5.0)) == (10.0, 15.0)
    assert len(caught) == 1
    assert hits(kernels.twice) == hits(kernels.thrice) == 0
    kernels = module()
    assert (kernels.twice(5.0), kernels.thrice(5.0)) == (10.0, 15.0)
    assert hits(kernels.twice) == hits(kernels.thrice) == 1


def test_what_two_processes_swapped_is_not_run(module):
    """Each takes the next free name for its file, so of two that save at once one may overwrite the other's."""
    kernels = module()
    kernels.twice(np.float32(2)), kernels.twice(np.float64(2))
    a, b = (path for path in files(module.folder, ".nbc") if "twice" in path.name)
    both = a.read_bytes(), b.read_bytes()
    a.write_bytes(both[1])
    b.write_bytes(both[0])
    kernels = module()
    assert kernels.twice(np.float32(5)) == 10
    assert kernels.twice(np.float64(5)) == 10
    assert hits(kernels.twice) == 0


def test_a_folder_that_cannot_be_made_costs_one_warning(module, monkeypatch, tmp_path):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "a_kernel.py" / "below a file"))
    caching = numba.core.caching
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [caching.UserProvidedCacheLocator])
    with pytest.warns(
        RuntimeWarning, match=r"could not be made \(.*no locator available.*NUMBA_CACHE_DIR may name"
    ) as caught:
        kernels = module()
    assert len(caught) == 1
    assert (kernels.twice(5.0), kernels.thrice(5.0)) == (10.0, 15.0)


def test_a_full_disk_costs_one_warning(module, monkeypatch):
    def full(self: Any, *arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(numba.core.caching.IndexDataCacheFile, "_save_data", full)
    kernels = module()
    with pytest.warns(RuntimeWarning, match=r"could not be written \(OSError.*No space left on device") as caught:
        assert (kernels.twice(5.0), kernels.thrice(5.0), kernels.twice(np.float32(5))) == (10.0, 15.0, 10)
    assert len(caught) == 1


def test_a_damaged_cache_that_cannot_be_mended_is_left_alone(module, monkeypatch):
    module().twice(2.0)
    for path in files(module.folder, ".nbi"):
        path.write_bytes(b"garbage")

    def locked(self: Any, *arguments: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(numba.core.caching.IndexDataCacheFile, "_save_index", locked)
    kernels = module()
    with pytest.warns(RuntimeWarning, match="could not be read") as caught:
        assert (kernels.twice(5.0), kernels.twice(np.float32(5))) == (10.0, 10)
    assert len(caught) == 1


# --------------------------------------------------------------------------------------------------
# The cache, with the kernels themselves

COMPUTE = """
import warnings
import numpy as np
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import tapegrad as tg
    rng = np.random.default_rng(0)
    x, filters = (rng.integers(-4, 5, s).astype(np.float32) for s in ((2, 9, 8, 5), (3, 3, 5, 21)))
    y, pullback = tg.vjp(tg.conv2d, x, filters)
    results = y, *pullback(np.roll(y, 1))
print([str(w.message)[:60] for w in caught])
from tapegrad.kernels import correlation
from tapegrad.kernels import plain_convolution as plain
from tapegrad.ops import convolution
convolution.kernels = lambda dtype, name: plain
y, pullback = tg.vjp(tg.conv2d, x, filters)
for ours, theirs in zip(results, (y, *pullback(np.roll(y, 1)))):
    np.testing.assert_array_equal(ours, theirs)
print(sum(correlation.correlate.stats.cache_hits.values()))
"""


@pytest.mark.slow
def test_kernels_for_other_lanes_share_a_folder(tmp_path):
    cached = {"NUMBA_CACHE_DIR": str(tmp_path)}
    found = [run_python(COMPUTE, TAPEGRAD_LANES=lanes, **cached).stdout.split()[-1] for lanes in ("8", "4", "8", "4")]
    assert found == ["0", "0", "1", "1"]


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_a_damaged_cache_of_the_kernels_is_mended(ending, tmp_path):
    cached = {"NUMBA_CACHE_DIR": str(tmp_path)}
    run_python(COMPUTE, **cached)
    damaged = files(tmp_path, ending)
    assert damaged
    for path in damaged:
        path.write_bytes(b"garbage")
    text = run_python(COMPUTE, **cached).stdout
    assert text.count("the cache of tapegrad's kernels could not be read") == 1
    assert text.split()[-1] == "0"
    assert run_python(COMPUTE, **cached).stdout.split() == ["[]", "1"]


@pytest.fixture
def copied(tmp_path):
    """A copy of the package, that a test may change."""
    shutil.copytree(KERNELS.parent, tmp_path / "tapegrad", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.mark.slow
def test_without_any_folder_to_write_to_each_process_compiles(copied):
    """The folders that numba tries: the one that is named, one beside the source, and one of the user's."""
    (copied / "tapegrad" / "kernels" / "__pycache__").write_text("not a folder", "utf-8")
    nowhere = str(copied / "tapegrad" / "errors.py" / "below a file")
    places = {"NUMBA_CACHE_DIR": nowhere, "XDG_CACHE_HOME": nowhere, "HOME": nowhere, "PYTHONDONTWRITEBYTECODE": "1"}
    text = run_python(COMPUTE, cwd=copied, **places).stdout
    assert text.count("the cache of tapegrad's kernels could not be made") == 1
    assert text.split()[-1] == "0"


@pytest.mark.slow
def test_a_change_of_what_kernels_share_compiles_them_anew(copied):
    cached = {"NUMBA_CACHE_DIR": str(copied / "cache")}
    assert run_python(COMPUTE, cwd=copied, **cached).stdout.split()[-1] == "0"
    assert run_python(COMPUTE, cwd=copied, **cached).stdout.split()[-1] == "1"
    source = copied / "tapegrad" / "kernels" / "tile.py"
    text = source.read_text("utf-8")
    changed = text.replace("[0.0] * self.lanes", "[1.0] * self.lanes")  # every sum begins with 1
    assert changed != text
    source.write_text(changed, "utf-8")
    with pytest.raises(AssertionError, match="Mismatched elements"):
        run_python(COMPUTE, cwd=copied, **cached)


# --------------------------------------------------------------------------------------------------
# Without numba


def test_without_the_compiler_results_are_the_same():
    code = """
        import numpy as np
        import naive_convolution as naive
        import tapegrad as tg

        rng = np.random.default_rng(0)
        for channels, groups in ((4, 1), (2, 2), (1, 4)):
            x, filters = (rng.integers(-4, 5, s).astype(np.float32) for s in ((2, 5, 4, 4), (3, 2, channels, 8)))
            options = {"strides": 2, "groups": groups}
            y, pullback = tg.vjp(lambda *a: tg.conv2d(*a, **options), x, filters)
            g = np.roll(y, 1)
            np.testing.assert_array_equal(y, naive.convolve(x, filters, **options))
            for ours, theirs in zip(pullback(g), naive.gradients(x, filters, g, **options)):
                np.testing.assert_array_equal(ours, theirs)
        import sys
        print("tapegrad.kernels.correlation" in sys.modules, "tapegrad.kernels.plain_convolution" in sys.modules)
    """
    assert run_python(code, NUMBA_DISABLE_JIT="1").stdout.split() == ["False", "True"]


# --------------------------------------------------------------------------------------------------
# Whatever is asked for, the process lives


@pytest.mark.slow
def test_no_arguments_can_crash_the_process():
    """Shapes and options without any care for whether they fit: what is computed must be right, the rest be refused."""
    code = """
        import faulthandler
        import numpy as np
        from hypothesis import HealthCheck, given, settings
        from hypothesis import strategies as st
        import tapegrad as tg
        from tapegrad.kernels import plain_convolution as plain
        from tapegrad.kernels import winograd
        from tapegrad.ops import convolution

        suits = winograd.suits
        faulthandler.enable()
        usual = convolution.kernels
        numbers = st.integers(0, 12) | st.sampled_from([-1, 31, 64, 2**31, 2**63 - 1, 2**63, 2**80])
        several = numbers | st.lists(numbers, min_size=1, max_size=3).map(tuple)
        few = st.integers(0, 9)
        pairs = st.lists(st.tuples(few, few), max_size=3)
        padding = st.sampled_from(["SAME", "VALID", "FULL"]) | st.integers(-1, 9) | pairs
        refused = (tg.errors.ShapeError, tg.errors.DTypeError, ValueError, TypeError, MemoryError)
        counts = {"computed": 0, "refused": 0}

        @st.composite
        def calls(draw):
            ndim = draw(st.integers(1, 3))
            groups = draw(st.sampled_from([1, 1, 2, 3, 16]))
            channels, outputs = draw(st.sampled_from([0, 1, 2, 3, 17])), draw(st.sampled_from([0, 1, 2, 3, 33]))
            limit = {1: 70, 2: 14, 3: 5}[ndim]
            x = [draw(st.integers(0, 3)), *(draw(st.integers(0, limit)) for _ in range(ndim)), channels * groups]
            filters = [*(draw(st.integers(0, 6) | st.just(3)) for _ in range(ndim)), channels, outputs * groups]
            if draw(st.integers(0, 9)) == 0:  # one dimension or size too many, or another one
                damaged = draw(st.sampled_from([x, filters]))
                damaged[draw(st.integers(0, len(damaged) - 1))] += draw(st.integers(1, 3))
            transposed = draw(st.booleans())
            if transposed:
                x[-1], filters[-1], filters[-2] = outputs * groups, outputs * groups, channels
            dtypes = [draw(st.sampled_from([np.float32, np.float64])) for _ in range(2)]
            options = {
                "strides": draw(st.integers(1, 4) | several),
                "dilation": draw(st.integers(1, 3) | several),
                "padding": draw(padding),
                "groups": draw(st.sampled_from([groups] * 9 + [0, 7])),
            }
            return f"conv{'_transpose' * transposed}{ndim}d", x, filters, dtypes, options

        def compute(name, x, filters, options, seed):
            y, pullback = tg.vjp(lambda *a: getattr(tg, name)(*a, **options), x, filters)
            g = np.random.default_rng(seed).integers(-4, 5, y.shape).astype(y.dtype)
            return (y, *pullback(g))

        @settings(max_examples=2500, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(calls(), st.integers(0, 9), st.integers(1, 3))
        def fuzz(call, seed, threads):
            name, x_shape, filters_shape, dtypes, options = call
            tg.set_num_threads(threads)
            winograd.suits = (lambda *arguments: True) if seed % 2 else suits
            rng = np.random.default_rng(seed)
            x, filters = (rng.integers(-4, 5, s).astype(t) for s, t in zip((x_shape, filters_shape), dtypes))
            if seed % 3 == 0:
                x, filters = np.asfortranarray(x), filters[::-1]
            if seed % 5 == 0:
                x.flags.writeable = filters.flags.writeable = False
            try:
                results = compute(name, x, filters, options, seed)
            except refused as error:
                counts["refused"] += 1
                return
            counts["computed"] += 1
            if max(np.ravel(options["dilation"])) > 9:
                return  # too much padding for the plain formulas
            convolution.kernels = lambda dtype, name: plain
            try:
                for ours, theirs in zip(results, compute(name, x, filters, options, seed)):
                    np.testing.assert_array_equal(ours, theirs)
            finally:
                convolution.kernels = usual

        fuzz()
        print(counts)
        assert min(counts.values()) > 300, counts
    """
    run_python(code)


# --------------------------------------------------------------------------------------------------
# relu


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_relus_have_numpys_bits(dtype, monkeypatch):
    monkeypatch.setattr(activation, "_LARGE", 1)
    special = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 1e-40, -1e-40, 3, -3], dtype)
    x, g = (a.ravel() for a in np.meshgrid(special, special))
    x, g = np.tile(x, 500)[::2], np.tile(g, 500)[::-2]  # several jobs, and not side by side in memory
    with np.errstate(invalid="ignore"):
        expected, gradient = np.maximum(x, 0), g * (np.maximum(x, 0) > 0)
        t = tg.tensor(x, requires_grad=True)
        out = tg.relu(t)
        out.backward(g)
    assert out.numpy().tobytes() == expected.tobytes()
    assert np.isnan(t.grad.numpy()).tobytes() == np.isnan(gradient).tobytes()
    there = ~np.isnan(gradient)
    assert t.grad.numpy()[there].tobytes() == gradient[there].tobytes()
