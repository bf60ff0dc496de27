"""The static-graph mode: a function is written down once as a program, which is shortened and replayed."""

from .compiled import Compiled, compile, trace
from .program import Constant, Entry, Program, Variable

__all__ = ["Compiled", "Constant", "Entry", "Program", "Variable", "compile", "trace"]
