"""What TensorFlow's tutorials had that scripts import."""

from . import mnist
