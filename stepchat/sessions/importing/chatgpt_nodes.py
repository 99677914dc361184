"""What one node of a conversation in ChatGPT's export holds: who says it, when, and its text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from stepchat.messages import LATEST
from stepchat.sessions.importing.values import (
    InvalidImportError,
    expect_list,
    expect_object,
    expect_optional_text,
    expect_text,
    expect_time,
    is_object,
)

if TYPE_CHECKING:
    from stepchat.messages import Json

_REFERENCE: Final = re.compile("\ue200[^\ue200\ue201]*\ue201")
"""Marks of citations, which mean nothing outside."""

_PICTURE, _RECORDING, _OTHER = (
    "[a picture that is not in the export]",
    "[a recording that is not in the export]",
    "[not in the export]",
)
_RECORDINGS: Final = frozenset({"audio_asset_pointer", "real_time_user_audio_video_asset_pointer"})
_TEXTS: Final = ("text", "result", "output_str", "summary", "content")
"""Where the kinds of content without parts have their text, the best first."""


@dataclass(frozen=True, slots=True)
class Node:
    """A place in the tree. `children` are in the order in which ChatGPT shows them; not all need be there."""

    id: str
    parent: str | None
    children: tuple[str, ...]
    message: Json | None
    place: str
    """Where its message is in the file."""


def read_nodes(data: Any, place: str) -> dict[str, Node]:
    """By their names. Raises InvalidImportError; so do the others."""
    mapping: Json = {} if data is None else expect_object(data, place)
    nodes: dict[str, Node] = {}
    for name, value in mapping.items():
        here = f"{place}[{name!r}]"
        node: Json = {} if value is None else expect_object(value, here)
        message = node.get("message")
        listed = expect_list(node.get("children") or [], f"{here}.children")
        nodes[name] = Node(
            name,
            expect_optional_text(node.get("parent"), f"{here}.parent"),
            tuple(child for child in listed if isinstance(child, str)),
            None if message is None else expect_object(message, f"{here}.message"),
            f"{here}.message",
        )
    return nodes


def content_of(node: Node) -> Json:
    """An empty one where there is none."""
    content = (node.message or {}).get("content")
    return {} if content is None else expect_object(content, f"{node.place}.content")


def metadata_of(node: Node) -> Json:
    return expect_object((node.message or {}).get("metadata") or {}, f"{node.place}.metadata")


def kind_of(node: Node) -> str:
    return expect_optional_text(content_of(node).get("content_type"), f"{node.place}.content.content_type") or ""


def role_of(node: Node) -> str:
    author = expect_object((node.message or {}).get("author"), f"{node.place}.author")
    return expect_text(author.get("role"), f"{node.place}.author.role")


def name_of(node: Node) -> str:
    """Of a tool."""
    author = expect_object((node.message or {}).get("author"), f"{node.place}.author")
    return expect_optional_text(author.get("name"), f"{node.place}.author.name") or ""


def time_of(node: Node) -> float | None:
    return moment((node.message or {}).get("create_time"), f"{node.place}.create_time")


def text_of(node: Node) -> str:
    """What is said, with words for what is no text."""
    content, place = content_of(node), f"{node.place}.content.parts"
    if "parts" in content:
        given = content["parts"]
        given = [given] if isinstance(given, str) else expect_list(given or [], place)
        text = "\n\n".join(part for part in (_part(part, given) for part in given) if part)
    else:
        text = next((value for name in _TEXTS if isinstance(value := content.get(name), str) and value), "")
    return _REFERENCE.sub("", text)


def _part(part: Any, beside: list[Any]) -> str:
    if isinstance(part, str) or part is None:
        return part or ""
    if not is_object(part):
        return _OTHER
    if isinstance(text := part.get("text"), str) and text:
        return text
    match part.get("content_type"):
        case "image_asset_pointer":
            return _PICTURE
        case "audio_transcription":
            return ""
        case kind if isinstance(kind, str) and kind in _RECORDINGS:
            # What was said stands beside it.
            return "" if any(is_object(other) and other.get("text") for other in beside) else _RECORDING
        case _:
            return _OTHER


def thoughts_of(node: Node) -> str:
    """What the model thought, of a node for that."""
    place = f"{node.place}.content.thoughts"
    parts: list[str] = []
    for number, value in enumerate(expect_list(content_of(node).get("thoughts") or [], place)):
        thought: Json = {"content": value} if isinstance(value, str) else expect_object(value, f"{place}[{number}]")
        parts += [text for name in ("summary", "content") if isinstance(text := thought.get(name), str) and text]
    return "\n\n".join(parts)


def instructions_of(node: Node) -> str:
    """What the user told ChatGPT for every conversation: about himself, and how to answer."""
    told = metadata_of(node).get("user_context_message_data")
    places = (
        # As they were typed; in the other place there are words of ChatGPT around them.
        (told if is_object(told) else {}, ("about_user_message", "about_model_message")),
        (content_of(node), ("user_profile", "user_instructions")),
    )
    for source, names in places:
        texts = [text.strip() for name in names if isinstance(text := source.get(name), str) and text.strip()]
        if texts:
            return "\n\n".join(texts)
    return ""


def moment(value: Any, place: str) -> float | None:
    """A time, None where there is none."""
    if isinstance(value, str):
        try:
            time = datetime.fromisoformat(value)
        except ValueError:
            raise InvalidImportError(place, "a text instead of a time") from None
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    # Some files have milliseconds.
    if isinstance(value, int | float) and LATEST < value <= LATEST * 1000:
        value = float(value) / 1000
    return None if value is None else expect_time(value, place) or None
