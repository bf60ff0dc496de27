"""What is said of a name that is not there: that it is not covered, why, what is nearest, and where the list is."""

from __future__ import annotations

import difflib
import importlib
import types
from typing import TYPE_CHECKING, Any

from ...errors import TapegradError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = __name__.rpartition(".")[0]
_LIST = "docs/tf1.md lists what is"

#: What is left out on purpose, and why.
REFUSED = {
    "GraphDef": "graphs are not stored as protocol buffers; tf.train.Saver stores values",
    "MetaGraphDef": "graphs are not stored as protocol buffers; tf.train.Saver stores values",
    "NodeDef": "graphs are not stored as protocol buffers; tf.train.Saver stores values",
    "contrib.boosted_trees": "trees are not differentiated; scikit-learn has them",
    "contrib.cudnn_rnn": "there are no graphics cards here; tf.contrib.rnn has the cells",
    "contrib.distribute": "training runs in one process",
    "contrib.eager": "tapegrad itself computes at once",
    "contrib.factorization": "clusters are not differentiated; scikit-learn has them",
    "contrib.image": "tf.image has most of it",
    "contrib.lookup": "a Python dict before the graph",
    "contrib.opt": "tf.train has optimizers",
    "contrib.summary": "tf.summary has it",
    "contrib.training": "tf.train has it",
    "contrib.estimator": "tf.estimator has it",
    **{
        f"contrib.learn.{name}": f"tf.estimator.{name} replaced it in TensorFlow 1 already"
        for name in (
            "DNNClassifier",
            "DNNLinearCombinedClassifier",
            "DNNLinearCombinedRegressor",
            "DNNRegressor",
            "LinearClassifier",
            "LinearRegressor",
        )
    },
    "contrib.learn.datasets.DATASETS": "tf.contrib.learn.datasets.load_dataset reads MNIST",
    "contrib.learn.python.learn.datasets.base.maybe_download": "nothing is downloaded; put the file where it is read",
    "contrib.learn.preprocessing.ByteProcessor": "numpy.frombuffer(text.encode(), numpy.uint8)",
    "contrib.learn.infer_real_valued_columns_from_input": 'tf.feature_column.numeric_column("x", shape) is one',
    "contrib.layers.real_valued_column": "tf.feature_column.numeric_column replaced it in TensorFlow 1 already",
    "contrib.lite": "models are not converted for other devices",
    "contrib.slim": "it is a library of its own; tf.contrib.layers has most of its layers",
    "contrib.tensor_forest": "trees are not differentiated; scikit-learn has them",
    "contrib.tensorboard": "TensorBoard's projector is not fed",
    "contrib.tpu": "there are no other devices here",
    "distribute": "training runs in one process",
    "enable_eager_execution": "tapegrad itself computes at once: import tapegrad, not TensorFlow's names",
    "import_graph_def": "graphs are not stored as protocol buffers; run the script that builds the graph",
    "lite": "models are not converted for other devices",
    "python.client.timeline": "runs are not traced; tapegrad.profile times ops",
    "saved_model": "graphs are not stored as protocol buffers; tf.train.Saver stores values",
    "train.ClusterSpec": "training runs in one process",
    "train.Server": "training runs in one process",
    "train.SyncReplicasOptimizer": "training runs in one process",
    "train.replica_device_setter": "training runs in one process; tf.device takes any name",
}


class NotCoveredError(TapegradError):
    """What TensorFlow 1 had and tapegrad does not cover. The message names it, and the nearest thing that is."""

    def __str__(self) -> str:
        return f"{super().__str__()} ({_LIST})"


class NameNotCoveredError(NotCoveredError, AttributeError):
    """A name that is not there. What to say of it is looked for only when someone reads it: `hasattr` asks often."""

    def __init__(self, module: str, name: str) -> None:
        super().__init__(module, name)
        self.name = name
        self._module = module

    def __str__(self) -> str:
        paths = {module.__name__: path for path, module in public_modules()}
        return advice(paths.get(self._module, self._module.removeprefix(ROOT).strip(".")), str(self.name))


def not_covered(module: str) -> Callable[[str], Any]:
    """The `__getattr__` of a public module: raises AttributeError, which tells what to use in place of the name."""

    def missing(name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        raise NameNotCoveredError(module, name)

    return missing


def advice(path: str, name: str) -> str:
    """What to say of `name` in the module at `path`, such as "nn", or "" for the root."""
    whole = f"{path}.{name}".strip(".")
    said = f"tf.{whole} is not covered by tapegrad"
    reason = reason_for(whole)
    near = nearest(path, name)
    if reason:
        said += f": {reason}"
    elif near:
        said += f"; the nearest that is: tf.{near}"
    return f"{said} ({_LIST})"


def reason_for(whole: str) -> str | None:
    """Why a name, or the module that it is in, is left out; None if it is not so on purpose."""
    parts = whole.split(".")
    return next(
        (REFUSED[head] for end in range(len(parts), 0, -1) if (head := ".".join(parts[:end])) in REFUSED),
        None,
    )


def nearest(path: str, name: str) -> str | None:
    """The covered name that is most like it: of the same module, or else the same name of another."""
    modules = dict(public_modules())
    here = modules.get(path)
    near = difflib.get_close_matches(name, public_names(here), 1, 0.75) if here is not None else []
    if near:
        return f"{path}.{near[0]}".strip(".")
    whole = {f"{place}.{own}".strip("."): own for place, module in modules.items() for own in public_names(module)}
    same = sorted((x for x, own in whole.items() if own.lower() == name.lower()), key=len)
    if same:
        return same[0]
    near = difflib.get_close_matches(f"{path}.{name}".strip("."), whole, 1, 0.7)
    return near[0] if near else None


def public_modules() -> Iterator[tuple[str, types.ModuleType]]:
    """The root, which is called "", and every public module below it, each with its shortest dotted name."""
    root = importlib.import_module(ROOT)
    seen: set[types.ModuleType] = {root}
    waiting = [("", root)]
    while waiting:
        path, module = waiting.pop(0)
        yield path, module
        for name in public_names(module):
            try:
                inner = getattr(module, name, None)
            except ImportError:  # of an extra that is not installed
                continue
            if isinstance(inner, types.ModuleType) and inner not in seen:
                seen.add(inner)
                waiting.append((f"{path}.{name}".strip("."), inner))


def public_names(module: types.ModuleType) -> list[str]:
    """The names that scripts may use of a module, those among them that are imported when first asked for."""
    own = vars(module)
    names = {name for name in own.get("__all__", own) if not name.startswith("_") and _is_ours(own.get(name), name)}
    if "__all__" not in own:  # other modules of a package are attributes of it once someone has imported them
        names = {name for name in names if name in _TOLD or not isinstance(own[name], types.ModuleType)}
    return sorted({*names, *own.get("_PARTS", ()), *own.get("_FROM", ())})


_TOLD = {"errors", "tutorials", "mnist", "input_data", "flags"}


def _is_ours(value: Any, name: str) -> bool:
    if name in ("annotations", "TYPE_CHECKING"):
        return False
    if isinstance(value, types.ModuleType):
        return value.__name__.startswith(ROOT)
    return getattr(value, "__module__", "") not in (
        "typing", "collections.abc", "types", "pathlib", "contextlib", __name__,
    )  # fmt: skip
