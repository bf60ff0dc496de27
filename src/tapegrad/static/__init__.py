"""The static-graph mode: a function is written down once as a program, which is shortened and replayed."""

from .compiled import Compiled, compile, trace
from .program import Constant, Entry, Program, Variable
from .saved import LoadedProgram, load_program

__all__ = ["Compiled", "Constant", "Entry", "LoadedProgram", "Program", "Variable", "compile", "load_program", "trace"]
