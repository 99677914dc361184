"""The content of a question in a request: its text, with text files in it, and parts for other files (docs/protocol.md)."""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from stepchat.attachments.detection import describe
from stepchat.lossless_json import without_surrogates
from stepchat.text.fences import fenced

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stepchat.messages import Attachment, AttachmentKind, Json

    Content: TypeAlias = str | list[Json]

_REFERENCE: Final = "sha256:"


@dataclass(frozen=True, slots=True)
class Files:
    """The attachments of a request: their content by digest, and the kinds that its model does not accept."""

    contents: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    unsupported: frozenset[AttachmentKind] = frozenset()


NO_FILES: Final = Files()


def question_content(text: str, attachments: Sequence[Attachment], files: Files = NO_FILES) -> Content:
    """The content of a question. Without images, PDFs and audio it is one text, which every server accepts."""
    texts: list[str] = []
    parts: list[Json] = []
    names: list[str] = []
    for attachment in attachments:
        content = files.contents.get(attachment.digest)
        if content is None:
            texts.append(f"[{attachment.name} was attached here, and is missing.]")
        elif attachment.kind == "text":
            texts.append(text_block(attachment, content))
        elif attachment.kind in files.unsupported:
            texts.append(_left_out(attachment))
        else:
            parts.append(_part(attachment, content))
            names.append(f"- {attachment.name}")
    if names:
        # Images have no names of their own.
        texts.append("\n".join(("Attached files, in this order:", *names)))
    # Files first: models answer better when the question comes last.
    whole = without_surrogates("\n\n".join(piece for piece in (*texts, text) if piece))
    return [{"type": "text", "text": whole}, *parts] if parts else whole


def text_block(attachment: Attachment, content: bytes) -> str:
    """A text file as it is sent: its name, and a code block."""
    name = attachment.name.replace("`", "'")
    kind = " (text of a PDF)" if attachment.media_type == "application/pdf" else ""
    return f"File {name}{kind}:\n{fenced(content.decode('utf-8', 'replace'), _language(attachment))}"


def _language(attachment: Attachment) -> str:
    ending = attachment.name.rpartition("/")[2].rpartition(".")[2] if "." in attachment.name else ""
    known = ending.isascii() and ending.isalnum() and attachment.media_type == "text/plain"
    return ending.lower() if known else ""


def left_out_notice(attachments: Sequence[Attachment], unsupported: frozenset[AttachmentKind]) -> str:
    """A sentence about the files that a request leaves out; "" if it has all of them."""
    names = sorted({one.name for one in attachments if one.kind in unsupported})
    return f"Not sent, because this model does not accept them: {', '.join(names)}." if names else ""


def _left_out(attachment: Attachment) -> str:
    return f"[{attachment.name} ({describe(attachment)}) was attached here. You cannot read it.]"


def data_url(attachment: Attachment, content: bytes) -> str:
    """The content as a data URL."""
    return f"data:{attachment.media_type};base64,{b64encode(content).decode()}"


def _part(attachment: Attachment, content: bytes) -> Json:
    url = data_url(attachment, content)
    match attachment.kind:
        case "pdf":
            return {"type": "file", "file": {"filename": attachment.name, "file_data": url}}
        case "audio":
            form = attachment.media_type.rpartition("/")[2]
            return {"type": "input_audio", "input_audio": {"data": b64encode(content).decode(), "format": form}}
        case _:
            return {"type": "image_url", "image_url": {"url": url}}


_DATA: Final = (("image_url", "url"), ("file", "file_data"), ("input_audio", "data"))
"""The paths of data in the parts of a content."""


def merge_contents(contents: Sequence[Content]) -> Content:
    """The contents of several questions as that of one."""
    if all(isinstance(content, str) for content in contents):
        return "\n\n".join(cast("Sequence[str]", contents))
    parts: list[Json] = []
    for content in contents:
        parts += [{"type": "text", "text": content}] if isinstance(content, str) else content
    return parts


def without_data(wire: Json) -> Json:
    """A message of a request in which data is replaced by `sha256:` and its digest, under which it is stored."""
    return _with_parts(wire, _folded)


def with_data(wire: Json, contents: Mapping[str, bytes]) -> Json:
    """The opposite of `without_data`, as far as the contents are known."""
    return _with_parts(wire, partial(_unfolded, contents))


def digests_in(wire: Json) -> list[str]:
    """The digests that `without_data` put into a message."""
    found: list[str] = []

    def note(data: str) -> str:
        _, mark, digest = data.rpartition(_REFERENCE)
        if mark:
            found.append(digest)
        return data

    _with_parts(wire, note)
    return found


def _folded(data: str) -> str:
    head, mark, encoded = data.rpartition(";base64,")
    try:
        return f"{head}{mark}{_REFERENCE}{hashlib.sha256(b64decode(encoded, validate=True)).hexdigest()}"
    except ValueError:
        return data


def _unfolded(contents: Mapping[str, bytes], data: str) -> str:
    head, mark, digest = data.rpartition(_REFERENCE)
    return f"{head}{b64encode(contents[digest]).decode()}" if mark and digest in contents else data


def _with_parts(wire: Json, change: Callable[[str], str]) -> Json:
    content: Any = wire.get("content")
    if not isinstance(content, list):
        return wire
    return {**wire, "content": [_with_part(part, change) for part in cast("list[Json]", content)]}


def _with_part(part: Json, change: Callable[[str], str]) -> Json:
    for outer, inner in _DATA:
        holder: Any = part.get(outer)
        if isinstance(holder, dict) and isinstance(data := cast("Json", holder).get(inner), str):
            return {**part, outer: {**cast("Json", holder), inner: change(data)}}
    return part
