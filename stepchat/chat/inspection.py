"""The inspector's lines about a recorded exchange. Their text is raw; the caller sanitizes it."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate
from time import localtime, strftime
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias, cast

from rich.cells import chop_cells

from stepchat import lossless_json
from stepchat.messages import valid_time
from stepchat.reasoning import ledger
from stepchat.reasoning.fields import REASONING_FIELDS
from stepchat.reasoning.ledger import RULES, hash_of, received_reasoning, returned_from_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stepchat.messages import AssistantMessage, Json
    from stepchat.reasoning.ledger import ReasoningAccount
    from stepchat.sessions.exchanges import Exchange

Role: TypeAlias = Literal["text", "dim", "title", "state", "warning", "error"]

_END: Final = re.compile(rb"(?>\r\n|\n|\r){2,}")
"""The end of a line and the empty lines after it. Atomic, because half of a CRLF does not end a line."""
_FIELD: Final = re.compile(rb"(?:\xef\xbb\xbf)?+\s*+[^{\[<]")
"""The start of an event stream. JSON or a web page counts as one event, even if it contains empty lines."""
_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_FIRST_REASONING: Final = re.compile(rb'"reasoning(?:_content)?"\s*:\s*"[^"]')
_FIRST_TEXT: Final = re.compile(rb'"content"\s*:\s*"[^"]')
_RAGGED: Final = 16
"""Columns that may stay empty at the end of a row to avoid breaking a word."""
_NOTEWORTHY: Final = frozenset({"refused", "edited before", "unsigned", "no data", "duplicate"})
_SUMMARY: Final = 200
"""Characters of an event shown in its line."""


@dataclass(frozen=True, slots=True)
class InspectorLine:
    text: str
    role: Role = "text"


class InspectorLines(Protocol):
    """A sequence of lines that are made when they are shown."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> InspectorLine: ...


def filter_lines(lines: Iterable[InspectorLine], typed: str) -> list[InspectorLine]:
    """The lines that contain every typed word."""
    words = typed.casefold().split()
    return [line for line in lines if all(word in line.text.casefold() for word in words)]


def wrap_lines(lines: Iterable[InspectorLine], width: int) -> list[InspectorLine]:
    """Wrap lines of sanitized text into rows of at most `width` cells."""
    rows: list[InspectorLine] = []
    for line in lines:
        if len(line.text) <= width and line.text.isascii():
            rows.append(line)
        else:
            rows += [InspectorLine(part, line.role) for part in _wrap_text(line.text, width)]
    return rows


