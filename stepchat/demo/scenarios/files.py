"""Answers about attached files: what a model would receive of them."""

from __future__ import annotations

import re
from base64 import b64decode
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from stepchat.demo.steps import Finish, Say, message_text, reasoning_steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepchat.demo.steps import ScenarioRequest, Step
    from stepchat.messages import Json

_TEXT_FILE: Final = re.compile(r"^File ([^\n]+):\n(`{3,})[^`\n]*\n(.*?)\n\2$", re.MULTILINE | re.DOTALL)
_NAMES: Final = re.compile(r"^Attached files, in this order:\n((?:- [^\n]*\n?)+)", re.MULTILINE)
_LONGEST_CELL: Final = 60


class _File(NamedTuple):
    name: str
    kind: str
    size: str


def has_files(ask: ScenarioRequest) -> bool:
    """Whether the last question has files."""
    return bool(_files(ask))


def describe(ask: ScenarioRequest) -> Iterator[Step]:
    """List the files of the last question."""
    found = _files(ask)
    count = f"{len(found)} file{'' if len(found) == 1 else 's'}"
    question = " ".join(ask.question.split())[:160]
    yield from reasoning_steps(
        ask,
        f"The user sent {count} and writes: “{question}”. I look at what arrived of each: its name, its type and its size.",
    )
    if not found:
        yield Say("No file came with this question.")
        yield Finish()
        return
    yield Say(f"I received {count}:\n\n| file | type | size |\n|---|---|---|\n")
    for file in found:
        yield Say(f"| {_cell(file.name)} | {file.kind} | {file.size} |\n")
    yield Say("\nThis is the demo server, so I only looked at the envelope. A real model would have read them.\n")
    yield Finish()


def _last_content(ask: ScenarioRequest) -> Any:
    contents = [message.get("content") for message in ask.messages if message["role"] == "user"]
    return contents[-1] if contents else ""


def without_files(text: str) -> str:
    """The text of a question without the files in it."""
    return _NAMES.sub("", _TEXT_FILE.sub("", text)).strip() if "File " in text or "Attached" in text else text


def _files(ask: ScenarioRequest) -> list[_File]:
    content = _last_content(ask)
    found = [
        _File(name, "text", _text_size(body))
        for name, _, body in _TEXT_FILE.findall(message_text(cast("object", content)))
    ]
    parts = cast("list[Json]", content if isinstance(content, list) else [])
    listed = _NAMES.search(message_text(cast("object", content)))
    names = [line.removeprefix("- ") for line in listed[1].splitlines()] if listed else []
    media = [part for part in parts if part.get("type") != "text"]
    return found + [
        file for number, part in enumerate(media) if (file := _file(part, (names[number:] or ["file"])[0])) is not None
    ]


def _file(part: Any, name: str) -> _File | None:
    match part:
        case {"type": "image_url", "image_url": {"url": str(url)}}:
            return _from_url(name, url)
        case {"type": "file", "file": {"file_data": str(url)}}:
            return _from_url(name, url)
        case {"type": "input_audio", "input_audio": {"data": str(data), "format": str(form)}}:
            return _File(name, f"audio/{form}", _size(data))
        case _:
            return None


def _from_url(name: str, url: str) -> _File:
    head, mark, data = url.partition(";base64,")
    return _File(name, head.removeprefix("data:") or "unknown", _size(data)) if mark else _File(name, "link", "")


def _text_size(text: str) -> str:
    lines = text.count("\n") + 1
    return f"{lines:,} line{'' if lines == 1 else 's'}, {len(text.encode('utf-8', 'replace')):,} bytes"


def _size(data: str) -> str:
    try:
        return f"{len(b64decode(data, validate=True)):,} bytes"
    except ValueError:
        return "not base64"


def _cell(text: str) -> str:
    return "".join(char for char in text if char.isprintable() and char not in "|`")[:_LONGEST_CELL] or "file"
