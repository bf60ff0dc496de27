"""Flags are read from a command line, and say what is wrong with it."""

import pytest

import tapegrad.compat.v1 as tf
from tapegrad.compat.v1 import app, flags


@pytest.fixture
def values(monkeypatch):
    """Flags of each kind, in place of the program's."""
    values = flags.FlagValues()
    monkeypatch.setattr(flags, "FLAGS", values)
    flags.DEFINE_string("name", "none", "What it is called.")
    flags.DEFINE_integer("steps", "0x10", "How many.", lower_bound=1, upper_bound=99)
    flags.DEFINE_float("rate", 1, "How fast.")
    flags.DEFINE_boolean("quick", False, "Whether.")
    flags.DEFINE_list("words", "a, b", "Which.")
    flags.DEFINE_enum("color", "red", ["red", "blue"], "One of some.")
    flags.DEFINE_multi_string("path", "here", "Where.")
    flags.DEFINE_multi_integer("size", [1, 2], "Sizes.")
    flags.DEFINE_multi_float("speed", None, "Speeds.")
    return values


DEFAULTS = {
    "name": "none", "steps": 16, "rate": 1.0, "quick": False, "words": ["a", "b"], "color": "red", "path": ["here"],
    "size": [1, 2], "speed": None,
}  # fmt: skip


def test_flags_are_what_they_were_defined_to_be(values):
    values(["program"])
    assert values.flag_values_dict() == DEFAULTS
    assert isinstance(values.rate, float)


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        (["--name=x=y", "-steps", "7"], {"name": "x=y", "steps": 7}),
        (["--quick"], {"quick": True}),
        (["--quick=No"], {"quick": False}),
        (["--quick=YES", "--noquick"], {"quick": False}),
        (["--path=a", "--path", "b"], {"path": ["a", "b"]}),
        (["--size=3", "--speed=2.5", "--words=", "--color=blue"],
         {"size": [3], "speed": [2.5], "words": [], "color": "blue"}),
    ],
)  # fmt: skip
def test_a_command_line_changes_flags(values, line, changed):
    assert values(["program", *line, "left"]) == ["program", "left"]
    assert values.flag_values_dict() == DEFAULTS | changed


def test_two_dashes_end_the_flags(values):
    assert values(["program", "--", "--name=x"]) == ["program", "--name=x"]
    assert values.name == "none"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (["--other=1"], "Unknown command line flag 'other'; there are color, name"),
        (["--name"], "Missing value for flag --name"),
        (["--steps=many"], "flag --steps=many: invalid literal"),
        (["--steps=100"], "flag --steps=100: expected a number from 1 to 99"),
        (["--quick=perhaps"], "expected true or false, got 'perhaps'"),
        (["--color=green"], r"value should be one of <red\|blue>"),
    ],
)
def test_a_wrong_command_line_is_refused(values, line, told):
    with pytest.raises(flags.Error, match=told):
        values(["program", *line])


def test_the_command_line_is_read_when_the_first_flag_is_asked_for(values, monkeypatch):
    monkeypatch.setattr("sys.argv", ["program", "--name=read", "--unknown=1"])
    assert not values.is_parsed()
    assert values.name == "read"
    assert values.is_parsed()
    assert values._parse_flags(["--name=again"]) == ["program"]
    assert values.name == "again"


def test_values_without_a_command_line(values, monkeypatch):
    monkeypatch.setattr("sys.argv", ["program", "--name=read"])
    values.mark_as_parsed()
    assert values.name == "none"
    values.name = "set"
    assert values.name == "set"
    assert values["name"].present == 1


def test_flags_are_a_collection_of_names(values):
    assert "name" in values
    assert len(values) == len(list(values)) == len(dir(values)) == len(values.__flags) == len(DEFAULTS)
    del values.name
    assert "name" not in values
    for act in (lambda: values.name, lambda: setattr(values, "name", 1)):
        with pytest.raises(AttributeError, match="there is no flag 'name'; define it"):
            act()


def test_a_flag_is_defined_once_unless_it_is_the_same(values):
    flags.DEFINE_string("name", "none")
    with pytest.raises(flags.DuplicateFlagError, match="'name' is defined twice, first with the default 'none'"):
        flags.DEFINE_string("name", "other")


def test_a_required_flag_must_have_a_value(values):
    flags.DEFINE_string("key", None)
    flags.mark_flags_as_required(["key"])
    with pytest.raises(flags.IllegalFlagValueError, match="Flag --key must have a value other than None"):
        values(["program"])
    values(["program", "--key=x"])
    assert values.key == "x"


def test_flags_as_text(values):
    assert "--name=none\n" in values.flags_into_string()
    assert "  --[no]quick: Whether.\n    (default: False)" in values.main_module_help()


def test_a_program_is_run_with_what_is_left_of_the_command_line(values, capsys):
    with pytest.raises(SystemExit) as end:
        tf.app.run(lambda rest: len(rest), ["program", "--name=x", "left"])
    assert end.value.code == 2
    assert values.name == "x"
    with pytest.raises(SystemExit) as end:
        app.run(lambda rest: 1, ["program", "--help"])
    assert end.value.code == 0
    assert "--name: What it is called." in capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        app.run(lambda rest: 0, ["program", "--steps=many"])
    assert end.value.code == 1
    assert "Flags parsing error: flag --steps=many" in capsys.readouterr().err
