"""Files that are whole or not there: checkpoints of nested state, and the safetensors files that hold them."""

from .checkpoint import load, save
from .files import write_atomically
from .safetensors import read_tensors, write_tensors

__all__ = ["load", "read_tensors", "save", "write_atomically", "write_tensors"]
