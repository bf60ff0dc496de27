"""Strings, and what is written in them: numbers, records, raw bytes. Python does all of this, so none is compiled."""

from __future__ import annotations

import base64
import csv
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _dtypes as dtypes
from ._arguments import axes_of, chosen, fixed, plain
from ._infer import Kind, kind_of
from ._nodes import convert, node
from ._sparse import SparseTensor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._operation import Tensor

__all__ = [
    "as_string",
    "decode_base64",
    "decode_csv",
    "decode_raw",
    "encode_base64",
    "matching_files",
    "read_file",
    "reduce_join",
    "regex_replace",
    "string_join",
    "string_split",
    "string_strip",
    "string_to_hash_bucket",
    "string_to_hash_bucket_fast",
    "string_to_hash_bucket_strong",
    "string_to_number",
    "substr",
    "write_file",
]

_BYTES = np.dtype(object)


def _strings(items: Sequence[bytes], shape: Any) -> Any:
    out = np.empty(len(items), object)
    out[:] = items
    return out.reshape(shape)


def _each(
    kind: str, function: Callable[..., Any], inputs: Sequence[Any], name: str | None, dtype: Any = _BYTES
) -> Tensor:
    """A function of one string, or of a string and what stands at its place in other tensors, for every place."""

    def run(*values: Any) -> Any:
        arrays = np.broadcast_arrays(*[plain(value) for value in values])
        found = [function(*items) for items in zip(*[array.ravel().tolist() for array in arrays], strict=True)]
        return _strings(found, arrays[0].shape) if dtype == _BYTES else np.array(found, dtype).reshape(arrays[0].shape)

    def sample(*values: Any) -> Any:
        return np.full(np.broadcast_shapes(*map(np.shape, values)), b"" if dtype == _BYTES else 0, dtype)

    return node(kind, run, inputs, name, python=True, sample=sample)  # type: ignore[no-any-return]


def as_string(
    input: Any,
    precision: int = -1,
    scientific: bool = False,
    shortest: bool = False,
    width: int = -1,
    fill: str = "",
    name: str | None = None,
) -> Tensor:
    """Numbers as strings: with six places, or `precision` of them, unless they are whole."""
    form = "g" if shortest else "e" if scientific else "f"
    digits = f".{precision}" if precision >= 0 else ""
    wide = f"{fill}{width}" if width >= 0 else ""
    value = convert(input)

    def write(number: Any) -> bytes:
        if isinstance(number, bytes):
            return number
        if isinstance(number, bool):
            return b"true" if number else b"false"
        return (f"%{wide}{digits}{form}" if isinstance(number, float) else f"%{wide}d").encode() % number

    return _each("AsString", write, [value], name)


def string_join(inputs: Sequence[Any], separator: str = "", name: str | None = None) -> Tensor:
    """Strings one after the other."""
    return _each("StringJoin", lambda *parts: separator.encode().join(parts), inputs, name)


def string_strip(input: Any, name: str | None = None) -> Tensor:
    """Strings without the blanks at their ends."""
    return _each("StringStrip", bytes.strip, [input], name)


def lower(input: Any, encoding: str = "", name: str | None = None) -> Tensor:
    """Strings in small letters."""
    return _each("StringLower", lambda s: s.decode().lower().encode() if encoding else s.lower(), [input], name)


def upper(input: Any, encoding: str = "", name: str | None = None) -> Tensor:
    """Strings in capital letters."""
    return _each("StringUpper", lambda s: s.decode().upper().encode() if encoding else s.upper(), [input], name)


def length(input: Any, name: str | None = None, unit: str = "BYTE") -> Tensor:
    """How many bytes strings have, or characters with `unit="UTF8_CHAR"`."""
    count = len if unit == "BYTE" else lambda s: len(s.decode())
    return _each("StringLength", count, [input], name, np.dtype(np.int32))


def substr(input: Any, pos: Any, len: Any, name: str | None = None, unit: str = "BYTE") -> Tensor:
    """Parts of strings: `len` bytes from `pos` on."""
    return _each("Substr", lambda s, start, count: s[start:][:count], [input, pos, len], name)


def regex_replace(
    input: Any, pattern: str, rewrite: str, replace_global: bool = True, name: str | None = None
) -> Tensor:
    """Strings with what fits a regular expression replaced."""
    compiled, new = re.compile(pattern.encode()), rewrite.encode()
    count = 0 if replace_global else 1
    return _each("RegexReplace", lambda s: compiled.sub(new, s, count=count), [input], name)


def encode_base64(input: Any, pad: bool = False, name: str | None = None) -> Tensor:
    """Strings in the alphabet of web-safe base 64."""
    return _each("EncodeBase64", lambda s: base64.urlsafe_b64encode(s).rstrip(b"" if pad else b"="), [input], name)


