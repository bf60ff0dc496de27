"""What TensorFlow's tutorials had that scripts import."""

from ..._missing import not_covered
from . import mnist

__getattr__ = not_covered(__name__)
