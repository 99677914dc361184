"""Valid answers in unusual framing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat.demo.steps import Chunk, Event, Finish, Framing, Say, reasoning_steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepchat.demo.steps import ScenarioRequest, Step

_THOUGHT = "The framing is what matters here, so the words may stay short: naïve café, 東京, 👩‍💻."
_ANSWER = (
    "A short answer with **bold** words, a naïve café, 東京タワー, Ελλάδα and 👩‍💻 🇳🇴, so that every byte counts.\n"
)


def _short(ask: ScenarioRequest) -> Iterator[Step]:
    yield from reasoning_steps(ask, _THOUGHT)
    yield Say(_ANSWER)
    yield Finish()


def as_json(ask: ScenarioRequest) -> Iterator[Step]:
    yield Framing(as_json=True)
    yield from _short(ask)


def crlf(ask: ScenarioRequest) -> Iterator[Step]:
    yield Framing(newline="\r\n")
    yield from _short(ask)


def cr(ask: ScenarioRequest) -> Iterator[Step]:
    yield Framing(newline="\r")
    yield from _short(ask)


def bom(ask: ScenarioRequest) -> Iterator[Step]:
    yield Framing(bom=True)
    yield from _short(ask)


def chopped(ask: ScenarioRequest) -> Iterator[Step]:
    yield Framing(chopped=True)
    yield from _short(ask)


def null_error(ask: ScenarioRequest) -> Iterator[Step]:
    yield Framing(extra={"error": None})
    yield from _short(ask)


def no_last_blank(ask: ScenarioRequest) -> Iterator[Step]:
    yield Framing(last_blank=False)
    yield from reasoning_steps(ask, _THOUGHT)
    yield Say(_ANSWER)
    yield Finish(done=ask.count("done", 1) > 0)


def bad_json(ask: ScenarioRequest) -> Iterator[Step]:
    yield from reasoning_steps(ask, _THOUGHT)
    yield Event('{"id":"gen-broken","choices":[{"index":0,"delta":{"content":"not')
    yield Say(_ANSWER[:30])
    yield Event("[1, 2, 3]")
    yield Event("")
    yield Event("OPENROUTER PROCESSING")
    yield Say(_ANSWER[30:])
    yield Finish()


def separators(ask: ScenarioRequest) -> Iterator[Step]:
    yield from reasoning_steps(ask, "Line\u2028separator, paragraph\u2029separator, next\u0085line, form\x0cfeed.")
    yield Say("One\u2028two\u2029three\u0085four\x0bfive\x0csix\x1cseven.\n")
    yield Finish()


def usage_each(ask: ScenarioRequest) -> Iterator[Step]:
    yield Framing(usage_on_each=True)
    yield from _short(ask)


def usage_empty(ask: ScenarioRequest) -> Iterator[Step]:
    yield from reasoning_steps(ask, _THOUGHT)
    yield Say(_ANSWER)
    yield Finish(usage="empty")


def usage_tokens(ask: ScenarioRequest) -> Iterator[Step]:
    yield from reasoning_steps(ask, _THOUGHT)
    yield Say(_ANSWER)
    yield Finish(usage="tokens")


def usage_preview(ask: ScenarioRequest) -> Iterator[Step]:
    yield Chunk({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 0, "total_tokens": 1}})
    yield from _short(ask)
