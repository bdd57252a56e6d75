"""Small images as PNG in data URIs, written by zlib alone (ISO/IEC 15948)."""

import base64
import struct
import zlib
from math import isqrt

import numpy as np


def image_uri(pixels: np.ndarray) -> str | None:
    """Return a frame as an image, stretched to its own range; None for what is no image.

    ``pixels``: numbers ``[C, H, W]`` or ``[H, W, C]`` with one or three channels, ``[H, W]``, or
    the elements of a square.
    """
    planes = _as_image(pixels)
    if planes is None:
        return None
    values = planes.astype(np.float64)
    low, high = values.min(), values.max()
    bytes_ = np.round(255 * (values - low) / max(high - low, 1e-12)).astype(np.uint8)
    return "data:image/png;base64," + base64.b64encode(_png(bytes_)).decode()


def _as_image(pixels: np.ndarray) -> np.ndarray | None:
    """Return ``[H, W, C]``."""
    pixels = pixels.reshape([n for n in pixels.shape if n > 1] or [1])
    if pixels.ndim == 3 and pixels.shape[0] == 3:
        return np.moveaxis(pixels, 0, -1)
    if pixels.ndim == 3 and pixels.shape[-1] == 3:
        return pixels
    if pixels.ndim == 2:
        return pixels[..., None]
    side = isqrt(pixels.size)
    if pixels.ndim == 1 and side > 3 and side * side == pixels.size:
        return pixels.reshape(side, side, 1)
    return None


def _png(image: np.ndarray) -> bytes:
    height, width, channels = image.shape
    kind = 2 if channels == 3 else 0
    head = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    lines = b"".join(b"\0" + row.tobytes() for row in image)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
