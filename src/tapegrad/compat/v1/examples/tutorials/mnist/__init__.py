"""What the tutorials on MNIST had that scripts import."""

from ...._missing import not_covered
from . import input_data

__getattr__ = not_covered(__name__)
