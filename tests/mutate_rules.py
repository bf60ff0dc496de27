"""Break every gradient rule in turn, and ask whether the samples of the op table notice.

    python tests/mutate_rules.py                every op
    python tests/mutate_rules.py matmul sum     these

A rule is replaced by its negative, by 1.01 times itself and by zeros. For each of them some sample that runs the rule,
at first or at second order, must fail its comparison with finite differences. What survives is printed: it needs
another sample in `op_table`.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from op_table import OTHERS, PRODUCT, ROWS, Row, Sample, check_sample

import tapegrad as tg
from tapegrad._rows import Rows
from tapegrad._tape import Entry, Observer, observed
from tapegrad.primitive import UFUNCS, Op

FACTORS = {"its negative": -1.0, "1.01 times itself": 1.01, "zeros": 0.0}
ACCUMULATE = -1  # stands for an op's way to add a gradient in place, in the place of a rule's index

Cases = list[tuple[Row, Sample]]


class _Runs(Observer):
    """Notes which rules run."""

    def __init__(self) -> None:
        self.rules: dict[tuple[Op, int], None] = {}

    def differentiated(self, entry: Entry, index: int, g: Any, gradient: Any, seconds: float) -> None:
        assert entry.op is not None
        self.rules[entry.op, index] = None
        if entry.op.accumulate is not None:
            self.rules[entry.op, ACCUMULATE] = None


def users(rows: Sequence[Row]) -> dict[tuple[Op, int], Cases]:
    """For each rule, the samples that run it, those that compute least first."""
    found: dict[tuple[Op, int], list[tuple[int, int, Row, Sample]]] = {}
    for row in rows:
        for number, sample in enumerate(row.samples):
            if row.differentiable and sample.smooth:
                runs = _Runs()
                with observed(runs):
                    check_sample(row, sample)
                for rule in runs.rules:
                    found.setdefault(rule, []).append((len(runs.rules), number, row, sample))
    return {rule: [(row, s) for *_, row, s in sorted(cases, key=lambda c: c[:2])] for rule, cases in found.items()}


def ops() -> Iterator[Op]:
    """Every op that the modules of `tapegrad.ops` make, public or not."""
    seen = set()
    for module in pkgutil.iter_modules(tg.ops.__path__, "tapegrad.ops."):
        for value in [*vars(importlib.import_module(module.name)).values(), *UFUNCS.values()]:
            op = getattr(value, "op", None)
            if isinstance(op, Op) and op not in seen:
                seen.add(op)
                yield op


@contextmanager
def broken(op: Op, index: int, factor: float) -> Iterator[None]:
    """Let a rule give `factor` times what it should, inside this block."""
    rules, accumulate = op.rules, op.accumulate
    if index == ACCUMULATE:
        op.accumulate = lambda have, g, params: accumulate(have, factor * g, params)
    else:
        rule, place = rules[index]

        def wrong(g: Any, *rest: Any) -> Any:
            given = rule(g, *rest)
            return factor * (given.dense() if isinstance(given, Rows) else given)

        op.rules = (*rules[:index], (wrong, place), *rules[index + 1 :])
    try:
        yield
    finally:
        op.rules, op.accumulate = rules, accumulate


def is_noticed(cases: Cases) -> bool:
    for row, sample in cases:
        try:
            check_sample(row, sample)
        except AssertionError:
            return True
        except (tg.errors.TapegradError, ValueError):
            continue  # a kink that the broken rule made proves nothing
    return False


def survivors(names: Sequence[str] = (), rows: Sequence[Row] = (*ROWS, *OTHERS, PRODUCT)) -> list[str]:
    """What can be done to a rule without any sample of `rows` noticing; of the ops called `names`, or of all."""
    found = []
    of = users(rows)
    for op in ops():
        for index, rule in enumerate(op.rules):
            if rule is not None:
                of.setdefault((op, index), [])
    for (op, index), cases in of.items():
        if names and op.name not in names:
            continue
        what = f"{op.name}, {'accumulate' if index == ACCUMULATE else f'rule {index}'}"
        if not cases:
            found.append(f"{what}: no sample runs it")
            continue
        for name, factor in FACTORS.items():
            with broken(op, index, factor):
                if not is_noticed(cases):
                    found.append(f"{what}: {name}")
    return found


if __name__ == "__main__":
    left = survivors(sys.argv[1:])
    print("\n".join(left) or "Every broken rule was noticed.")
    sys.exit(bool(left))
