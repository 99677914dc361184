"""A page of text: a title, lines that scroll."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from stepchat.text.sanitize import sanitize
from stepchat.tui.dialogs.page import PageDialog, scroll_widget

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events
    from textual.app import ComposeResult
    from textual.geometry import Size

    from stepchat.chat.spending import ReportLine
    from stepchat.tui.dialogs.page import PageStep

HINTS: Final = (("page.up page.down", "scroll"), ("page.find", "find"), ("page.close", "close"))
_MARGIN: Final = 5
"""Columns of a narrow window for margins and scrollbar."""
_STYLES: Final = {"head": "$accent", "plain": "$text", "dim": "$dim"}


class TextDialog(PageDialog[None]):
    """`lines` makes the lines for a number of columns; it is called again when the window has another width."""

    def __init__(self, title: str, lines: Callable[[int], Sequence[ReportLine]]) -> None:
        super().__init__(HINTS)
        self._heading = title
        self._lines = lines
        self._shown: list[Content] = []
        self._words = ""
        self._found: list[int] = []
        """The lines with the words."""
        self._at = -1
        """The current match; -1 for none."""
        self._text = Static(markup=False)
        self._scroll = VerticalScroll(self._text, can_focus=False)

    def compose(self) -> ComposeResult:
        self._fill(self.app.size)  # pyright: ignore[reportUnknownMemberType] - generic in Textual
        with Vertical(classes="dialog wide"):
            yield Static(sanitize(self._heading, keep_newlines=False), classes="dialog-title", markup=False)
            yield self._scroll
            yield self.find_line
            yield self.hints

    def on_resize(self, event: events.Resize) -> None:
        self._fill(event.size)

    def _fill(self, size: Size) -> None:
        self._shown = [
            Content.styled(sanitize(line.text, keep_newlines=False), _STYLES[line.role])
            for line in self._lines(max(1, size.width - _MARGIN))
        ]
        self.search(self._words)

    def scroll_by(self, step: PageStep) -> None:
        scroll_widget(self._scroll, step)

    def search(self, words: str) -> None:
        wanted = words.casefold().strip()
        if wanted != self._words:
            self._words, self._at = wanted, -1
        self._found = [number for number, line in enumerate(self._shown) if wanted and wanted in line.plain.casefold()]
        self._paint()

    def go_to_match(self, by: int) -> None:
        if not self._found:
            return
        if self._at < 0:
            top = round(self._scroll.scroll_y)
            self._at = next((at for at, line in enumerate(self._found) if line >= top), 0)
        else:
            self._at = (self._at + by) % len(self._found)
        self._scroll.scroll_to(y=max(0, self._found[self._at] - 2), animate=False)
        self._paint()

    def matches(self) -> tuple[int, int]:
        return self._at + 1, len(self._found)

    def _paint(self) -> None:
        """Show the lines with the words marked."""
        current = self._found[self._at] if 0 <= self._at < len(self._found) else -1
        lines = list(self._shown)
        for number in self._found:
            lines[number] = _marked(lines[number], self._words, "reverse" if number == current else "underline")
        self._text.update(Content("\n").join(lines))


def _marked(line: Content, words: str, style: str) -> Content:
    text, at = line.plain.casefold(), 0
    if len(text) != len(line.plain):
        return line.stylize(style)  # casefolding moved the characters
    while (at := text.find(words, at)) >= 0:
        line = line.stylize(style, at, at + len(words))
        at += len(words)
    return line
