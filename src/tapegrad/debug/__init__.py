"""Looking at the tape, and watching it being written and replayed.

The tape is data, so it can be printed (`show_tape`, `tape`), drawn (`to_dot`) and shown in a notebook. Who wants to
see it happen is an Observer, told of every op and of every gradient: `debug`, `detect_nan`, `keep_gradients` and
`profile`. They cost nothing while nobody watches, see the thread that they were started in, and nest.
"""

from .._tape import Tensor
from .drawing import to_dot
from .gradients import keep_gradients
from .mode import debug
from .nan import detect_nan
from .notebook import as_html
from .profiling import profile
from .table import show_tape, tape

__all__ = ["debug", "detect_nan", "keep_gradients", "profile", "show_tape", "tape", "to_dot"]

Tensor._repr_html_ = as_html  # type: ignore[attr-defined]  # by which notebooks ask
