"""Everything drawn over the rows of the screen on their way out; cached rows never contain it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from rich.style import Style

from stepchat.transcript.answer import REASONING
from stepchat.transcript.find.search import Search
from stepchat.transcript.overlays.badges import CopyBadges, SiblingBadges, UnreadBadge
from stepchat.transcript.overlays.focus import Focus
from stepchat.transcript.overlays.selection import Selection

if TYPE_CHECKING:
    from textual.strip import Strip

    from stepchat.transcript.document import Document
    from stepchat.transcript.palette import Palette
    from stepchat.transcript.viewport import Viewport

_FOCUS: Final = Style(bold=True)


class ClickTarget(NamedTuple):
    """What was clicked on: the badge for the end, a header, a message (`by` names the sibling), code, or a link."""

    kind: Literal["end", "header", "message", "code", "link"]
    message: int = 0
    by: int = 0
    text: str = ""


class Overlays:
    """The overlays of one document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.copy = CopyBadges(document)
        self.siblings = SiblingBadges(document)
        self.focus = Focus(document)
        self.selection = Selection(document)
        self.search = Search(self.selection.hit_tester)
        self.unread = UnreadBadge(document)
        self._focus: tuple[Palette | None, Style] = (None, _FOCUS)

    def add_to(self, viewport: Viewport, rows: list[Strip], palette: Palette) -> list[Strip]:
        """The rows of the screen with all overlays. A row that looks the same is the same strip."""
        if self._focus[0] is not palette:
            self._focus = (palette, palette.accent + _FOCUS)
        rows = self.siblings.add_to(viewport, self.copy.add_to(viewport, rows))
        rows = self.focus.mark_rows(viewport, rows, self._focus[1])
        rows = self.search.mark_rows(viewport, rows, palette.hit, palette.current_hit)
        rows = self.selection.mark_rows(viewport, rows, palette.selection)
        return self.unread.add_to(viewport, rows, palette)

    def click_target(self, viewport: Viewport, x: int, y: int) -> ClickTarget | None:
        """What a click on this cell of the screen is for."""
        if self.unread.at(viewport, x, y):
            return ClickTarget("end")
        if (header := viewport.header_at(y)) is not None:
            return ClickTarget("header", header)
        if (panel := self._panel_edge(viewport, x, y)) is not None:
            return ClickTarget("header", panel)
        if (found := self.siblings.at(viewport, x, y)) is not None:
            return ClickTarget("message", *found)
        if (index := self.focus.at(viewport, x, y)) is not None:
            return ClickTarget("message", index)
        if (fence := self.copy.at(viewport, x, y)) is not None:
            return ClickTarget("code", text=fence.source)
        if target := _link_at(viewport, x, y):
            return ClickTarget("link", text=target)
        return None

    def _panel_edge(self, viewport: Viewport, x: int, y: int) -> int | None:
        """The answer whose open reasoning has its bar at this cell of the screen: the header may be far above."""
        if not 0 <= y < len(viewport.screen_rows):
            return None
        shown, page = viewport.screen_rows[y], self._document.layout.builder.geometry
        message = self._document.messages[shown.message]
        is_panel = message.answer is not None and message.blocks.section_of(shown.block)[0] == REASONING
        return shown.message if is_panel and page.margin <= x < page.margin + 2 else None


def _link_at(viewport: Viewport, x: int, y: int) -> str:
    strip = viewport.screen_rows[y].strip if 0 <= y < len(viewport.screen_rows) else None
    styles = [segment.style for segment in strip.crop(x, x + 1)] if strip is not None else []
    return next((style.link for style in styles if style is not None and style.link), "")
