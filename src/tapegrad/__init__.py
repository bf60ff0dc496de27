"""tapegrad differentiates NumPy."""
from . import ops as _ops
from ._dtype import get_default_dtype, set_default_dtype
from ._tape import Tensor, no_grad
from .errors import *
from .ops import *
from .primitive import primitive
from .tensor import arange, asarray, eye, full, linspace, ones, tensor, zeros
from .transforms import checkpoint, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
