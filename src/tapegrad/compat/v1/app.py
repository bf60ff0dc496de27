"""Programs and their flags: `tf.app`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from . import flags
from ._missing import not_covered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["flags", "run"]


def run(main: Callable[[list[str]], Any] | None = None, argv: Sequence[str] | None = None) -> None:
    """Read the flags, call `main` with what is left of the command line, and end the program with what it gives."""
    arguments = list(sys.argv if argv is None else argv)
    if any(item in ("--help", "-help", "-h") for item in arguments[1:]):
        print(f"{arguments[0]}:\n{flags.FLAGS.main_module_help()}")
        sys.exit(0)
    try:
        rest = flags.FLAGS(arguments, known_only=True)
    except flags.Error as error:
        print(f"FATAL Flags parsing error: {error}", file=sys.stderr)
        sys.exit(1)
    sys.exit((main or sys.modules["__main__"].main)(rest))


__getattr__ = not_covered(__name__)
