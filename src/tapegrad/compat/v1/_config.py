"""How a session is to run, as scripts say it: attributes that can be set and read, and that change nothing here."""

from __future__ import annotations

from typing import Any

__all__ = ["ConfigProto", "GPUOptions", "GraphOptions", "OptimizerOptions", "RunMetadata", "RunOptions"]


class _Options:
    """Attributes by keyword; those that were not set are those of `defaults`, or None."""

    defaults: dict[str, Any] = {}  # noqa: RUF012  (never written to)

    def __init__(self, **options: Any) -> None:
        for name, default in self.defaults.items():
            setattr(self, name, default() if callable(default) else default)
        for name, value in options.items():
            setattr(self, name, value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


class GPUOptions(_Options):
    """Of graphics cards, which are not used here."""

    defaults = {"allow_growth": False, "per_process_gpu_memory_fraction": 0.0, "visible_device_list": ""}  # noqa: RUF012


class OptimizerOptions(_Options):
    """Of TensorFlow's optimizer of graphs; what runs repeatedly is compiled here in any case."""

    L1, L0 = 0, -1
    DEFAULT, OFF, ON_1, ON_2 = 0, -1, 1, 2


class GraphOptions(_Options):
    """Of TensorFlow's treatment of graphs."""

    defaults = {"optimizer_options": OptimizerOptions, "rewrite_options": _Options}  # noqa: RUF012


class ConfigProto(_Options):
    """The configuration of a session: devices, threads and memory, which are not chosen here."""

    defaults = {  # noqa: RUF012
        "gpu_options": GPUOptions, "graph_options": GraphOptions, "device_count": dict, "allow_soft_placement": False,
        "log_device_placement": False, "intra_op_parallelism_threads": 0, "inter_op_parallelism_threads": 0,
    }  # fmt: skip


class RunOptions(_Options):
    """The options of one run, which has one way to be run here."""

    NO_TRACE, SOFTWARE_TRACE, HARDWARE_TRACE, FULL_TRACE = 0, 1, 2, 3
    defaults = {"trace_level": NO_TRACE, "timeout_in_ms": 0}  # noqa: RUF012


class RunMetadata(_Options):
    """What TensorFlow noted of a run; nothing is noted here, and `tapegrad.debug.profile` times ops."""
