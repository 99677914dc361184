"""The conversation as source text, for copying: what was written, without wraps, bars and padding."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from stepchat.messages import AssistantMessage, ToolMessage, UserMessage
from stepchat.transcript.blocks import Fence
from stepchat.transcript.facts import short_model
from stepchat.transcript.inline import spans
from stepchat.transcript.tables import split_row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stepchat.messages import Message
    from stepchat.transcript.answer import Answer
    from stepchat.transcript.blocks import Block
    from stepchat.transcript.document import Document


def answer(document: Document) -> str:
    """The newest answer, also while it comes."""
    found = _newest(document)
    return found.text.source if found else ""


def code(document: Document) -> str:
    """The last code block of the newest answer."""
    for place in range(len(document.parts) - 1, -1, -1):
        found = document.parts[place].answer
        if found is not None:
            document.open(place)
            groups = [block.group for block in found.text.blocks]
            return next((group.source for group in reversed(groups) if isinstance(group, Fence)), "")
    return ""


def links(document: Document) -> list[tuple[str, str]]:
    """Text and address of every link of the newest answer, each address once."""
    for place in range(len(document.parts) - 1, -1, -1):
        found = document.parts[place].answer
        if found is not None:
            document.open(place)
            return list(
                {target: (text, target) for block in found.text.blocks for text, target in _links(block)}.values()
            )
    return []


def _links(block: Block) -> Iterator[tuple[str, str]]:
    if block.kind not in ("paragraph", "heading", "row"):
        return
    labels: Mapping[str, Any] = block.links.labels if block.links else {}
    for cell in split_row(block.text) if block.kind == "row" else [block.text]:
        for target, found in groupby(spans(cell, labels), key=lambda span: span.target):
            if target:
                yield " ".join("".join(span.text for span in found).split()), target


def reasoning(document: Document) -> str:
    """The reasoning of the newest answer that has any."""
    for part in reversed(document.parts):
        if part.answer is not None and part.answer.has_panel:
            return part.answer.reasoning.source
    return ""


def everything(document: Document) -> str:
    """The whole chat as Markdown, without the reasoning."""
    told = [_told(part.stored.message) for part in document.parts if part.stored is not None]
    if document.live is not None and document.live.text:
        told.append(f"## Answer\n\n{document.live.text.source}")
    return "\n\n".join(told) + "\n" if told else ""


def _newest(document: Document) -> Answer | None:
    return next((part.answer for part in reversed(document.parts) if part.answer is not None), None)


def _told(message: Message) -> str:
    match message:
        case UserMessage():
            return f"## You\n\n{message.text}"
        case ToolMessage():
            return f"## Tool {message.name}\n\n{message.text}"
        case AssistantMessage():
            return f"## {short_model(message.model or message.model_asked) or 'Answer'}\n\n{message.text}"
