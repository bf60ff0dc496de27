"""Images as PNG files: 8 bits a channel, without filters. Source: the specification, https://www.w3.org/TR/png-3."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by channels: grey, grey and alpha, RGB, RGB and alpha


def encode_png(image: NDArray[np.uint8], level: int = -1) -> bytes:
    """The file of an image (H, W, C) of 1 to 4 channels. Raises ValueError for another shape or dtype."""
    if image.ndim != 3 or image.shape[2] not in _COLOUR_TYPES or image.dtype != np.uint8 or not image.size:
        raise ValueError(f"expected a uint8 image (height, width, 1 to 4 channels), got {image.dtype} {image.shape}")
    height, width, channels = image.shape
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    rows = np.zeros((height, 1 + width * channels), np.uint8)  # each begins with the number of its filter, 0
    rows[:, 1:] = image.reshape(height, -1)
    chunks: tuple[tuple[bytes, Any], ...] = (
        (b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), level)), (b"IEND", b""),
    )  # fmt: skip
    parts = [b"\x89PNG\r\n\x1a\n"]
    for name, content in chunks:
        parts.append(struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content)))
    return b"".join(parts)
