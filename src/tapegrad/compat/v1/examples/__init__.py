"""What TensorFlow's own examples had that scripts import: `tensorflow.examples`."""

from . import tutorials
