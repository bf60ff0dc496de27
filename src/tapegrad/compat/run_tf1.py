"""`python -m tapegrad run-tf1 script.py`: a script of TensorFlow 1's time runs as Python would run it."""

from __future__ import annotations

import builtins
import os
import re
import sys
import tokenize
import traceback
import types
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError
from . import old_python, python2, serve

if TYPE_CHECKING:
    from collections.abc import Sequence

_PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep


def run(
    script: str,
    arguments: Sequence[str] = (),
    *,
    data: str | None = None,
    show_tape: bool = False,
    quiet_old_names: bool = False,
) -> int:
    """Run a script with the old names served, and give its exit status.

    `data` is "digits", the digits that come with tapegrad, or a folder with MNIST's files: what
    `input_data.read_data_sets` reads, whatever folder the script names.
    """
    serve.serve()
    old_python.put_back()
    _choose_data(data)
    if quiet_old_names:
        from .v1 import warn_of_old_names

        warn_of_old_names(False)
    if show_tape:
        from .v1 import _last_tape

        _last_tape.keep()
    try:
        return _execute(script, arguments)
    finally:
        if show_tape:
            _last_tape.show()


def _choose_data(data: str | None) -> None:
    if data is None:
        return
    from .v1.examples.tutorials.mnist import input_data

    if data == "digits":
        input_data.serve_digits = True
        return
    folder = Path(data)
    from ..data.datasets import FILES

    missing = [file.name for file in FILES if not input_data._file(folder, file.name)]
    if missing:
        raise DataError(f"run-tf1 --data: expected MNIST's files in {folder}, where {', '.join(missing)} is missing")
    input_data.serve_folder = folder


def _execute(script: str, arguments: Sequence[str]) -> int:
    """Run the file as `__main__`."""
    with tokenize.open(script) if _is_text(script) else open(script, encoding="latin-1") as file:
        source = file.read()
    try:
        code = old_python.compiled(source, script)
    except SyntaxError as error:
        traceback.print_exception(error.with_traceback(None))
        for line in python2.of_syntax(error, source, script):
            print(line, file=sys.stderr)
        return 1
    main = types.ModuleType("__main__")
    main.__file__ = script
    main.__dict__["__builtins__"] = builtins
    sys.modules["__main__"] = main
    sys.argv = [script, *arguments]
    sys.path[0] = os.path.dirname(os.path.abspath(script))  # where `python -m` put the working directory
    try:
        exec(code, main.__dict__)  # the user's own script, which is what was asked for
    except Exception as error:
        _report(error, script)
        return 1
    return 0


def _is_text(script: str) -> bool:
    """Whether the file's encoding can be read: Python 2 took files that tell none as they came."""
    try:
        with tokenize.open(script) as file:
            file.read()
    except (SyntaxError, UnicodeDecodeError):
        return False
    return True


def _report(error: Exception, script: str) -> None:
    """Print the traceback from the script's own lines on, and what to do about it."""
    first = error.__traceback__
    while first is not None and first.tb_frame.f_code.co_filename != script:
        first = first.tb_next
    from .v1._missing import NotCoveredError
    from .v1.errors import OpError

    if isinstance(error, OpError | NotCoveredError):  # whose message has all that our own lines would tell
        error.__cause__, error.__suppress_context__ = None, True
        last = step = first
        while step is not None:
            if not step.tb_frame.f_code.co_filename.startswith(_PACKAGE):
                last = step
            step = step.tb_next
        if last is not None:
            last.tb_next = None
    advice = python2.of_error(error) or _not_covered(error)
    if advice is not None:
        error.add_note(f"tapegrad: {advice}")
    sys.excepthook(type(error), error.with_traceback(first), first)


def _not_covered(error: Exception) -> str | None:
    """What to say of a name that a script could not import from a served module."""
    found = re.match(r"cannot import name '(\w+)' from '([\w.]+)'", str(error))
    module = sys.modules.get(found[2]) if found and isinstance(error, ImportError) else None
    if found is None or module is None or not found[2].startswith((serve.PACKAGE, "tensorflow")):
        return None
    try:
        getattr(module, found[1])
    except AttributeError as missing:
        return str(missing)
    return None
