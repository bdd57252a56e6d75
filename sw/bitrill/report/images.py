"""Small images in data URIs: PNG, written by zlib alone (ISO/IEC 15948), and drawings as SVG."""

import base64
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
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


@dataclass(frozen=True, eq=False)
class Images:
    """Frames side by side in a notebook, each with the text of its caption below it.

    ``frames``: ``[N, *shape]``, each as in `image_uri`; what is no image is left out.
    """

    frames: np.ndarray
    captions: Iterable[object]

    def _repr_html_(self) -> str:
        pairs = zip(map(image_uri, self.frames), self.captions, strict=False)
        return "".join(
            f'<div style="{_FRAME}"><img style="{_PIXELS}" src="{uri}">'
            f"<br>{escape(str(text))}</div>"
            for uri, text in pairs
            if uri is not None
        )


_FRAME = "display:inline-block;margin:4px;text-align:center"
_PIXELS = "width:64px;image-rendering:pixelated"


def svg_image(svg: str, words: str) -> str:
    """Return a drawing as an image of its own, so that its styles stay out of the page."""
    data = base64.b64encode(svg.encode()).decode()
    return f'<img alt="{escape(words)}" src="data:image/svg+xml;base64,{data}">'


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
