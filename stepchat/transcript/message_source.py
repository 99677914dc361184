"""The conversation as source text, for copying: what was written, without wraps, bars and padding."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from stepchat.messages import AssistantMessage, ToolMessage, UserMessage
from stepchat.transcript.answer import TEXT
from stepchat.transcript.labels import short_model
from stepchat.transcript.layout.tables import split_row
from stepchat.transcript.markdown.blocks import Fence
from stepchat.transcript.markdown.inline import spans

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stepchat.messages import Message
    from stepchat.transcript.document import Document, MessageView
    from stepchat.transcript.markdown.blocks import Block

_MAY_LINK: Final = re.compile("://|@|www[.]", re.IGNORECASE)


def answer(document: Document) -> str:
    """The newest answer, also while it comes."""
    place = _newest_place(document)
    found = document.messages[place].answer if place is not None else None
    return found.text.source if found else ""


def code(document: Document) -> str:
    """The last code block of the newest answer."""
    newest = _newest_place(document)
    found = codes(document, newest) if newest is not None else []
    return found[-1].source if found else ""


def codes(document: Document, place: int) -> list[Fence]:
    """The code blocks of one message, in their order."""
    answer = document.messages[place].answer
    if answer is None:
        return []
    document.open(place)
    return list(dict.fromkeys(block.group for block in answer.text.blocks if isinstance(block.group, Fence)))


def links(part: MessageView) -> Iterator[tuple[str, str]]:
    """Text and address of the links of one message."""
    answer = part.answer
    # Most answers have none, which is seen without reading their Markdown.
    if answer is not None and may_have_links(answer.text.source):
        for block in answer.blocks(TEXT):
            yield from _links(block) if block is not None else ()


def may_have_links(source: str) -> bool:
    """False only if there is no link in a Markdown text."""
    return _MAY_LINK.search(source) is not None


def _links(block: Block) -> Iterator[tuple[str, str]]:
    labels: Mapping[str, Any] = block.links.labels if block.links else {}
    if block.kind not in ("paragraph", "heading", "row") or not (labels or may_have_links(block.text)):
        return
    for cell in split_row(block.text) if block.kind == "row" else [block.text]:
        for target, found in groupby(spans(cell, labels), key=lambda span: span.target):
            if target:
                yield " ".join("".join(span.text for span in found).split()), target


def reasoning(document: Document) -> str:
    """The reasoning of the newest answer that has any."""
    for part in reversed(document.messages):
        if part.answer is not None and part.answer.has_panel:
            return part.answer.reasoning.source
    return ""


def everything(document: Document) -> str:
    """The whole chat as Markdown, without the reasoning."""
    told = [_told(part.stored.message) for part in document.messages if part.stored is not None]
    if document.live is not None and document.live.text:
        told.append(f"## Answer\n\n{document.live.text.source}")
    return "\n\n".join(told) + "\n" if told else ""


def _newest_place(document: Document) -> int | None:
    return next(
        (at for at in range(len(document.messages) - 1, -1, -1) if document.messages[at].answer is not None), None
    )


def _told(message: Message) -> str:
    match message:
        case UserMessage():
            return f"## You\n\n{message.text}"
        case ToolMessage():
            return f"## Tool {message.name}\n\n{message.text}"
        case AssistantMessage():
            return f"## {short_model(message.model or message.model_asked) or 'Answer'}\n\n{message.text}"
