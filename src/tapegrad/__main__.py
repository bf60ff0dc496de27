"""The command line: `python -m tapegrad COMMAND`.

It ends with 0 when all went well, 1 when a goal was not reached, and 2 when something needed was missing.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from typing import TYPE_CHECKING

from .errors import TapegradError

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that `arguments`, by default the process's own, ask for, and give the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tapegrad", description="tapegrad differentiates NumPy.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    demo = commands.add_parser("demo", help="train a small network on handwritten digits and show how it goes")
    demo.add_argument("--data", metavar="PATH", help="train on the four MNIST idx.gz files of this folder instead")
    demo.set_defaults(run=_demo)

    warmup = commands.add_parser("warmup", help="compile all kernels now, not when each is first needed")
    warmup.set_defaults(run=_warmup)

    doctor = commands.add_parser("doctor", help="tell what this machine gives tapegrad to work with, and what to set")
    doctor.set_defaults(run=_doctor)

    run_tf1 = commands.add_parser("run-tf1", help="run a script that was written for TensorFlow 1")
    run_tf1.add_argument(
        "--data",
        metavar="digits|PATH",
        help="what read_data_sets reads: the digits of tapegrad, or MNIST's files there",
    )
    run_tf1.add_argument("--show-tape", action="store_true", help="at the end, print the tape of the last gradients")
    run_tf1.add_argument("--quiet-old-names", action="store_true", help="do not tell what old names are called today")
    run_tf1.add_argument("script")
    run_tf1.add_argument("arguments", nargs=argparse.REMAINDER, help="the script's own")
    run_tf1.set_defaults(run=_run_tf1)

    chosen = parser.parse_args(arguments)
    try:
        return int(chosen.run(chosen))
    except (TapegradError, OSError) as error:
        print(f"tapegrad: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("tapegrad: interrupted", file=sys.stderr)
        return 130


def _demo(chosen: argparse.Namespace) -> int:
    from .train.extras import require

    require("rich", "matplotlib", extra="demo")
    from .train.demo import demo

    return 0 if demo(chosen.data) else 1


def _warmup(chosen: argparse.Namespace) -> int:
    import numba

    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        print("tapegrad: NUMBA_DISABLE_JIT is set, so there is nothing to compile", file=sys.stderr)
        return 2
    from .kernels.warmup import warmup
    from .optim.warmup import warmup as updates

    for name, dtype, seconds in itertools.chain(warmup(), updates()):
        print(f"{seconds:6.2f} s  {name}, {dtype}", flush=True)
    return 0


def _doctor(chosen: argparse.Namespace) -> int:
    from .debug.doctor import report

    for line in report():
        print(line, flush=True)
    return 0


def _run_tf1(chosen: argparse.Namespace) -> int:
    from .compat.run_tf1 import run

    return run(
        chosen.script,
        chosen.arguments,
        data=chosen.data,
        show_tape=chosen.show_tape,
        quiet_old_names=chosen.quiet_old_names,
    )


if __name__ == "__main__":
    sys.exit(main())
