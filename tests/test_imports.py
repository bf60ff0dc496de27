"""The layers import one way, and `import tapegrad` stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import tapegrad

PACKAGE = Path(tapegrad.__file__).parent

# A module, or a folder of them, may import what stands before it.
LAYERS = [
    "errors",
    "_dtype",
    "_closures",
    "_pytree",
    "kernels",
    "_rows",
    "_tape",
    "primitive",
    "random",
    "ops",
    "tensor",
    "_number",
    "transforms",
    "debug",
    "control",
    "testing",
    "io",
    "static",
    "nn",
    "optim",
    "data",
    "train",
    "compat",
    "__init__",
    "__main__",
]


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(tree: ast.AST, path: Path) -> list[tuple[int, str]]:
    """The line and the layer of every import of the package's own that runs, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []  # for the type checker alone, which does not mind a circle
    package = ("tapegrad", *path.relative_to(PACKAGE).parent.parts)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = [*package[: len(package) + 1 - node.level]] if node.level else []
            base += node.module.split(".") if node.module else []
            found += [(node.lineno, [*base, alias.name]) for alias in node.names]
    # `from tapegrad import tensor` names a layer or something that only the whole package has.
    return [
        (line, names[1] if len(names) > 1 and names[1] in LAYERS else "__init__")
        for line, names in found
        if names[0] == "tapegrad"
    ]


def violations(source: str, path: Path) -> list[str]:
    mine = layer_of(path)
    place = LAYERS.index(mine)
    return [
        f"{path.relative_to(PACKAGE.parent)}:{line}: {mine} imports {theirs}, which stands after it"
        for line, theirs in imports(ast.parse(source), path)
        if LAYERS.index(theirs) > place
    ]


def test_every_module_has_a_layer():
    assert {layer_of(path) for path in PACKAGE.rglob("*.py")} <= set(LAYERS)


def test_modules_import_only_the_layers_before_them():
    assert [v for path in sorted(PACKAGE.rglob("*.py")) for v in violations(path.read_text("utf-8"), path)] == []


@pytest.mark.parametrize(
    ("place", "line", "fine"),
    [
        ("_tape.py", "from .errors import ShapeError", True),
        ("_tape.py", "from .ops import add", False),
        ("_tape.py", "def f():\n    from . import debug", False),
        ("_tape.py", "if TYPE_CHECKING:\n    from .tensor import TensorMethods", True),
        ("ops/shape.py", "from . import elementwise", True),
        ("ops/shape.py", "from .. import tensor", False),
        ("ops/shape.py", "from ..nn.linear import Linear", False),
        ("ops/shape.py", "import tapegrad.nn", False),
        ("ops/shape.py", "import tapegrad", False),
        ("ops/shape.py", "from tapegrad import grad", False),
        ("__main__.py", "from . import nn, __version__", True),
    ],
)
def test_the_check_of_layers_sees_every_way_to_import(place, line, fine):
    assert (violations(line, PACKAGE / place) == []) is fine


def test_importing_the_package_leaves_the_heavy_modules_out():
    code = "import sys, tapegrad; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "numpy" in loaded
    assert {"numba", "llvmlite", "matplotlib", "scipy", "rich"} & set(loaded) == set()


@pytest.mark.slow
def test_the_wheel_holds_all_that_the_package_reads(tmp_path):
    """Tests run on an editable install, which cannot tell whether the data get packed."""
    root = PACKAGE.parent.parent
    if not (root / "pyproject.toml").exists():
        pytest.skip("not run from a source tree")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(root)]
    subprocess.run(command, check=True)
    site = tmp_path / "site"
    (wheel,) = tmp_path.glob("*.whl")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)], check=True
    )
    packed, sources = read_by(site / "tapegrad"), read_by(PACKAGE)
    assert packed == sources
    assert Path("py.typed") in packed


def read_by(package):
    """The files of a package, without what Python and numba compiled of them."""
    return {p.relative_to(package) for p in package.rglob("*") if "__pycache__" not in p.parts}
