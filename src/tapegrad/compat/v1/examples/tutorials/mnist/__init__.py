"""What the tutorials on MNIST had that scripts import."""

from . import input_data
