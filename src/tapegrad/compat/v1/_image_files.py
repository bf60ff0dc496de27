"""Pictures in files: Pillow reads and writes them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from ...train.extras import require
from . import _dtypes as dtypes
from . import _png
from ._arguments import fixed, plain
from ._infer import Kind
from ._nodes import convert, node

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._operation import Tensor

__all__ = [
    "decode_bmp",
    "decode_gif",
    "decode_image",
    "decode_jpeg",
    "decode_png",
    "encode_jpeg",
    "encode_png",
]

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def _open(contents: Any) -> Any:
    require("PIL", extra="images")
    from PIL import Image, UnidentifiedImageError

    text = plain(contents)
    if text.ndim:
        raise ValueError(f"decode: expected one string, the contents of a file, got shape {text.shape}")
    try:
        return Image.open(io.BytesIO(bytes(text[()])))
    except UnidentifiedImageError:
        raise ValueError("decode: unknown image file format; one of JPEG, PNG, GIF, BMP is required") from None


def _array(picture: Any, channels: int) -> Any:
    """(H, W, channels), or as many channels as the picture has for 0."""
    if picture.mode in ("I;16", "I"):
        array = np.asarray(picture).astype(np.uint16)[..., None]
        return np.repeat(array, channels or 1, -1)
    if channels:
        mode = _MODES[channels]
    else:
        mode = picture.mode if picture.mode in _MODES.values() else "RGBA" if "transparency" in picture.info else "RGB"
        mode = "L" if picture.mode == "1" else mode
    array = np.asarray(picture.convert(mode))
    return array[..., None] if array.ndim == 2 else array


def _decoded(kind: str, contents: Any, channels: Any, dtype: Any, name: str | None) -> Tensor:
    count, wanted = int(fixed(channels, "channels") or 0), dtypes.as_dtype(dtype).dtype
    if count not in (0, *_MODES):
        raise ValueError(f"{kind}: channels must be 0 (as in the file), 1, 2, 3 or 4, got {channels}")

    def read(contents: Any) -> Any:
        array = _array(_open(contents), count)
        if array.dtype != wanted:
            array = (array >> 8 if wanted == np.uint8 else array.astype(np.uint16) * 257).astype(wanted)
        return array

    known = Kind((None, None, count or None), wanted)
    return node(kind, read, [contents], name, python=True, sample=lambda _: known)  # type: ignore[no-any-return]


def decode_jpeg(
    contents: Any, channels: int = 0, ratio: int = 1, fancy_upscaling: bool = True, try_recover_truncated: bool = False,
    acceptable_fraction: float = 1, dct_method: str = "", name: str | None = None,
) -> Tensor:  # fmt: skip
    """A picture (H, W, channels) of the contents of a file: of a JPEG file, or of any other that Pillow knows.

    Bytes may differ from TensorFlow's by a little, as decoders round in their own ways.
    """
    picture = _decoded("DecodeJpeg", contents, channels, dtypes.uint8, name)
    return picture if ratio == 1 else picture[::ratio, ::ratio]  # type: ignore[index, no-any-return]


def decode_png(contents: Any, channels: int = 0, dtype: Any = dtypes.uint8, name: str | None = None) -> Tensor:
    """A picture (H, W, channels) of the contents of a file, of uint8 or uint16."""
    return _decoded("DecodePng", contents, channels, dtype, name)


def decode_bmp(contents: Any, channels: int = 0, name: str | None = None) -> Tensor:
    """A picture (H, W, channels) of the contents of a file."""
    return _decoded("DecodeBmp", contents, channels, dtypes.uint8, name)


def decode_gif(contents: Any, name: str | None = None) -> Tensor:
    """The pictures (N, H, W, 3) of a moving one."""

    def read(contents: Any) -> Any:
        from PIL import ImageSequence

        return np.stack([_array(picture, 3) for picture in ImageSequence.Iterator(_open(contents))])

    known = Kind((None, None, None, 3), np.dtype(np.uint8))
    return node("DecodeGif", read, [contents], name, python=True, sample=lambda _: known)  # type: ignore[no-any-return]


def decode_image(
    contents: Any, channels: int | None = None, dtype: Any = dtypes.uint8, name: str | None = None,
    expand_animations: bool = True,
) -> Tensor:  # fmt: skip
    """A picture of the contents of a file: (H, W, channels), or (N, H, W, 3) of a GIF file."""
    count = int(channels or 0)

    def read(contents: Any) -> Any:
        picture = _open(contents)
        if picture.format != "GIF":
            return _array(picture, count)
        from PIL import ImageSequence

        frames = np.stack([_array(frame, 3) for frame in ImageSequence.Iterator(picture)])
        return frames if expand_animations else frames[0]

    known = Kind(None, np.dtype(np.uint8))
    picture = node("decode_image", read, [contents], name, python=True, sample=lambda _: known)
    if dtypes.as_dtype(dtype) == dtypes.uint8:
        return picture  # type: ignore[no-any-return]
    from ._colours import convert_image_dtype

    return convert_image_dtype(picture, dtype)


def _encoded(kind: str, picture: Any, encode: Callable[[Any], bytes], name: str | None) -> Tensor:
    def write(array: Any) -> Any:
        out = np.empty((), object)
        out[()] = encode(plain(array))
        return out

    known = Kind((), np.dtype(object))
    return node(kind, write, [convert(picture)], name, python=True, sample=lambda _: known)  # type: ignore[no-any-return]


def encode_png(image: Any, compression: int = -1, name: str | None = None) -> Tensor:
    """The contents of a PNG file with a picture (H, W, channels) of uint8."""
    return _encoded("EncodePng", image, lambda array: _png.encode_png(array, compression), name)


def encode_jpeg(image: Any, format: str = "", quality: int = 95, name: str | None = None, **options: Any) -> Tensor:
    """The contents of a JPEG file with a picture (H, W, 1 or 3 channels) of uint8. Other options count for nothing."""

    def encode(array: Any) -> bytes:
        require("PIL", extra="images")
        from PIL import Image

        if array.ndim != 3 or array.shape[2] not in (1, 3) or array.dtype != np.uint8:
            raise ValueError(f"expected a uint8 picture (H, W, 1 or 3 channels), got {array.dtype} {array.shape}")
        file = io.BytesIO()
        Image.fromarray(array[..., 0] if array.shape[2] == 1 else array).save(file, "JPEG", quality=quality)
        return file.getvalue()

    return _encoded("EncodeJpeg", image, encode, name)
