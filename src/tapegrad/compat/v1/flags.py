"""Settings of a program on its command line: `tf.flags`, also `tf.app.flags`.

tf.app.flags.DEFINE_integer("steps", 100, "How many steps.")
FLAGS = tf.app.flags.FLAGS
print(FLAGS.steps)  # the one of `--steps=300`, if the program was started with that
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ._missing import not_covered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = [
    "FLAGS",
    "DEFINE_bool",
    "DEFINE_boolean",
    "DEFINE_enum",
    "DEFINE_float",
    "DEFINE_integer",
    "DEFINE_list",
    "DEFINE_multi_float",
    "DEFINE_multi_integer",
    "DEFINE_multi_string",
    "DEFINE_string",
    "DuplicateFlagError",
    "Error",
    "Flag",
    "FlagValues",
    "IllegalFlagValueError",
    "mark_flag_as_required",
    "mark_flags_as_required",
]  # fmt: skip


class Error(Exception):
    """Something is wrong with a flag."""


class DuplicateFlagError(Error):
    """A flag was defined twice."""


class IllegalFlagValueError(Error):
    """A flag was given a value that it cannot have."""


class Flag:
    """One setting: its name, its value, what it is if nobody says, and what it is for."""

    def __init__(self, name: str, default: Any, help: str | None, parse: Callable[[str], Any], multiple: bool) -> None:
        self.name, self.help = name, help or ""
        self.default = self.value = default
        self.parse, self.multiple = parse, multiple
        self.present = 0
        self.required = False

    @property
    def boolean(self) -> bool:
        """Whether it is on or off."""
        return self.parse is _boolean

    def read(self, text: str) -> None:
        """Take a value from the command line; raises IllegalFlagValueError."""
        try:
            value = self.parse(text)
        except ValueError as error:
            raise IllegalFlagValueError(f"flag --{self.name}={text}: {error}") from None
        if self.multiple:
            value = [*self.value, value] if self.present else [value]
        self.value = value
        self.present += 1


class FlagValues:
    """The settings by name, as attributes; the command line is read when the first is asked for."""

    def __init__(self) -> None:
        self.__dict__["_all"] = {}
        self.__dict__["_parsed"] = False

    def __call__(self, argv: Sequence[str], known_only: bool = False) -> list[str]:
        """Read a command line, whose first item is the program; gives it without the flags.

        Raises Error for a flag that was not defined, unless `known_only`, and for one that is required and not there.
        """
        rest, waiting = list(argv[:1]), list(argv[1:])
        while waiting:
            item = waiting.pop(0)
            if item == "--":
                rest += waiting
                break
            name, equals, text = item.lstrip("-").partition("=")
            flag = self._all.get(name) if item.startswith("-") else None
            if flag is None and item.startswith("-") and not equals and name.startswith("no"):
                found = self._all.get(name[2:])
                if found is not None and found.boolean:
                    found.read("false")
                    continue
            if flag is None:
                if item.startswith("--") and not known_only:
                    raise Error(
                        f"Unknown command line flag {name!r}; there are {', '.join(sorted(self._all)) or 'none'}"
                    )
                rest.append(item)
            elif equals:
                flag.read(text)
            elif flag.boolean:
                flag.read("true")
            elif waiting:
                flag.read(waiting.pop(0))
            else:
                raise Error(f"Missing value for flag --{name}")
        self.__dict__["_parsed"] = True
        missing = [flag.name for flag in self._all.values() if flag.required and flag.value is None]
        if missing:
            raise IllegalFlagValueError(
                f"flag --{missing[0]}=None: Flag --{missing[0]} must have a value other than None."
            )
        return rest

    def _parse_flags(self, args: Sequence[str] | None = None) -> list[str]:
        """Read the command line, as the first versions called it."""
        return self(sys.argv if args is None else [sys.argv[0], *args], known_only=True)

    def is_parsed(self) -> bool:
        """Whether a command line was read."""
        return bool(self.__dict__["_parsed"])

    def mark_as_parsed(self) -> None:
        """Let the values be those that they are, without a command line."""
        self.__dict__["_parsed"] = True

    def flag_values_dict(self) -> dict[str, Any]:
        """The values by name."""
        return {name: flag.value for name, flag in self._all.items()}

    def flags_into_string(self) -> str:
        """The values as a command line has them, one a line."""
        return "".join(f"--{name}={flag.value}\n" for name, flag in sorted(self._all.items()))

    def main_module_help(self) -> str:
        """What there is, for `--help`."""
        return "\n".join(
            f"  --{'[no]' * flag.boolean}{name}: {flag.help}\n    (default: {flag.default!r})"
            for name, flag in sorted(self._all.items())
        )

    def _define(self, flag: Flag) -> None:
        known = self._all.get(flag.name)
        if known is not None and (known.default, known.parse) != (flag.default, flag.parse):
            raise DuplicateFlagError(
                f"The flag {flag.name!r} is defined twice, first with the default {known.default!r}, then with "
                f"{flag.default!r}; `del tf.app.flags.FLAGS.{flag.name}` takes the first away"
            )
        if known is None:
            self._all[flag.name] = flag

    def __getattr__(self, name: str) -> Any:
        if name in ("__flags", "_flags"):
            return self._all
        flag = self._all.get(name)
        if flag is None:
            raise AttributeError(f"there is no flag {name!r}; define it with tf.app.flags.DEFINE_string or the like")
        if not self.__dict__["_parsed"]:
            self(sys.argv, known_only=True)
        return flag.value

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._all:
            raise AttributeError(f"there is no flag {name!r}; define it with tf.app.flags.DEFINE_string or the like")
        self._all[name].value = value
        self._all[name].present += 1

    def __delattr__(self, name: str) -> None:
        self._all.pop(name, None)

    def __getitem__(self, name: str) -> Flag:
        return self._all[name]

    def __contains__(self, name: object) -> bool:
        return name in self._all

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._all))

    def __len__(self) -> int:
        return len(self._all)

    def __dir__(self) -> list[str]:
        return sorted(self._all)


FLAGS = FlagValues()


def _boolean(text: str) -> bool:
    word = text.lower()
    if word in ("true", "t", "1", "yes", "y"):
        return True
    if word in ("false", "f", "0", "no", "n"):
        return False
    raise ValueError(f"expected true or false, got {text!r}")


def _whole(text: str) -> int:
    return int(text, 0)


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",")] if text else []


def _define(
    name: str, default: Any, help: str | None, parse: Callable[[str], Any], multiple: bool = False, values: Any = None
) -> None:
    if isinstance(default, str) and parse is not str and not multiple:
        default = parse(default)
    if multiple and default is not None and not isinstance(default, list | tuple):
        default = [default]
    (FLAGS if values is None else values)._define(Flag(name, default, help, parse, multiple))


def DEFINE_string(name: str, default: Any, help: str | None = None, flag_values: Any = None, **others: Any) -> None:
    """A flag of a string."""
    _define(name, default, help, str, values=flag_values)


def DEFINE_integer(
    name: str,
    default: Any,
    help: str | None = None,
    lower_bound: int | None = None,
    upper_bound: int | None = None,
    flag_values: Any = None,
    **others: Any,
) -> None:
    """A flag of a whole number, between bounds."""
    _define(name, default, help, _bounded(_whole, lower_bound, upper_bound), values=flag_values)


def DEFINE_float(
    name: str,
    default: Any,
    help: str | None = None,
    lower_bound: float | None = None,
    upper_bound: float | None = None,
    flag_values: Any = None,
    **others: Any,
) -> None:
    """A flag of a number, between bounds; a whole default becomes a float."""
    number = float(default) if isinstance(default, int) else default
    _define(name, number, help, _bounded(float, lower_bound, upper_bound), values=flag_values)


def _bounded(parse: Callable[[str], Any], low: float | None, high: float | None) -> Callable[[str], Any]:
    if low is None and high is None:
        return parse

    def number(text: str) -> Any:
        value = parse(text)
        if (low is not None and value < low) or (high is not None and value > high):
            raise ValueError(f"expected a number from {low} to {high}")
        return value

    return number


def DEFINE_boolean(name: str, default: Any, help: str | None = None, flag_values: Any = None, **others: Any) -> None:
    """A flag that is on or off: `--name`, `--noname`, `--name=true`."""
    _define(name, bool(default) if isinstance(default, int) else default, help, _boolean, values=flag_values)


DEFINE_bool = DEFINE_boolean


def DEFINE_list(name: str, default: Any, help: str | None = None, flag_values: Any = None, **others: Any) -> None:
    """A flag of strings with commas between."""
    _define(name, default, help, _items, values=flag_values)


def DEFINE_enum(
    name: str, default: Any, enum_values: Any, help: str | None = None, flag_values: Any = None, **others: Any
) -> None:
    """A flag that is one of some strings."""

    def choice(text: str) -> str:
        if text not in enum_values:
            raise ValueError(f"value should be one of <{'|'.join(enum_values)}>")
        return text

    _define(name, default, help, choice, values=flag_values)


def DEFINE_multi_string(name: str, default: Any, help: str | None = None, **others: Any) -> None:
    """A flag that may be given several times, of strings."""
    _define(name, default, help, str, multiple=True)


def DEFINE_multi_integer(name: str, default: Any, help: str | None = None, **others: Any) -> None:
    """A flag that may be given several times, of whole numbers."""
    _define(name, default, help, _whole, multiple=True)


def DEFINE_multi_float(name: str, default: Any, help: str | None = None, **others: Any) -> None:
    """A flag that may be given several times, of numbers."""
    _define(name, default, help, float, multiple=True)


def mark_flag_as_required(flag_name: str, flag_values: Any = None) -> None:
    """Refuse to start without this flag."""
    (FLAGS if flag_values is None else flag_values)[flag_name].required = True


def mark_flags_as_required(flag_names: Any, flag_values: Any = None) -> None:
    """Refuse to start without these flags."""
    for name in flag_names:
        mark_flag_as_required(name, flag_values)


__getattr__ = not_covered(__name__)
