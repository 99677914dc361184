"""A session as Markdown. Message text stays as it is, so answers look as intended."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from stepchat.attachments.content import data_url
from stepchat.messages import AssistantMessage, ToolMessage, UserMessage
from stepchat.sessions.export import captions
from stepchat.text.fences import fenced
from stepchat.text.sanitize import sanitize_for_export

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import tzinfo

    from stepchat.messages import Attachment, Message
    from stepchat.sessions.records import SessionContent

    Link = Callable[[Attachment, bytes], str]
    """Returns the address of an attachment with this content; "" shows only its name."""

_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_MARKUP: Final = re.compile(r"([\\`*_\[\]<>#&|~])")


def markdown(content: SessionContent, zone: tzinfo | None = None, link: Link = data_url) -> str:
    """One session; it ends with a newline."""
    facts = " · ".join(_escaped(fact) for fact in captions.session_line(content, zone))
    parts = [f"# {_escaped(captions.title(content))}", facts]
    if content.session.system:
        parts += ["## System prompt", _closed(sanitize_for_export(content.session.system))]
    for stored in content.messages:
        parts += [f"## {_escaped(captions.speaker(stored.message))}", *_message(stored.message, content.files, link)]
    if missing := captions.missing_note(content):
        parts.append(f"*{missing}*")
    return "\n\n".join(part for part in parts if part) + "\n"


def _message(message: Message, files: Mapping[str, bytes], link: Link) -> Iterator[str]:
    match message:
        case UserMessage():
            yield _closed(sanitize_for_export(message.text))
            for attachment in message.attachments:
                yield _attachment(attachment, files.get(attachment.digest), link)
        case ToolMessage():
            yield fenced(sanitize_for_export(message.text))
        case AssistantMessage():
            if message.reasoning:
                yield _quoted(
                    f"**{captions.reasoning_line(message)}**\n\n{_closed(sanitize_for_export(message.reasoning))}"
                )
            yield _closed(sanitize_for_export(message.text or message.refusal))
            for call in message.tool_calls:
                yield f"Calls {_escaped(sanitize_for_export(call.name))}:"
                yield fenced(sanitize_for_export(call.arguments), "json")
            if ending := captions.ending(message):
                yield f"*{_escaped(ending)}*"
            if facts := captions.footer(message):
                yield f"*{' · '.join(map(_escaped, facts))}*"


def _attachment(attachment: Attachment, content: bytes | None, link: Link) -> str:
    line = _escaped(captions.attachment_line(attachment))
    if content is None:
        return f"*{line} · missing*"
    if attachment.kind == "text":
        return f"*{line}*\n\n{fenced(sanitize_for_export(content.decode('utf-8', 'replace')))}"
    if not (address := link(attachment, content)):
        return f"*{line}*"
    mark = "!" if attachment.kind == "image" else ""
    return f"*{line}*\n\n{mark}[{_escaped(sanitize_for_export(attachment.name))}](<{address}>)"


def _escaped(text: str) -> str:
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def _closed(text: str) -> str:
    """The text with its last code block closed, so that what follows is not part of it."""
    open_fence = ""
    for line in text.split("\n"):
        fence = _FENCE.match(line)
        if not fence:
            continue
        marks, rest = fence.groups()
        if not open_fence:
            # A backtick after the fence makes it inline code.
            open_fence = "" if marks[0] == "`" and "`" in rest else marks
        elif marks[0] == open_fence[0] and len(marks) >= len(open_fence) and not rest.strip():
            open_fence = ""
    return text.strip("\n") + (f"\n{open_fence}" if open_fence else "")


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))
