"""Deterministic answers of any length, made of one kind of Markdown or of all kinds."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from stepchat.demo.steps import Finish, Say, Think, is_hurried, split_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stepchat.demo.steps import ScenarioRequest, Script, Step

_SOURCE = (
    "the of a river and its mouth where salt meets fresh water silt settles slowly under every tide so that banks "
    "grow shift and vanish again while herons wait between reeds for small fish that follow warm currents upstream "
    "at night when boats are tied and nothing moves except light on the surface old maps show another course with "
    "two islands now joined by fields people remember floods by their names and measure seasons against stone steps"
)
_WORDS = tuple(_SOURCE.split())
_TITLES = ("Overview", "Method", "Results", "Limits", "Trade-offs", "Next steps", "Background", "Details")


def _word(n: int) -> str:
    return _WORDS[(n * n * 7 + n * 13 + n // 9) % len(_WORDS)]


def _sentence(n: int) -> str:
    words = [_word(n * 31 + i) for i in range(8 + n * 5 % 9)]
    return f"{' '.join(words).capitalize()}."


def _prose(n: int) -> str:
    return f"{' '.join(_sentence(n * 6 + i) for i in range(6))}\n\n"


def _oneline(n: int) -> str:
    return f"{_sentence(n)} "


def _list(n: int) -> str:
    match n % 7:
        case 2 | 3:
            return f"  - {_sentence(n)}\n"
        case 5:
            return f"- **{_word(n).capitalize()}**: {_sentence(n)}\n"
        case _:
            return f"- {_sentence(n)}\n"


def _table(n: int) -> str:
    head = "| # | name | value | note |\n|--:|:-----|------:|------|\n" if n == 0 else ""
    return f"{head}| {n + 1} | {_word(n)} | {n * 7919 % 10_000:,} | {_word(n + 3)} {_word(n + 8)} |\n"


def _fence(n: int) -> str:
    head = "```python\n" if n == 0 else ""
    name, other = _word(n), _word(n + 5)
    match n % 6:
        case 0:
            line = f"def {name}_{n}({other}: int = {n % 100}) -> int:\n"
        case 1:
            line = f'    """The {other} of a {name}."""\n'
        case 2:
            line = f"    for step in range({other}):  # {_word(n + 1)} {_word(n + 2)}\n"
        case 3:
            line = f"        {other} += step * {n % 17} if step % 2 else -{n % 5}\n"
        case 4:
            line = f'    return {other} or len("{name} {_word(n + 7)}")\n'
        case _:
            line = "\n"
    return head + line


def _paragraphs(n: int) -> str:
    return f"{_sentence(n)}\n\n"


def _mixed(n: int) -> str:
    title = f"## {_TITLES[n % len(_TITLES)]} {n + 1}\n\n"
    text = f"{_sentence(n)} Some **bold {_word(n)}**, some *{_word(n + 1)}*, `{_word(n + 2)}()` and a [link]({_link(n)}).\n\n"
    match n % 4:
        case 0:
            rest = "".join(_list(n + i) for i in range(5))
        case 1:
            rest = "```python\n" + "".join(_fence(i) for i in range(6 * n + 6, 6 * n + 17)) + "```\n"
        case 2:
            rest = "".join(_table(i) for i in range(6))
        case _:
            rest = f"> {_sentence(n + 2)}\n> {_sentence(n + 3)}\n\n1. {_sentence(n + 4)}\n2. {_sentence(n + 5)}\n"
    return f"{title}{text}{_prose(n)}{rest}\n"


def _link(n: int) -> str:
    return f"https://example.com/{_word(n)}?page={n}"


KINDS: dict[str, Callable[[int], str]] = {
    "prose": _prose,
    "oneline": _oneline,
    "list": _list,
    "table": _table,
    "fence": _fence,
    "paragraphs": _paragraphs,
    "mixed": _mixed,
}


def passages(kind: Callable[[int], str], tokens: int) -> Iterator[str]:
    """Passages of one kind with exactly this many tokens in total."""
    left = tokens
    for n in count():
        if left <= 0:
            return
        pieces = split_tokens(kind(n))[:left]
        left -= len(pieces)
        yield "".join(pieces)


def long_answer(ask: ScenarioRequest) -> Iterator[Step]:
    yield from _play(ask, KINDS.get(ask.options.get("kind", "mixed"), _mixed))


def only(kind: str) -> Script:
    def script(ask: ScenarioRequest) -> Iterator[Step]:
        yield from _play(ask, KINDS[kind])

    return script


def _play(ask: ScenarioRequest, kind: Callable[[int], str]) -> Iterator[Step]:
    for passage in passages(_paragraphs, 8 if is_hurried(ask) else ask.count("reasoning", 200)):
        yield Think(passage)
    for passage in passages(kind, ask.count("tokens", 2000)):
        yield Say(passage)
    if kind is _fence:
        yield Say("```\n")
    yield Finish()
