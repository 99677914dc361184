"""The status line: facts at the left, keys at the right, in one row that drops things before it cuts them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from stepchat.text.sanitize import sanitize_line
from stepchat.tui.keymap import keymap_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.timer import Timer

MOST_THINGS = 7
MARGIN = 2
"""Blank columns before the first fact, after the last hint, and at least between the two groups."""
SEPARATOR = " · "

FactKind = Literal["plain", "state", "warning", "error"]
Role = Literal["plain", "state", "warning", "error", "key"]


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing the line says. `state` is what is going on just now; warnings and errors want to be seen."""

    text: str
    kind: FactKind = "plain"
    longer: str = ""
    """Said instead of `text` where there is room for it when everything else is said."""


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of the row, from left to right."""

    text: str
    role: Role = "plain"


def arrange(facts: Sequence[str | Fact], hints: Sequence[tuple[str, str]], width: int) -> tuple[Span, ...]:
    """The row, exactly `width` cells wide unless nothing fits: then it is empty.

    Facts and hints come in order of importance. What does not fit goes from the right: hints down to the first one,
    then facts down to the first one, then the hint that was left, then the fact. Nothing is cut in the middle.
    """
    left = [clean for fact in facts if (clean := _clean_fact(fact)).text]
    right = [(sanitize_line(key), sanitize_line(word)) for key, word in hints]
    while (left or right) and (len(left) + len(right) > MOST_THINGS or _needed(left, right) > width):
        if len(right) > 1:
            right.pop()
        elif len(left) > 1:
            left.pop()
        elif right:
            right.pop()
        else:
            left.pop()
    if not left and not right:
        return ()
    for place, fact in enumerate(left):
        longer = [*left[:place], Fact(fact.longer, fact.kind), *left[place + 1 :]]
        if fact.longer and _needed(longer, right) <= width:
            left = longer
    spans = [Span(" " * MARGIN)]
    for number, fact in enumerate(left):
        if number:
            spans.append(Span(SEPARATOR))
        spans.append(Span(fact.text, fact.kind))
    spans.append(Span(" " * (width - _needed(left, right) + (MARGIN if left and right else 0))))
    for number, (key, word) in enumerate(right):
        spans += [Span(("  " if number else "") + key, "key"), Span(f" {word}")]
    return (*spans, Span(" " * MARGIN))


def _needed(facts: list[Fact], hints: list[tuple[str, str]]) -> int:
    left = sum(cell_len(fact.text) for fact in facts) + len(SEPARATOR) * max(0, len(facts) - 1)
    right = sum(cell_len(f"{key} {word}") for key, word in hints) + 2 * max(0, len(hints) - 1)
    return MARGIN + left + (MARGIN if facts and hints else 0) + right + MARGIN


def _shortened(text: str, width: int) -> str:
    """What is said once is rather cut than not said: at a word, unless one word is most of it."""
    if cell_len(text) <= width:
        return text
    words = text.split(" ")
    while len(words) > 1 and cell_len(" ".join(words)) >= width:
        words.pop()
    kept = " ".join(words)
    return f"{kept}…" if width // 2 < cell_len(kept) < width else f"{set_cell_size(text, width - 1)}…"


def _clean_fact(fact: str | Fact) -> Fact:
    if isinstance(fact, str):
        return Fact(sanitize_line(fact))
    return Fact(sanitize_line(fact.text), fact.kind, sanitize_line(fact.longer))


class StatusLine(Widget):
    """One row. It is painted again only when what it shows has changed."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "status-line--plain",
        "status-line--state",
        "status-line--warning",
        "status-line--error",
        "status-line--key",
    }

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self._facts: tuple[str | Fact, ...] = ()
        self._hints: tuple[tuple[str, str], ...] = ()
        self._said: tuple[Fact, ...] = ()
        self._forget: Timer | None = None

    def say(self, text: str, seconds: float = 4.0) -> None:
        """Show this for a while in the place of what is plain. The next thing said replaces it, "" ends it."""
        if self._forget is not None:
            self._forget.stop()
        if not text:
            self._go_on()
            return
        self._said = (Fact(keymap_of(self).fill(text), "state"),)
        self._forget = self.set_timer(seconds, self._go_on)
        self.refresh()

    def _go_on(self) -> None:
        self._said = ()
        self._forget = None
        self.refresh()

    def set_facts(self, facts: Sequence[str | Fact]) -> None:
        """What stands at the left, the most important first."""
        fill = keymap_of(self).fill
        filled = [fact if isinstance(fact, str) else replace(fact, text=fill(fact.text)) for fact in facts]
        self._change(tuple(filled), self._hints)

    def set_hints(self, hints: Sequence[tuple[str, str]]) -> None:
        """What stands at the right: key and word, the most important first."""
        fill = keymap_of(self).fill
        self._change(self._facts, tuple((fill(key), fill(word)) for key, word in hints))

    def _change(self, facts: tuple[str | Fact, ...], hints: tuple[tuple[str, str], ...]) -> None:
        before = self._spans(self.size.width)
        self._facts, self._hints = facts, hints
        if self._spans(self.size.width) != before:
            self.refresh()

    def _spans(self, width: int) -> tuple[Span, ...]:
        if not self._said:
            return arrange(self._facts, self._hints, width)
        # What is going on, and the key that stops it, are worth more than the end of a sentence.
        going_on = tuple(fact for fact in self._facts if isinstance(fact, Fact) and fact.kind != "plain")
        hints = self._hints if going_on else ()
        room = width - 2 * MARGIN
        less = room - (cell_len(" ".join(hints[0])) + MARGIN if hints else 0)
        said = [Fact(_shortened(fact.text, less if less > room // 2 else room), fact.kind) for fact in self._said]
        return arrange((*said, *going_on), hints, width)

    def render_line(self, y: int) -> Strip:
        if y:
            return Strip.blank(self.size.width, self.rich_style)
        spans = self._spans(self.size.width)
        segments = [Segment(span.text, self.get_component_rich_style(f"status-line--{span.role}")) for span in spans]
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)
