"""The op table must notice every wrong rule; and the script that finds out must notice a table that does not."""

from __future__ import annotations

import mutate_rules
import numpy as np
import pytest
from op_table import Row, Sample

import tapegrad as tg


@pytest.mark.slow
def test_every_broken_rule_is_noticed():
    assert mutate_rules.survivors() == []


def test_the_script_finds_what_a_table_leaves_out():
    assert mutate_rules.survivors(["tanh"], rows=[]) == ["tanh, rule 0: no sample runs it"]


def test_the_script_finds_samples_that_notice_nothing():
    blind = Row("tanh", np.tanh, (Sample((np.zeros((0, 3)),)),))
    assert mutate_rules.survivors(["tanh"], rows=[blind]) == [
        "tanh, rule 0: its negative",
        "tanh, rule 0: 1.01 times itself",
        "tanh, rule 0: zeros",
    ]


def test_the_script_restores_the_rules():
    row = Row("tanh", np.tanh, (Sample((np.array([0.3, -1.0]),)),))
    before = tg.tanh.op.rules
    assert mutate_rules.survivors(["tanh"], rows=[row]) == []
    assert tg.tanh.op.rules is before
