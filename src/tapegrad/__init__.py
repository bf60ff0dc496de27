"""tapegrad differentiates NumPy: a `Tensor` records what runs on a tape, and `backward()` replays it in reverse.

import numpy as np
import tapegrad as tg

x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = np.sum(np.sin(x) * x)
y.backward()
x.grad                                   # sin(x) + x cos(x)
tg.grad(lambda x: np.sum(np.sin(x) * x))(np.arange(3.0))
"""

import importlib
from typing import TYPE_CHECKING, Any

from . import errors, ops, random
from ._dtype import get_default_dtype, set_default_dtype
from ._tape import Tensor, no_grad
from .debug import debug, detect_nan, keep_gradients, profile, show_tape, tape, to_dot
from .errors import *
from .kernels.threads import get_num_threads, set_num_threads
from .ops import *
from .primitive import primitive
from .tensor import arange, asarray, eye, full, linspace, ones, tensor, zeros
from .transforms import checkpoint, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

if TYPE_CHECKING:
    from . import data, io, nn, optim, static, testing, train
    from .control import cond, scan, while_loop
    from .static import compile, load_program, trace

__version__ = "0.1.0"

__all__ = [
    "Tensor",
    "arange",
    "asarray",
    "checkpoint",
    "compile",
    "cond",
    "data",
    "debug",
    "detect_nan",
    "errors",
    "eye",
    "full",
    "get_default_dtype",
    "get_num_threads",
    "grad",
    "hessian",
    "hvp",
    "io",
    "jacobian",
    "jvp",
    "keep_gradients",
    "linspace",
    "load_program",
    "nn",
    "no_grad",
    "ones",
    "ops",
    "optim",
    "primitive",
    "profile",
    "random",
    "scan",
    "set_default_dtype",
    "set_num_threads",
    "show_tape",
    "static",
    "tape",
    "tensor",
    "testing",
    "to_dot",
    "trace",
    "train",
    "value_and_grad",
    "vjp",
    "while_loop",
    "zeros",
]
__all__ += errors.__all__
__all__ += ops.__all__


def __getattr__(name: str) -> Any:
    """Import on first use what most programs do without."""
    if name in {"data", "io", "nn", "optim", "static", "testing", "train"}:
        return importlib.import_module(f".{name}", __name__)
    if name in {"cond", "scan", "while_loop"}:
        return getattr(importlib.import_module(".control", __name__), name)
    if name in {"compile", "load_program", "trace"}:
        return getattr(importlib.import_module(".static", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
