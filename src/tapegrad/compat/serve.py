"""Serving modules under the names that old scripts import: TensorFlow's, ANNbox, miniFlow and mytensor.

Nothing is installed under these names: they are found in this process only, once `serve()` was called, and are the
modules of this package themselves.
"""

from __future__ import annotations

import difflib
import importlib
import sys
import types
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from typing import TYPE_CHECKING, Any

from .v1 import _missing

if TYPE_CHECKING:
    from collections.abc import Sequence

PACKAGE = __name__.rpartition(".")[0]
SERVED = {"ANNbox": "annbox", "miniFlow": "miniflow", "mytensor": "mytensor", "tensorflow": "v1"}

#: Places deep inside of TensorFlow that a public module stands for.
DEEP = {
    "contrib.layers.python.layers": "contrib.layers",
    "contrib.layers.python.layers.initializers": "contrib.layers",
    "contrib.layers.python.layers.layers": "contrib.layers",
    "contrib.layers.python.layers.regularizers": "contrib.layers",
    "contrib.learn.python.learn.datasets.mnist": "examples.tutorials.mnist.input_data",
    "contrib.learn.datasets.mnist": "examples.tutorials.mnist.input_data",
    "contrib.learn.python.learn": "contrib.learn",
    "contrib.learn.python.learn.estimators.estimator": "contrib.learn",
    "contrib.learn.python.learn.estimators.model_fn": "contrib.learn",
    "contrib.learn.python.learn.metric_spec": "contrib.learn",
    "contrib.rnn.python.ops.core_rnn_cell": "nn.rnn_cell",
    "contrib.rnn.python.ops.rnn_cell": "contrib.rnn",
    "models.rnn.rnn": "nn",
    "models.rnn.rnn_cell": "nn.rnn_cell",
    "models.rnn.seq2seq": "contrib.legacy_seq2seq",
}


class _Finder:
    """Finds the served modules before Python looks for files of their names."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a served module, None for any other name; raises ModuleNotFoundError for one not covered."""
        top, _, below = name.partition(".")
        if top == "six" and not _installed("six"):
            part = _six(below)
            return None if part is None else ModuleSpec(name, _Loader(part), is_package=True)
        if top not in SERVED:
            return None
        module = found(SERVED[top], below)
        if module is None:
            raise ModuleNotFoundError(_not_there(top, below), name=name)
        return ModuleSpec(name, _Loader(module), is_package=True)


class _Loader(Loader):
    """Puts a module that exists under a second name."""

    def __init__(self, module: types.ModuleType) -> None:
        self._module = module

    def create_module(self, spec: ModuleSpec) -> None:
        """Let Python make a module, which `exec_module` takes away again: so it changes nothing of ours."""

    def exec_module(self, module: types.ModuleType) -> None:
        """Put our module in the place of the one that Python made."""
        assert module.__spec__ is not None
        if self._module.__name__.startswith(PACKAGE) and not hasattr(self._module, "__path__"):
            self._module.__path__ = []  # `import tensorflow.nn.rnn_cell` asks for a package
        sys.modules[module.__spec__.name] = self._module


def _installed(name: str) -> bool:
    """Whether a package is there without us."""
    return PathFinder.find_spec(name) is not None


def _six(below: str) -> types.ModuleType | None:
    from . import _six as six

    return _attribute(six, below) if below else six


def found(module: str, below: str) -> types.ModuleType | None:
    """The module that is called `below` inside of one of this package, or None."""
    value = importlib.import_module(f".{module}", PACKAGE)
    if not below:
        return value
    if below in DEEP:
        return found(module, DEEP[below])
    if any(place.startswith(f"{below}.") for place in DEEP):
        return _attribute(value, below) or _folder(below)
    return _attribute(value, below)


def _folder(below: str) -> types.ModuleType:
    """A module that only leads to those inside of it."""
    module = types.ModuleType(f"tensorflow.{below}")
    module.__path__ = []
    module.__getattr__ = _missing.not_covered(f"{_missing.ROOT}.{below}")  # type: ignore[method-assign]
    return module


def _attribute(value: Any, below: str) -> types.ModuleType | None:
    for name in below.split("."):
        try:
            value = getattr(value, name)
        except AttributeError:
            return None
    return value if isinstance(value, types.ModuleType) else None


def _not_there(top: str, below: str) -> str:
    """What to say of a module that is not covered."""
    if top != "tensorflow":
        return f"{top} has no module {below!r}; it is a single one"
    name = below.rpartition(".")[2]
    reason = _missing.reason_for(below)
    if reason:
        return f"tensorflow.{below} is not covered by tapegrad: {reason} (docs/tf1.md lists what is)"
    places = [path for path, _ in _missing.public_modules() if path]
    same = [path for path in places if path.rpartition(".")[2] == name]
    near = same or difflib.get_close_matches(below, places, 1, 0.4)
    nearest = f"; the nearest that is: tensorflow.{near[0]}" if near else ""
    return f"tensorflow.{below} is not covered by tapegrad{nearest} (docs/tf1.md lists what is)"


_finder = _Finder()


def serve() -> None:
    """Serve the old names from now on, in this process, before anything that is installed under them."""
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)  # type: ignore[arg-type]  # a finder need not be of importlib's class