def decode_base64(input: Any, name: str | None = None) -> Tensor:
    """What strings of web-safe base 64 stand for."""
    return _each("DecodeBase64", lambda s: base64.urlsafe_b64decode(s + b"=" * (-len(s) % 4)), [input], name)


def _number(kind: dtypes.DType) -> Callable[[bytes], Any]:
    def read(text: bytes) -> Any:
        try:
            return float(text) if kind.is_floating else int(text)
        except ValueError:
            raise ValueError(
                f"StringToNumberOp could not correctly convert string: {text.decode(errors='replace')}"
            ) from None

    return read


def string_to_number(
    string_tensor: Any = None, out_type: Any = dtypes.float32, name: str | None = None, input: Any = None
) -> Tensor:
    """The numbers that strings spell."""
    kind = dtypes.as_dtype(out_type)
    text = chosen("string_to_number", string_tensor=string_tensor, input=input)
    return _each("StringToNumber", _number(kind), [text], name, kind.dtype)


def bucket_of(text: bytes, num_buckets: int) -> int:
    """A number from 0 that depends on a string alone. It is not the one that TensorFlow's hash gives."""
    from hashlib import blake2b

    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little") % num_buckets


def string_to_hash_bucket(
    string_tensor: Any = None, num_buckets: Any = None, name: str | None = None, input: Any = None
) -> Tensor:
    """For each string a number below `num_buckets` that depends on it alone; not the one that TensorFlow gives."""
    count = int(fixed(num_buckets, "num_buckets"))
    text = chosen("string_to_hash_bucket", string_tensor=string_tensor, input=input)
    return _each("StringToHashBucket", lambda s: bucket_of(s, count), [text], name, np.dtype(np.int64))


def string_to_hash_bucket_fast(input: Any, num_buckets: Any, name: str | None = None) -> Tensor:
    """As `string_to_hash_bucket`."""
    return string_to_hash_bucket(input, num_buckets, name)


def string_to_hash_bucket_strong(input: Any, num_buckets: Any, key: Any, name: str | None = None) -> Tensor:
    """As `string_to_hash_bucket`, but the number depends on `key`, two whole numbers, too."""
    count, prefix = int(fixed(num_buckets, "num_buckets")), b"%d %d " % tuple(fixed(key, "key"))
    return _each("StringToHashBucketStrong", lambda s: bucket_of(prefix + s, count), [input], name, np.dtype(np.int64))


def string_split(
    source: Any, delimiter: Any = " ", skip_empty: bool = True, sep: Any = None, name: str | None = None
) -> SparseTensor:
    """The parts of each string of a vector between any of the characters of `delimiter`, as a sparse matrix."""
    marks = fixed(delimiter if sep is None else sep, "delimiter")
    marks = marks.encode() if isinstance(marks, str) else marks
    pattern = re.compile(b"[" + re.escape(marks) + b"]") if marks else None

    def cut(source: Any) -> Any:
        rows = []
        for text in plain(source).tolist():
            parts = pattern.split(text) if pattern else [text[n : n + 1] for n in range(len(text))]
            rows.append([part for part in parts if part or not skip_empty])
        places = [[row, column] for row, parts in enumerate(rows) for column in range(len(parts))]
        flat = [part for parts in rows for part in parts]
        widest = max(map(len, rows), default=0)
        return (
            np.array(places, np.int64).reshape(-1, 2),
            _strings(flat, len(flat)),
            np.array([len(rows), widest], np.int64),
        )

    known = Kind((None, 2), np.dtype(np.int64)), Kind((None,), _BYTES), Kind((2,), np.dtype(np.int64))
    return SparseTensor(*node("StringSplit", cut, [source], name, outputs=3, python=True, sample=lambda _: known))


def reduce_join(
    inputs: Any,
    axis: Any = None,
    keep_dims: bool | None = None,
    separator: str = "",
    name: str | None = None,
    reduction_indices: Any = None,
    keepdims: bool | None = None,
) -> Tensor:
    """Strings joined along dimensions, or all of them."""
    value = convert(inputs)
    places = axes_of(chosen("reduce_join", axis=axis, reduction_indices=reduction_indices))
    kept = bool(chosen("reduce_join", keep_dims=keep_dims, keepdims=keepdims))

    def join(x: Any) -> Any:
        x = plain(x)
        order = range(x.ndim) if places is None else [p % x.ndim for p in np.atleast_1d(places).tolist()]
        rest = [n for n in range(x.ndim) if n not in order]
        lines = x.transpose([*rest, *order]).reshape([*[x.shape[n] for n in rest], -1])
        flat = [separator.encode().join(line) for line in lines.reshape(-1, lines.shape[-1]).tolist()]
        return _strings(flat, [1 if n in order else x.shape[n] for n in range(x.ndim)] if kept else lines.shape[:-1])

    return node("ReduceJoin", join, [value], name, python=True, sample=join)  # type: ignore[no-any-return]


# --------------------------------------------------------------------------------------------------
# Records


