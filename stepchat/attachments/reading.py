"""Turns files into attachments: detects their type, checks the model, and prepares the content to send."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from stepchat.attachments.detection import FileType, type_of, unsupported_name
from stepchat.attachments.images import estimate_image_tokens, fit_image
from stepchat.attachments.pdf import can_read_pdf, count_pages, estimate_pdf_tokens, pdf_text
from stepchat.attachments.support import accepts, models_hint
from stepchat.catalogue.backends import bare_slug
from stepchat.errors import UsageError
from stepchat.files import read_regular_file
from stepchat.messages import Attachment
from stepchat.text.encoding import decode_file
from stepchat.text.format import file_size, short_model
from stepchat.text.sanitize import sanitize_title

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stepchat.catalogue.models import Model
    from stepchat.messages import AttachmentKind

LIMITS: Final[dict[AttachmentKind, int]] = {
    "text": 5_000_000,
    "image": 30_000_000,
    "pdf": 30_000_000,
    "audio": 20_000_000,
}
"""The largest size of a file by kind, in bytes."""
MOST_FILES: Final = 100
"""The most files per question."""
_LONGEST_NAME: Final = 200
_BYTES_PER_TOKEN: Final = 4
_AUDIO_BYTES_PER_TOKEN: Final = 500
"""At 128 kbit/s and 32 tokens per second."""


class LoadedFile(NamedTuple):
    """An attachment, and the content that is stored and sent."""

    attachment: Attachment
    content: bytes


class Recipient(NamedTuple):
    """The model that gets the files."""

    slug: str
    look_up: Callable[[], tuple[Model | None, Sequence[Model]]] = lambda: (None, ())
    """Returns its catalogue entry, and all models of its server. May query the server, but not for text files."""


def load_file(path: Path, recipient: Recipient) -> LoadedFile:
    """Read a regular file for this model. Raises UsageError; blocks, and may take seconds."""
    name = display_name(path)
    try:
        data = read_regular_file(path, max(LIMITS.values()))
    except (OSError, ValueError) as error:
        raise UsageError(f"Cannot attach {sanitize_title(str(path))}: {_reason(error, path)}.") from error
    return load_content(name, data, recipient)


def load_content(name: str, data: bytes, recipient: Recipient) -> LoadedFile:
    """`load_file` for content that is no file, such as that of the clipboard."""
    name = sanitize_title(name)[-_LONGEST_NAME:] or "file"
    if not data:
        raise UsageError(f"{name} is empty.")
    file_type = type_of(data)
    limit = LIMITS["text" if file_type is None else file_type.kind]
    if file_type is not None and len(data) > limit:
        raise _too_large(name, len(data), limit)
    match None if file_type is None else file_type.kind:
        case "image" if file_type is not None:
            return _image(name, data, file_type, recipient)
        case "pdf":
            return _pdf(name, data, recipient)
        case "audio" if file_type is not None:
            _check_accepted("audio", f"{name} is a {file_type.word}", recipient)
            return _loaded(name, "audio", file_type.media_type, data, len(data) // _AUDIO_BYTES_PER_TOKEN)
        case _:
            return _text(name, data)


def display_name(path: Path) -> str:
    """The name that is shown and sent: relative to the working directory if the file is below it."""
    try:
        relative = path.absolute().relative_to(Path.cwd()).as_posix()
    except (OSError, ValueError):
        relative = ".."
    return sanitize_title(path.name if ".." in relative.split("/") else relative) or "file"


def _reason(error: Exception, path: Path) -> str:
    match error:
        case FileNotFoundError():
            return "there is no such file"
        case IsADirectoryError():
            return "it is a directory"
        case OSError() if os.path.isdir(path):  # noqa: PTH112 - never fails
            return "it is a directory"
        case OSError():
            return (error.strerror or str(error)).lower()
        case _:
            return "this is not a path"


def _image(name: str, data: bytes, file_type: FileType, recipient: Recipient) -> LoadedFile:
    size = (0, 0) if file_type.measure is None else file_type.measure(data)
    if not all(size):
        raise UsageError(f"{name} is a damaged {file_type.word}.", "Open and save it again.")
    _check_accepted("image", f"{name} is a {file_type.word}", recipient)
    content, media_type, (width, height) = fit_image(name, data, file_type, size)
    loaded = _loaded(name, "image", media_type, content, estimate_image_tokens(width, height))
    return loaded._replace(attachment=_with_counts(loaded.attachment, width=width, height=height))


def _pdf(name: str, data: bytes, recipient: Recipient) -> LoadedFile:
    if accepts(recipient.look_up()[0], "pdf"):
        pages = count_pages(data)
        loaded = _loaded(name, "pdf", "application/pdf", data, estimate_pdf_tokens(pages, len(data)))
        return loaded._replace(attachment=_with_counts(loaded.attachment, pages=pages))
    if not can_read_pdf():
        hint = "To send its text instead: pip install 'stepchat[pdf]'."
        _check_accepted("pdf", f"{name} is a PDF", recipient, hint, assume=False)
    text, pages = pdf_text(name, data)
    content = text.encode("utf-8", "replace")
    loaded = _loaded(name, "text", "application/pdf", content, len(content) // _BYTES_PER_TOKEN)
    return loaded._replace(attachment=_with_counts(loaded.attachment, pages=pages))


def _text(name: str, data: bytes) -> LoadedFile:
    found = decode_file(data)
    if found is None:
        raise UsageError(
            f"{name} is {unsupported_name(data)}.",
            "Text files, PNG, JPEG, GIF and WebP images, PDFs and audio can be attached.",
        )
    if len(data) > LIMITS["text"]:
        raise _too_large(name, len(data), LIMITS["text"])
    content = found[0].replace("\r\n", "\n").encode("utf-8", "replace")
    if not content.strip():
        raise UsageError(f"{name} is blank.")
    return _loaded(name, "text", "text/plain", content, len(content) // _BYTES_PER_TOKEN)


def _too_large(name: str, size: int, limit: int) -> UsageError:
    return UsageError(f"{name} has {file_size(size)}; the limit is {file_size(limit)}.", "Attach a part of it.")


def _loaded(name: str, kind: AttachmentKind, media_type: str, content: bytes, tokens: int) -> LoadedFile:
    digest = hashlib.sha256(content).hexdigest()
    return LoadedFile(Attachment(digest, name, kind, media_type, len(content), max(1, tokens)), content)


def _with_counts(attachment: Attachment, *, width: int = 0, height: int = 0, pages: int = 0) -> Attachment:
    from dataclasses import replace

    return replace(attachment, width=width, height=height, pages=pages)


def _check_accepted(
    kind: AttachmentKind, what: str, recipient: Recipient, hint: str = "", *, assume: bool = True
) -> None:
    """Raises UsageError if the model does not accept this kind. `assume` decides if that is unknown."""
    model, models = recipient.look_up()
    accepted = accepts(model, kind)
    if not (assume if accepted is None else accepted):
        name = short_model(bare_slug(recipient.slug))
        raise UsageError(f"{what}, which {name} does not accept.", f"{hint} {models_hint(models, kind)}".strip())
