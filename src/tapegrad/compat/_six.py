"""The part of `six` that scripts import most: TensorFlow brought that package along, so they do not ask for it.

It is served only where six itself is not installed.
"""

from __future__ import annotations

import builtins
import configparser
import functools
import io
import itertools
import pickle
import queue
import types
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

PY2, PY3 = False, True
string_types = (str,)
integer_types = (int,)
text_type, binary_type = str, bytes
StringIO, BytesIO = io.StringIO, io.BytesIO

moves = types.ModuleType("six.moves")
moves.__path__ = []  # `import six.moves.urllib` asks for a package
for _name in ("filter", "input", "map", "range", "zip"):
    setattr(moves, _name, getattr(builtins, _name))
vars(moves).update(
    {
        "xrange": range, "reduce": functools.reduce, "zip_longest": itertools.zip_longest, "cPickle": pickle,
        "configparser": configparser, "queue": queue, "urllib": urllib, "StringIO": io.StringIO,
        "cStringIO": io.StringIO,
    }
)  # fmt: skip


def iteritems(d: Any) -> Any:
    """The pairs of a dict."""
    return iter(d.items())


def iterkeys(d: Any) -> Any:
    """The keys of a dict."""
    return iter(d.keys())


def itervalues(d: Any) -> Any:
    """The values of a dict."""
    return iter(d.values())


def u(text: str) -> str:
    """A text."""
    return text


def b(text: str) -> bytes:
    """Bytes of a text."""
    return text.encode("latin-1")