def decode_raw(
    input_bytes: Any = None,
    out_type: Any = None,
    little_endian: bool = True,
    name: str | None = None,
    bytes: Any = None,
) -> Tensor:
    """The numbers whose bytes strings are: `(...) -> (..., numbers in each)`."""
    kind = dtypes.as_dtype(out_type).dtype
    stored = kind.newbyteorder("<" if little_endian else ">")
    value = convert(chosen("decode_raw", input_bytes=input_bytes, bytes=bytes))

    def read(texts: Any) -> Any:
        texts = plain(texts)
        rows = [np.frombuffer(text, stored).astype(kind) for text in texts.ravel().tolist()]
        if len({len(row) for row in rows}) > 1:
            raise ValueError("DecodeRaw requires input strings to all be the same size")
        return np.stack(rows).reshape(*texts.shape, -1) if rows else np.zeros((*texts.shape, 0), kind)

    sizes = kind_of(value).sizes
    known = Kind(None if sizes is None else (*sizes, None), kind)
    return node("DecodeRaw", read, [value], name, python=True, sample=lambda _: known)  # type: ignore[no-any-return]


def decode_csv(
    records: Any,
    record_defaults: Sequence[Any],
    field_delim: str = ",",
    use_quote_delim: bool = True,
    name: str | None = None,
    na_value: str = "",
    select_cols: Sequence[int] | None = None,
) -> list[Tensor]:
    """The columns of lines of a table, a tensor for each.

    `record_defaults` gives each column's dtype, and in a list of one what stands for an empty field; an empty list
    makes it an error. Raises InvalidArgumentError for lines with another number of fields.
    """
    lines = convert(records)
    defaults = [None if isinstance(d, dtypes.DType) else convert(d) for d in record_defaults]
    kinds = [
        dtypes.as_dtype(given) if tensor is None else tensor.dtype
        for given, tensor in zip(record_defaults, defaults, strict=True)
    ]
    given = [tensor for tensor in defaults if tensor is not None]
    readers = [None if kind == dtypes.string else _number(kind) for kind in kinds]

    def read(lines: Any, *values: Any) -> Any:
        rest = iter(values)
        usual = [None if tensor is None else plain(next(rest)).ravel().tolist() for tensor in defaults]
        lines = plain(lines)
        columns: list[list[Any]] = [[] for _ in kinds]
        for number, line in enumerate(lines.ravel().tolist()):
            fields = _fields(line.decode(), field_delim, use_quote_delim)
            if select_cols is not None:
                fields = [fields[place] for place in select_cols]
            if len(fields) != len(kinds):
                raise ValueError(f"Expect {len(kinds)} fields but have {len(fields)} in record {number}")
            for place, (text, column) in enumerate(zip(fields, columns, strict=True)):
                if text in ("", na_value):
                    default = usual[place]
                    if not default:
                        raise ValueError(f"Field {place} is required but missing in record {number}!")
                    column.append(default[0])
                else:
                    reader = readers[place]
                    column.append(text.encode() if reader is None else reader(text.encode()))
        return [
            _strings(column, lines.shape)
            if kind == dtypes.string
            else np.array(column, kind.dtype).reshape(lines.shape)
            for kind, column in zip(kinds, columns, strict=True)
        ]

    known = [Kind(kind_of(lines).sizes, kind.dtype) for kind in kinds]
    return node("DecodeCSV", read, [lines, *given], name, outputs=len(kinds), python=True, sample=lambda *_: known)  # type: ignore[no-any-return]


def _fields(line: str, delimiter: str, quoted: bool) -> list[str]:
    line = line.rstrip("\r\n")
    if not quoted or '"' not in line:
        return line.split(delimiter)
    return next(csv.reader([line], delimiter=delimiter, strict=True), [""])


# --------------------------------------------------------------------------------------------------
# Files


def _contents(path: bytes) -> bytes:
    from . import errors

    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        raise errors.NotFoundError(None, None, f"{path.decode()}; No such file or directory") from None


def read_file(filename: Any, name: str | None = None) -> Tensor:
    """The contents of files, as strings."""
    return _each("ReadFile", _contents, [filename], name)


def write_file(filename: Any, contents: Any, name: str | None = None) -> Any:
    """An operation that writes a string into a file, whose folder is made if need be."""
    from pathlib import Path

    def write(path: bytes, contents: bytes) -> bytes:
        target = Path(path.decode())
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(contents)
        return path

    return _each("WriteFile", write, [filename, contents], name).op


def matching_files(pattern: Any, name: str | None = None) -> Tensor:
    """The names of the files that fit a pattern with `*` and `?`, in order."""
    from glob import glob

    def find(pattern: Any) -> Any:
        paths = sorted({path.encode() for one in np.ravel(plain(pattern)).tolist() for path in glob(one.decode())})
        return _strings(paths, len(paths))

    return node("MatchingFiles", find, [pattern], name, python=True, sample=lambda _: Kind((None,), _BYTES))  # type: ignore[no-any-return]
