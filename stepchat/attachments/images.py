"""Downscales large images, with Pillow (the extra `images`)."""

from __future__ import annotations

import math
from importlib.util import find_spec
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from stepchat.errors import UsageError
from stepchat.text.format import file_size

if TYPE_CHECKING:
    from stepchat.attachments.detection import FileType

LONGEST_SIDE: Final = 2048
"""Pixels; larger images are downscaled by every provider anyway."""
LARGEST: Final = 4_000_000
"""Bytes; some providers reject images of more than 5 MB."""
_MOST_PIXELS: Final = 120_000_000
"""Decoding more takes a gigabyte of memory."""
_PIXELS_PER_TOKEN: Final = 750
_FEWEST_TOKENS, _MOST_TOKENS = 85, 4_500
_SAVE: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "image/jpeg": ("JPEG", {"quality": 88}),
    "image/webp": ("WEBP", {"quality": 88}),
    "image/png": ("PNG", {"optimize": True}),
    "image/gif": ("PNG", {"optimize": True}),
}


def estimate_image_tokens(width: int, height: int) -> int:
    """About how many tokens an image takes; models differ."""
    return min(_MOST_TOKENS, max(_FEWEST_TOKENS, math.ceil(width * height / _PIXELS_PER_TOKEN)))


def fit_image(name: str, data: bytes, file_type: FileType, size: tuple[int, int]) -> tuple[bytes, str, tuple[int, int]]:
    """Returns the image to send: content, media type, and size in pixels. Raises UsageError."""
    too_large = len(data) > LARGEST
    if not too_large and max(size) <= LONGEST_SIDE:
        return data, file_type.media_type, size
    if size[0] * size[1] > _MOST_PIXELS:
        raise UsageError(f"{name} has {size[0]:,} × {size[1]:,} pixels.", "Downscale it first.")
    if find_spec("PIL") is None:
        if not too_large:
            return data, file_type.media_type, size
        raise UsageError(
            f"{name} has {file_size(len(data))}, and images of more than {file_size(LARGEST)} are downscaled.",
            "That needs Pillow: pip install 'stepchat[images]'",
        )
    try:
        return _downscaled(data, file_type.media_type)
    except Exception as error:
        raise UsageError(f"{name} is damaged, or not a {file_type.word}.", "Open and save it again.") from error


def _downscaled(data: bytes, media_type: str) -> tuple[bytes, str, tuple[int, int]]:
    from PIL import Image, ImageOps

    with Image.open(BytesIO(data)) as opened:
        image = ImageOps.exif_transpose(opened)
        image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        form, options = _SAVE[media_type]
        content = _saved(image, form, options)
        if len(content) > LARGEST:
            # A photograph saved as PNG.
            form, content = "JPEG", _saved(image.convert("RGB"), "JPEG", {"quality": 85})
        return content, f"image/{form.lower()}", image.size


def _saved(image: Any, form: str, options: dict[str, Any]) -> bytes:
    file = BytesIO()
    if form == "JPEG" and image.mode not in {"RGB", "L"}:
        image = image.convert("RGB")
    image.save(file, form, **options)
    return file.getvalue()
