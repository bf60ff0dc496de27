"""Models: modules that hold parameters, initialisers that fill them, and the losses they are trained by."""

from . import functional, init
from .activation import ReLU, Sigmoid, Softmax, Tanh
from .linear import Linear
from .module import Module
from .sequential import Sequential

__all__ = [
    "Linear",
    "Module",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "functional",
    "init",
]
