"""What TensorFlow's own examples had that scripts import: `tensorflow.examples`."""

from .._missing import not_covered
from . import tutorials

__getattr__ = not_covered(__name__)
