"""The ordinary conversation: scripts that are pleasant to read and tell about the round trip of the reasoning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat.demo.scenarios import conversation_texts as texts
from stepchat.demo.steps import Finish, Say, reasoning_steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepchat.demo.steps import ScenarioRequest, Step

_TOPICS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("prime", "sieve", "python", "code", "function", "program", "count"), "primes"),
    (("compare", "table", "versus", " vs", "difference", "choose"), "compare"),
    (("translate", "language", "chinese", "japanese", "emoji", "unicode", "日本", "中文", "한국"), "languages"),
    (("haiku", "poem", "verse"), "haiku"),
    (("reasoning", "remember", "round trip", "roundtrip", "send back", "sent back"), "roundtrip"),
)
_BY_TURN = ("roundtrip", "primes", "compare", "languages", "haiku")


def conversation(ask: ScenarioRequest) -> Iterator[Step]:
    """The topic that the question names; else the welcome first, and the others in turn."""
    asked = f" {ask.question.lower()}"
    named = next((topic for words, topic in _TOPICS if any(word in asked for word in words)), None)
    topic = named or ("welcome" if ask.turn <= 1 else _BY_TURN[(ask.turn - 2) % len(_BY_TURN)])
    match topic:
        case "primes":
            yield from primes(ask)
        case "compare":
            yield from compare(ask)
        case "languages":
            yield from languages(ask)
        case "haiku":
            yield from haiku(ask)
        case "roundtrip":
            yield from roundtrip(ask)
        case _:
            yield from welcome(ask)


def welcome(ask: ScenarioRequest) -> Iterator[Step]:
    yield from _answer(ask, texts.WELCOME_THOUGHT, texts.WELCOME)


def primes(ask: ScenarioRequest) -> Iterator[Step]:
    yield from _answer(ask, texts.PRIMES_THOUGHT, texts.PRIMES)


def compare(ask: ScenarioRequest) -> Iterator[Step]:
    yield from _answer(ask, texts.COMPARE_THOUGHT, texts.COMPARE)


def languages(ask: ScenarioRequest) -> Iterator[Step]:
    yield from _answer(ask, texts.LANGUAGES_THOUGHT, texts.LANGUAGES)


def haiku(ask: ScenarioRequest) -> Iterator[Step]:
    yield from _answer(ask, texts.HAIKU_THOUGHT, texts.HAIKU)


def roundtrip(ask: ScenarioRequest) -> Iterator[Step]:
    yield from reasoning_steps(ask, _opening(ask) + texts.ROUNDTRIP_THOUGHT)
    yield Say(f"{round_trip(ask) or texts.FIRST_TURN}\n\n{texts.ROUNDTRIP}")
    yield Finish()


def _answer(ask: ScenarioRequest, thought: str, text: str) -> Iterator[Step]:
    yield from reasoning_steps(ask, _opening(ask) + thought)
    yield Say(text)
    if told := round_trip(ask):
        yield Say(f"\n---\n\n{told}\n")
    yield Finish()


def _opening(ask: ScenarioRequest) -> str:
    """The reasoning begins with the reader's own words, and with what is known of the earlier turns."""
    words = " ".join(ask.question.split())
    short = words if len(words) <= 160 else f"{words[:160].rstrip()} …"
    opening = f"The user writes: “{short}”.\n\n"
    back = ask.returned
    if back.characters:
        opening += (
            f"This is turn {ask.turn}. My thoughts from before are here again, {back.characters:,} characters of them, "
            "so I can go on where I stopped.\n\n"
        )
    elif back.answers:
        opening += f"This is turn {ask.turn}, but my earlier thoughts did not come along; only what I said did.\n\n"
    return opening


def round_trip(ask: ScenarioRequest) -> str:
    """One paragraph about what this very request brought back; empty on a first turn."""
    back = ask.returned
    if not back.answers:
        return ""
    of = f"{back.with_reasoning} of {back.answers} earlier {'answer' if back.answers == 1 else 'answers'}"
    if not back.with_reasoning:
        return (
            f"**Round trip:** your request brought back the reasoning of {of}. A model would have to start from "
            "the visible words alone."
        )
    size = f"{back.entries} {'entry' if back.entries == 1 else 'entries'}, {back.characters:,} characters"
    match back.unchanged:
        case same if same == back.with_reasoning:
            verdict = "**exactly as I sent it**"
        case 0:
            verdict = "but not as anything I have sent since I was started, so I cannot compare"
        case some:
            verdict = f"{some} of them exactly as I sent them"
    return f"**Round trip:** your request brought back the reasoning of {of}: {size}, {verdict}."
