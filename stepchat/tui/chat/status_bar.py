"""The status bar: one row with items on the left and keys on the right. What does not fit is dropped, not truncated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.reactive import var
from textual.strip import Strip
from textual.widget import Widget

from stepchat.text.sanitize import sanitize_line
from stepchat.tui.keymap import keymap_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.timer import Timer

MOST_THINGS = 7
MARGIN = 2
"""Blank columns at both ends, and the minimum between the two groups."""
KEPT_FACTS = 3
"""While idle these are worth more than the last hint: the model, the context, and the cost."""
SEPARATOR = " · "
TICK = 0.5
"""Seconds between two repaints of a running turn."""

FactKind = Literal["plain", "state", "warning", "error"]
Role = Literal["plain", "state", "warning", "error", "key"]


@dataclass(frozen=True, slots=True)
class Fact:
    """One item of the bar. `state` is what is happening now; warnings and errors stand out."""

    text: str
    kind: FactKind = "plain"
    longer: str = ""
    """Shown instead of `text` if there is space left."""


class Progress(Protocol):
    """A running turn, whose facts change over time."""

    def facts(self, now: float) -> list[Fact]:
        """`now` is monotonic."""
        ...


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of the row, from left to right."""

    text: str
    role: Role = "plain"


def arrange(facts: Sequence[str | Fact], hints: Sequence[tuple[str, str]], width: int) -> tuple[Span, ...]:
    """Lay out the row, exactly `width` cells wide, or empty if nothing fits.

    Facts and hints come in order of importance. What does not fit goes from the right: hints down to the first one,
    then facts down to the first three (to the first one while something is going on, which the hint stops), then the
    hint that was left, then the other facts. Nothing is cut in the middle.
    """
    left = [clean for fact in facts if (clean := _clean_fact(fact)).text]
    right = [(sanitize_line(key), sanitize_line(word)) for key, word in hints]
    while (left or right) and (len(left) + len(right) > MOST_THINGS or _needed(left, right) > width):
        kept = 1 if any(fact.kind == "state" for fact in left) else KEPT_FACTS
        (right if len(right) > 1 or (right and len(left) <= kept) else left).pop()
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
    """Truncate at a word, unless one word is most of the text."""
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


class StatusBar(Widget):
    """The status bar. It is repainted only when its content has changed, and nothing runs while idle."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "status-bar--plain",
        "status-bar--state",
        "status-bar--warning",
        "status-bar--error",
        "status-bar--key",
    }
    items: var[tuple[str | Fact | Progress, ...]] = var((), init=False)
    """The items on the left, the most important first. The progress of a turn is updated twice a second."""
    hints: var[tuple[tuple[str, str], ...]] = var((), init=False)
    """The hints on the right, each a key and a word, the most important first."""
    flash: var[str] = var("", init=False)
    """A line shown for a few seconds instead of the plain items; see `show_flash`."""

    def __init__(self, *, id: str | None = None, clock: Callable[[], float] = monotonic) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self._clock = clock
        self._shown: tuple[Span, ...] = ()
        self._flash_timer: Timer | None = None
        self._ticker: Timer | None = None
        self._ticks = False

    def on_mount(self) -> None:
        self._ticker = self.set_interval(TICK, self._repaint, pause=True)
        self.watch_items()

    def show_flash(self, text: str, seconds: float = 4.0) -> None:
        """Show a line for some seconds. The next one replaces it, "" removes it."""
        if self._flash_timer is not None:
            self._flash_timer.stop()
        self.flash = text
        self._flash_timer = self.set_timer(seconds, partial(self.show_flash, "")) if text else None

    def watch_items(self) -> None:
        if self._ticker is not None and self._is_running_turn != self._ticks:
            self._ticks = self._is_running_turn
            if self._ticks:
                self._ticker.reset()
            else:
                self._ticker.pause()
        self._repaint()

    @property
    def _is_running_turn(self) -> bool:
        return any(not isinstance(item, str | Fact) for item in self.items)

    def watch_hints(self) -> None:
        self._repaint()

    def watch_flash(self) -> None:
        self._repaint()

    def _repaint(self) -> None:
        if (spans := self._spans(self.size.width)) != self._shown:
            self._shown = spans
            self.refresh()

    def _spans(self, width: int) -> tuple[Span, ...]:
        now, fill = self._clock(), keymap_of(self).fill
        facts: list[str | Fact] = []
        for item in self.items:
            facts += [item] if isinstance(item, str | Fact) else item.facts(now)
        facts = [fact if isinstance(fact, str) else replace(fact, text=fill(fact.text)) for fact in facts]
        hints = tuple((fill(key), fill(word)) for key, word in self.hints)
        if not self.flash:
            return arrange(facts, hints, width)
        # The model stays. The running turn, and the key that stops it, are worth more than the end of a sentence.
        model, running = facts[:1], [fact for fact in facts[1:] if isinstance(fact, Fact) and fact.kind != "plain"]
        hints = hints[:1] if running else ()
        space = width - _needed([_clean_fact(fact) for fact in model], list(hints)) - len(SEPARATOR)
        if space < width // 2:
            hints, space = (), width - _needed([_clean_fact(fact) for fact in model], []) - len(SEPARATOR)
        flash = Fact(_shortened(fill(self.flash), max(1, space)), "state")
        return arrange((*model, flash, *running), hints, width)

    def render_line(self, y: int) -> Strip:
        if y:
            return Strip.blank(self.size.width, self.rich_style)
        self._shown = self._spans(self.size.width)
        segments = [
            Segment(span.text, self.get_component_rich_style(f"status-bar--{span.role}")) for span in self._shown
        ]
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)