def _wrap_text(text: str, width: int) -> list[str]:
    """Break a text after a space if there is one near the end of the row. Continuation rows are indented like the first."""
    if not text.isascii():
        return chop_cells(text, width) or [text]
    indent = " " * min(len(text) - len(text.lstrip(" ")), width // 2)
    parts: list[str] = []
    at, space, lead = 0, width, ""
    while len(text) - at > space:
        end = text.rfind(" ", at + space - min(_RAGGED, space // 2), at + space) + 1 or at + space
        parts.append(lead + text[at:end])
        at, space, lead = end, width - len(indent), indent
    return [*parts, lead + text[at:]]


# ---- the request


def request_lines(exchange: Exchange) -> list[InspectorLine]:
    """The request, and the status and headers of the response."""
    lines = [InspectorLine(f"POST {exchange.url}", "title")]
    lines += [InspectorLine(f"{name}: {value}", "dim") for name, value in exchange.headers.items()]
    lines += [InspectorLine(""), *(InspectorLine(text) for text in json_lines(exchange.body))]
    lines.append(InspectorLine(""))
    if exchange.status is not None:
        lines.append(InspectorLine(f"Status {exchange.status}", "title" if exchange.status < 400 else "error"))
        lines += [InspectorLine(f"{name}: {value}", "dim") for name, value in (exchange.answered or {}).items()]
    if exchange.error:
        lines.append(InspectorLine(exchange.error, "error"))
    return lines


def json_lines(value: Any) -> list[str]:
    """A JSON value on several lines. Numbers and keys stay exactly as received."""
    lines: list[str] = []
    _write(value, "", "", "", lines)
    return lines


def _write(value: Any, indent: str, head: str, tail: str, lines: list[str]) -> None:
    match value:
        case dict() if value:
            entries = [
                (f"{lossless_json.dumps(key, ascii_only=False)}: ", item) for key, item in cast("Json", value).items()
            ]
            brackets = "{}"
        case list() | tuple() if value:
            entries = [("", item) for item in cast("list[Any]", value)]
            brackets = "[]"
        case _:
            lines.append(f"{indent}{head}{lossless_json.dumps(value, ascii_only=False)}{tail}")
            return
    lines.append(f"{indent}{head}{brackets[0]}")
    for number, (name, item) in enumerate(entries, 1):
        _write(item, f"{indent}  ", name, "," if number < len(entries) else "", lines)
    lines.append(f"{indent}{brackets[1]}{tail}")


# ---- what came


class Events:
    """The events of a response: split once, described when shown. The constructor takes long for a long response."""

    def __init__(self, exchange: Exchange) -> None:
        pieces = exchange.pieces or ()
        self._whole = b"".join(data for _, data in pieces)
        self._times = [seconds for seconds, _ in pieces]
        self._ends = list(accumulate(len(data) for _, data in pieces))
        self.cut = exchange.cut
        self._ended = exchange.status is not None or bool(exchange.error)
        self.dropped = exchange.pieces is None
        found = _END.finditer(self._whole) if _FIELD.match(self._whole) else ()
        ends = [match.end() for match in found if match.start()]
        if not ends or ends[-1] < len(self._whole):
            ends.append(len(self._whole))
        starts = [0, *ends[:-1]]
        self._spans = [(start, end) for start, end in zip(starts, ends, strict=True) if end > start]
        self._lowered = self._whole.lower()
        self._head = self._first_lines()
        self._last: tuple[str, Sequence[int]] = ("", range(len(self._spans)))
        """The last filter, and the events it matched."""

    def __len__(self) -> int:
        return len(self._spans)

    @property
    def text(self) -> str:
        """The whole response."""
        return self._whole.decode("utf-8", "replace")

    def raw(self, number: int) -> bytes:
        start, end = self._spans[number]
        return self._whole[start:end]

    def seconds(self, number: int) -> float:
        """The seconds from the request to the last byte of an event."""
        return self._at(self._spans[number][1] - 1)

    def _at(self, offset: int) -> float:
        piece = bisect_left(self._ends, offset + 1)
        return self._times[piece] if piece < len(self._times) else math.nan

    def line(self, number: int) -> InspectorLine:
        kind, summary, role = _describe(self.raw(number))
        return InspectorLine(f"{number + 1:>6}  {self.seconds(number):>9.3f} s  {kind:<9}  {summary[:_SUMMARY]}", role)

    def detail(self, number: int) -> list[InspectorLine]:
        """The event as received, then its JSON, indented."""
        raw = self.raw(number).decode("utf-8", "replace")
        lines = [InspectorLine(f"        {text}", "dim") for text in _LINE_END.split(raw) if text]
        data = _data(self.raw(number))
        if data is not None:
            lines += [InspectorLine(f"        {text}") for text in json_lines(data)]
        return lines

    def matching(self, typed: str) -> Sequence[int]:
        """The numbers of the events that contain every typed word. A longer filter searches only the last matches."""
        typed = typed.lower()
        before, numbers = self._last
        if typed == before:
            return numbers
        if not typed.startswith(before):
            numbers = range(len(self))
        spans, find = self._spans, self._lowered.find
        for word in (word.encode("utf-8", "replace") for word in typed.split()):
            numbers = [number for number in numbers if find(word, *spans[number]) >= 0]
        self._last = (typed, numbers)
        return numbers

    def summary_lines(self) -> list[InspectorLine]:
        """The times of the first byte, reasoning and text, and the size of the response."""
        return self._head

    def _first_lines(self) -> list[InspectorLine]:
        if self.dropped:
            return [
                InspectorLine(
                    "The recording of this response was deleted to save space (keep_events in config.toml).", "warning"
                )
            ]
        if not self._times:
            words = "The response was empty." if self._ended else "Events appear here when the answer is complete."
            return [InspectorLine(words, "warning")]
        moments = [("first byte", self._times[0])]
        for name, pattern in (("first reasoning", _FIRST_REASONING), ("first text", _FIRST_TEXT)):
            if found := pattern.search(self._whole):
                moments.append((name, self._at(found.start())))
        moments.append(("last byte", self._times[-1]))
        times = " · ".join(f"{name} {seconds:.3f} s" for name, seconds in moments)
        reads = "1 read" if len(self._times) == 1 else f"{len(self._times):,} reads"
        size = f"{len(self):,} events, {len(self._whole):,} bytes in {reads}"
        more = [InspectorLine("The recording is incomplete.", "warning")] if self.cut else []
        return [InspectorLine(times, "title"), InspectorLine(size, "dim"), *more]

    def upstream_lines(self) -> list[InspectorLine]:
        """The request that the server sent to the provider, if it reported it (`debug.echo_upstream_body`)."""
        for number in range(min(len(self), 20)):
            data = _data(self.raw(number))
            debug: Any = cast("Json", data).get("debug") if isinstance(data, dict) else None
            if isinstance(debug, dict):
                return [InspectorLine(text) for text in json_lines(debug)]
        return [
            InspectorLine(
                "No upstream request recorded. /debug records it from the next request on (OpenRouter only).", "dim"
            )
        ]


class EventLines:
    """One line per event, and below each opened event its details."""

    def __init__(self, events: Events, numbers: Sequence[int], opened: Mapping[int, Sequence[InspectorLine]]) -> None:
        self._events = events
        self._rows: list[int | InspectorLine] = [*events.summary_lines()]
        for number in numbers:
            self._rows.append(number)
            self._rows += opened.get(number, ())

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int, /) -> InspectorLine:
        row = self._rows[index]
        return self._events.line(row) if isinstance(row, int) else row

    def number(self, index: int) -> int | None:
        """The number of the event on a line; None if the line is not an event."""
        row = self._rows[index] if 0 <= index < len(self._rows) else None
        return row if isinstance(row, int) else None


def _data(raw: bytes) -> Any:
    text = raw.decode("utf-8", "replace")
    lines = [line.partition(":")[2] for line in _LINE_END.split(text) if line.startswith("data:")]
    try:
        return lossless_json.loads("\n".join(lines) if lines else text)
    except ValueError:
        return None


def _describe(raw: bytes) -> tuple[str, str, Role]:
    """The kind, summary and role of one event."""
    data = _data(raw)
    if not isinstance(data, dict):
        text = " ".join(raw[: _SUMMARY * 4].decode("utf-8", "replace").split())
        if text.startswith(":"):
            return "comment", text, "dim"
        return ("done", "", "dim") if "[DONE]" in text[:16] else ("bytes", text, "warning")
    chunk = cast("Json", data)
    if chunk.get("error") is not None:
        return "error", lossless_json.dumps(chunk["error"], ascii_only=False)[:_SUMMARY], "error"
    if chunk.get("debug") is not None:
        return "debug", "the request sent to the provider", "dim"
    choices: Any = chunk.get("choices")
    first: Any = cast("list[Any]", choices)[0] if isinstance(choices, list) and choices else None
    choice = cast("Json", first) if isinstance(first, dict) else {}
    delta: Any = choice.get("delta") or choice.get("message")
    return _describe_delta(cast("Json", delta) if isinstance(delta, dict) else {}, choice, chunk)


def _describe_delta(delta: Json, choice: Json, chunk: Json) -> tuple[str, str, Role]:
    def summary(value: Any) -> str:
        return lossless_json.dumps(value, ascii_only=False)[: _SUMMARY * 2]

    for name in REASONING_FIELDS:
        if delta.get(name):
            return "reasoning", summary(delta[name]), "dim"
    if delta.get("tool_calls"):
        return "tool call", summary(delta["tool_calls"]), "text"
    if delta.get("content"):
        return "text", summary(delta["content"]), "text"
    if delta.get("reasoning_details"):
        return "details", summary(delta["reasoning_details"]), "dim"
    if choice.get("finish_reason"):
        return "finish", summary(choice["finish_reason"]), "state"
    if chunk.get("usage"):
        return "usage", summary(chunk["usage"]), "state"
    return "empty", summary(delta), "dim"


# ---- usage and ledger


def usage_lines(message: AssistantMessage) -> list[InspectorLine]:
    """The model that answered, how the answer ended, its times and its usage."""
    timing = message.timing
    facts = [
        ("model", message.model or message.model_asked), ("requested", message.model_asked),
        ("provider", message.provider), ("generation", message.generation_id),
        ("finish reason", message.finish_reason), ("native", message.native_finish_reason), ("stored as", message.stop),
        ("started", _moment(timing.started)),
        ("first reasoning", _seconds(timing.first_reasoning)), ("first text", _seconds(timing.first_text)),
        ("ended", _seconds(timing.ended)),
    ]  # fmt: skip
    lines = [InspectorLine(f"{name:<16}{value}") for name, value in facts if value]
    lines.append(InspectorLine(""))
    if not message.usage.raw:
        return [*lines, InspectorLine("The server reported no usage.", "dim")]
    return [
        *lines,
        InspectorLine("Usage as received", "title"),
        *(InspectorLine(text) for text in json_lines(message.usage.raw)),
    ]


def _seconds(value: float | None) -> str:
    time = valid_time(value)
    return "-" if time is None and value is not None else "" if time is None else f"{time:.3f} s"


def _moment(value: float) -> str:
    time = valid_time(value)
    return "-" if time is None else strftime("%Y-%m-%d %H:%M:%S", localtime(time)) if time else ""


def ledger_lines(
    exchange: Exchange, messages: Mapping[str, AssistantMessage], account: ReasoningAccount | None
) -> list[InspectorLine]:
    """What this request did with earlier reasoning, and what later requests did with the reasoning of its answer."""
    lines = [InspectorLine("Earlier reasoning in this request", "title")]
    number = 0
    for line in exchange.lines:
        if line.wire is None or line.wire.get("role") == "assistant":
            number += 1
        if line.verdict is not None and line.message is not None:
            lines += _verdict(number, line.verdict, line.wire, messages.get(line.message))
    if len(lines) == 1:
        lines.append(InspectorLine("None.", "dim"))
    if account is not None:
        lines += [InspectorLine(""), InspectorLine("The reasoning of this answer", "title")]
        lines += [InspectorLine(text) for text in ledger.account_lines(account)]
        if account.received.hash:
            lines.append(InspectorLine(f"sha256 {account.received.hash}", "dim"))
    return lines


def _verdict(number: int, verdict: Json, wire: Json | None, message: AssistantMessage | None) -> list[InspectorLine]:
    returned = returned_from_json(verdict)
    role: Role = "warning" if returned.rule in _NOTEWORTHY else "text"
    lines = [InspectorLine(f"answer {number:<4} {returned.description}", role)]
    if returned.rule is not None:
        entries = ", ".join(str(entry + 1) for entry in returned.left_out)
        lines.append(
            InspectorLine(f"            {RULES[returned.rule]}{f' (entry {entries})' if entries else ''}", "dim")
        )
    details: Any = (wire or {}).get("reasoning_details")
    if isinstance(details, list):
        sent = hash_of(cast("list[Json]", details))
        lines.append(InspectorLine(f"            sent     sha256 {sent[:32]}", "dim"))
        if message is not None:
            received = received_reasoning(message)
            same = "identical" if received.hash == sent else "different"
            lines.append(InspectorLine(f"            on disk  sha256 {received.hash[:32] or '-'}  {same}", "dim"))
            lines.append(InspectorLine(f"            {ledger.describe_received(received)}", "dim"))
    return lines
