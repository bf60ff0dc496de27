"""What a script of Python 2 must change for Python 3, told line by line."""

from __future__ import annotations

import re

#: Names that Python 3 does not have, and what to write.
NAMES = {
    "basestring": "str",
    "cmp": "(a > b) - (a < b)",
    "execfile": "exec(open(path).read())",
    "file": "open",
    "long": "int",
    "raw_input": "input",
    "reduce": "functools.reduce",
    "reload": "importlib.reload",
    "unichr": "chr",
    "unicode": "str",
    "xrange": "range",
}

#: Modules of Python 2, and where their names are.
MODULES = {
    "ConfigParser": "configparser",
    "HTMLParser": "html.parser",
    "Queue": "queue",
    "StringIO": "io (io.StringIO)",
    "Tkinter": "tkinter",
    "__builtin__": "builtins",
    "cPickle": "pickle; pickle.load(file, encoding='latin1') reads what Python 2 wrote",
    "cStringIO": "io (io.StringIO)",
    "commands": "subprocess",
    "cookielib": "http.cookiejar",
    "copy_reg": "copyreg",
    "httplib": "http.client",
    "thread": "_thread",
    "urllib2": "urllib.request",
    "urlparse": "urllib.parse",
}

#: Attributes that were lost, and what to write.
ATTRIBUTES = {
    "dict.has_key": "key in d",
    "dict.iteritems": "d.items()",
    "dict.iterkeys": "d.keys()",
    "dict.itervalues": "d.values()",
    "itertools.ifilter": "filter",
    "itertools.imap": "map",
    "itertools.izip": "zip",
    "os.getcwdu": "os.getcwd",
    "string.join": "sep.join(items)",
    "string.letters": "string.ascii_letters",
    "string.lowercase": "string.ascii_lowercase",
    "string.maketrans": "str.maketrans",
    "string.uppercase": "string.ascii_uppercase",
    "sys.maxint": "sys.maxsize",
    "sys.setdefaultencoding": "nothing: text is Unicode already",
    "urllib.quote": "urllib.parse.quote",
    "urllib.unquote": "urllib.parse.unquote",
    "urllib.urlencode": "urllib.parse.urlencode",
    "urllib.urlopen": "urllib.request.urlopen",
    "urllib.urlretrieve": "urllib.request.urlretrieve",
}

#: What cannot be read at all, and what to write.
_SYNTAX = [
    (re.compile(r"^\s*print(\s+[^\s(=.,]|\s*$|\s*\(.*\)\s*[%,]|\s+\()"), "print is a function: print(...)"),
    (re.compile(r"^\s*except\s+[\w.()\s,]+?,\s*\w+\s*:"), "except Error as e:"),
    (re.compile(r"^\s*raise\s+[\w.]+\s*,"), "raise Error(message)"),
    (re.compile(r"^\s*exec\s+[^(\s=]"), "exec(code)"),
    (re.compile(r"<>"), "!= in the place of <>"),
    (re.compile(r"`[^`]+`"), "repr(x) in the place of `x`"),
    (re.compile(r"(?<![\w.])0[0-7]+(?![\w.])"), "0o before the digits of an octal number"),
    (re.compile(r"\bdef\s+\w+\s*\([^)]*\(|\blambda\s*\("), "one name an argument: Python 3 does not take tuples apart"),
    (re.compile(r"(?<![\w.])\d+[lL]\b"), "whole numbers without L at their end"),
    (re.compile(r"(?<!\w)ur['\"]"), "r before the string in the place of ur"),
]
_LONGEST = 12  # lines that are told of
_ALSO = "The tool 2to3, which comes with Python up to 3.12, writes most of this: 2to3 -w "


def of_syntax(error: SyntaxError, source: str, path: str) -> list[str]:
    """What to change in a script that Python 3 cannot read; empty where nothing in it is of Python 2."""
    if isinstance(error, TabError):
        return [f"{path} mixes tabs and spaces, as Python 2 allowed; write spaces: expand -t 8 {path} > new.py"]
    lines = source.splitlines()
    places = [
        (number, line.strip(), what)
        for number, line in enumerate(lines, 1)
        for pattern, what in _SYNTAX
        if pattern.search(line.split("#", 1)[0])
    ]
    if not any(abs(number - (error.lineno or 0)) <= 1 for number, _, _ in places):
        return []  # it is broken by something else
    places += [
        (number, line.strip(), f"{new}, which {old} is now")
        for number, line in enumerate(lines, 1)
        for old, new in {**NAMES, **MODULES}.items()
        if re.search(rf"(?<![\w.'\"]){old}\b(?!['\"])", line.split("#", 1)[0]) and old not in ("file", "thread", "cmp")
    ]
    told = [f"  {path}:{number}: {line[:60]}\n      write {what}" for number, line, what in sorted(places)]
    rest = [f"  ... and {len(told) - _LONGEST} more"] if len(told) > _LONGEST else []
    return [f"{path} is a script of Python 2. What to convert:", *told[:_LONGEST], *rest, _ALSO + path]


def of_error(error: BaseException) -> str | None:
    """What to change where a script of Python 2 failed while it ran, or None."""
    text = str(error)
    if isinstance(error, NameError) and error.name in NAMES:
        return f"{error.name} is of Python 2; write {NAMES[error.name]}"
    if isinstance(error, ModuleNotFoundError) and error.name in MODULES:
        return f"the module {error.name} is of Python 2; it is {MODULES[error.name]} now"
    named = re.search(r"'(\w+)' object has no attribute '(\w+)'|module '(\w+)' has no attribute '(\w+)'", text)
    named = named or re.search(r"()()cannot import name '(\w+)' from '(\w+)'", text)
    if named and isinstance(error, AttributeError | ImportError):
        owner, name = (part for part in named.groups() if part)
        if isinstance(error, ImportError):
            owner, name = name, owner
        if f"{owner}.{name}" in ATTRIBUTES:
            return f"{owner}.{name} is of Python 2; write {ATTRIBUTES[f'{owner}.{name}']}"
        if owner.startswith("dict_"):
            return f"d.{owner[5:]}() is no list in Python 3; write list(d.{owner[5:]}()), or sorted(...)"
    if isinstance(error, TypeError):
        if "'float' object cannot be interpreted as an integer" in text or "slice indices must be integers" in text:
            return "in Python 2, / of whole numbers gave a whole number; write // for that"
        lazy = re.search(r"'(dict_keys|dict_values|dict_items|filter|map|zip|range)' object", text) or re.search(
            r"type '(dict_keys|dict_values|dict_items|filter|map|zip|range)' has no len", text
        )
        if lazy:
            return f"a {lazy[1]} is no list in Python 3; write list(...) around it"
        if "a bytes-like object is required, not 'str'" in text or "argument must be str, not bytes" in text:
            return "in Python 3, bytes are no text: open files with 'rb' or 'wb' for bytes, and .decode() what is text"
    if isinstance(error, UnicodeDecodeError) and "ascii" in text:
        return "pickle.load(file, encoding='latin1') reads what Python 2 wrote"
    return None
