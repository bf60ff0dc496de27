"""The exceptions that tapegrad raises, each also an instance of the built-in that fits best.

    TapegradError
    ├── ShapeError          (ValueError)          shapes that do not fit together
    ├── DTypeError          (TypeError)           a dtype that cannot do what was asked
    ├── LostGradientError   (RuntimeError)        what would have dropped a gradient silently
    ├── BackwardError       (RuntimeError)        a backward pass that cannot run
    ├── RuleError           (RuntimeError)        a gradient rule that broke its contract
    ├── NaNError            (FloatingPointError)  what `detect_nan()` found
    ├── DataError           (ValueError)          a data file that is missing, cut short or not what it says
    ├── KinkError           (ValueError)          a point where finite differences tell no derivative
    ├── TraceError          (RuntimeError)        what cannot be in a program, or would be frozen in it
    └── MissingExtraError   (ImportError)         an optional package that is not installed

Each message says what was expected, what came, and what to do.
"""

__all__ = [
    "BackwardError",
    "DTypeError",
    "DataError",
    "KinkError",
    "LostGradientError",
    "MissingExtraError",
    "NaNError",
    "RuleError",
    "ShapeError",
    "TapegradError",
    "TraceError",
]


class TapegradError(Exception):
    """The base of every exception that tapegrad raises on purpose."""


class ShapeError(TapegradError, ValueError):
    """Shapes that do not fit together."""


class DTypeError(TapegradError, TypeError):
    """A dtype that cannot do what was asked, such as an integer asked for a gradient."""


class LostGradientError(TapegradError, RuntimeError):
    """A recorded Tensor was about to become a plain array or number, and its gradient to be lost.

    Not a TypeError: NumPy replaces those, while it stores an element, by a message that names no remedy.
    """


class BackwardError(TapegradError, RuntimeError):
    """A backward pass that cannot run: nothing recorded, already released, or no cotangent."""


class RuleError(TapegradError, RuntimeError):
    """A gradient rule gave a gradient of the wrong shape, or does not fit its function."""


class NaNError(TapegradError, FloatingPointError):
    """A NaN appeared while `tapegrad.detect_nan()` was watching."""


class DataError(TapegradError, ValueError):
    """A data file is missing, cut short, or not what its header promises."""


class KinkError(TapegradError, ValueError):
    """A point where finite differences cannot tell the derivative: a kink, a jump, or a bend too sharp for the step.

    A property test may skip such a point: `except KinkError: hypothesis.reject()`.
    """


class TraceError(TapegradError, RuntimeError):
    """What cannot be part of a traced program, would be frozen in it, or was found frozen in it."""


class MissingExtraError(TapegradError, ImportError):
    """An optional package is not installed; the message names the extra that brings it."""
