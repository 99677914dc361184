"""The content of MCP results as text. Images and other data are saved as files, which the text names."""

from __future__ import annotations

import binascii
import hashlib
import json
from base64 import b64decode
from typing import TYPE_CHECKING, Any, Final

from mcp import types

from stepchat.config.paths import write_private
from stepchat.text.format import file_size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_ENDINGS: Final = {
    "image/png": "png", "image/jpeg": "jpg", "image/gif": "gif", "image/webp": "webp", "image/svg+xml": "svg",
    "audio/wav": "wav", "audio/mpeg": "mp3", "audio/ogg": "ogg", "audio/flac": "flac", "application/pdf": "pdf",
    "application/json": "json", "text/plain": "txt", "text/html": "html", "text/markdown": "md",
}  # fmt: skip


def result_text(result: types.CallToolResult, folder: Path) -> str:
    """What the model gets to read of a result."""
    blocks = content_text(result.content, folder)
    if result.structured_content is not None and not any(isinstance(one, types.TextContent) for one in result.content):
        # Servers usually repeat it as text.
        blocks = "\n\n".join(filter(None, (json.dumps(result.structured_content, ensure_ascii=False), blocks)))
    return blocks or "(no content)"


def content_text(blocks: Sequence[Any], folder: Path) -> str:
    """The blocks as text."""
    return "\n\n".join(_block(block, folder) for block in blocks)


def _block(block: Any, folder: Path) -> str:
    match block:
        case types.TextContent(text=text):
            return text
        case types.ImageContent(data=data, mime_type=kind) | types.AudioContent(data=data, mime_type=kind):
            return _saved(data, kind, folder)
        case types.ResourceLink(uri=uri, name=name, description=about):
            return f"[resource {name}: {uri}{f' ({about})' if about else ''}]"
        case types.EmbeddedResource(resource=types.TextResourceContents(uri=uri, text=text)):
            return f"[resource {uri}]\n{text}"
        case types.EmbeddedResource(resource=types.BlobResourceContents(uri=uri, blob=data, mime_type=kind)):
            return f"[resource {uri}] {_saved(data, kind or '', folder)}"
        case _:
            return f"[content of an unknown kind: {type(block).__name__}]"


def _saved(encoded: str, kind: str, folder: Path) -> str:
    try:
        data = b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return f"[{kind or 'data'}, damaged]"
    path = folder / f"{hashlib.sha256(data).hexdigest()[:16]}.{_ENDINGS.get(kind, 'bin')}"
    what = f"{kind or 'data'}, {file_size(len(data))}"
    if not write_private(path, data):
        return f"[{what}; it could not be saved in {folder}]"
    return f"[{what}, saved as {path}; you cannot see it, but the user can open and attach it]"
