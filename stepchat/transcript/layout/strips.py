"""Builds strips of the full width from styled text (margin, bars, list markers, padding), and draws over finished ones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from stepchat.text.sanitize import sanitize, sanitize_for_display
from stepchat.text.widths import cells, pad_for_rich
from stepchat.transcript.markdown import inline
from stepchat.transcript.markdown.blocks import Item
from stepchat.transcript.markdown.inline import USUAL, Display

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from stepchat.transcript.layout.wrap import Line, Piece
    from stepchat.transcript.markdown.blocks import Block, Voice
    from stepchat.transcript.palette import Palette

READING_COLUMNS: Final = 100
MARGIN: Final = 2
_NARROW: Final = 30
"""There is no margin below this width."""
_LEAST_TEXT: Final = 12
"""Nesting stops to indent when fewer columns would be left."""
_MOST_STYLES: Final = 2000
_TASK: Final = re.compile(r"\[([ xX])\][ \t]+(?=\S)")


class Edge(NamedTuple):
    """What precedes a block's text: on its first row, on its other rows, and on the blank rows above it."""

    first: Line
    others: Line
    gap: Line
    width: int


@dataclass(frozen=True, slots=True)
class PageGeometry:
    """The columns of a page: a reading column for text; code and tables may use the `wide` one."""

    width: int
    margin: int
    column: int
    wide: int


def task_box(block: Block) -> re.Match[str] | None:
    """The task box at the beginning of a list item. It replaces the bullet, but not a number."""
    if block.kind != "paragraph" or not block.fresh or not isinstance(block.path[-1], Item):
        return None
    return _TASK.match(block.text) if block.text.startswith("[") else None


def page_geometry(width: int, reading_columns: int = READING_COLUMNS) -> PageGeometry:
    margin = MARGIN if width >= _NARROW else 0
    wide = max(4, width - 2 * margin)
    return PageGeometry(width, margin, min(reading_columns, wide), wide)


class StripBuilder:
    """Builds strips for one palette and one width."""

    def __init__(self, palette: Palette, measures: PageGeometry, display: Display = USUAL) -> None:
        self.palette = palette
        self.display = display
        self.geometry = measures
        self.blank = self.strip([])
        self._styles: dict[tuple[Style, int, str], Style] = {}

    def shown(self, text: str) -> str:
        """Text as this page shows it, in one line."""
        return sanitize(text, keep_newlines=False) if self.display.joins_emoji else sanitize_for_display(text)

    def base(self, voice: Voice) -> Style:
        match voice:
            case "answer":
                return self.palette.text
            case "reasoning":
                return self.palette.reasoning
            case "user":
                return self.palette.user
            case "tool":
                return self.palette.dim

    def styled(self, base: Style, span: inline.Span) -> Style:
        """The style of a span of inline text."""
        if not span.marks:
            return base
        key = (base, span.marks, span.target)
        style = self._styles.get(key)
        if style is None:
            if len(self._styles) > _MOST_STYLES:
                self._styles.clear()
            style = self._styles[key] = self._mix(base, span.marks, span.target)
        return style

    def _mix(self, style: Style, marks: int, target: str) -> Style:
        palette = self.palette
        for mark, added in (
            (inline.STRONG, palette.strong),
            (inline.EMPHASIS, palette.emphasis),
            (inline.STRIKE, palette.strike),
            (inline.CODE, palette.code),
            (inline.LINK, palette.link),
        ):
            if marks & mark:
                style += added
        return style + Style(link=target) if target else style

    def edge(self, block: Block, width: int) -> Edge:
        """The left edge of a block in a column of this width."""
        palette = self.palette
        bar: Line = []
        match block.voice:
            case "reasoning":
                bar = [("│ ", palette.reasoning_bar)]
            case "user":
                bar = [("▌ ", palette.user_bar)]
            case "tool":
                bar = [("│ ", palette.rule)]
            case _:
                pass
        first, others, used = bar.copy(), bar.copy(), 2 * len(bar)
        gap: Line = bar.copy() if block.voice == "reasoning" else []
        old = len(block.path) - block.fresh
        base = self.base(block.voice)
        marked = False
        for depth, node in enumerate(block.path):
            if isinstance(node, Item):
                size = node.width + 1
                mark: Piece = (node.marker.rjust(node.width) + " ", palette.accent if block.voice == "answer" else base)
                blank: Piece = (" " * size, base)
            else:
                size = 2
                mark = blank = ("│ ", palette.quote_bar)
            if used + size > width - _LEAST_TEXT:
                marked = False
                break
            marked = isinstance(node, Item) and not node.ordered
            used += size
            first.append(mark if depth >= old else blank)
            others.append(blank)
            if depth < old:
                gap.append(blank)
        if found := task_box(block):
            box: Piece = ("☐ " if found[1] == " " else "☑ ", palette.accent if block.voice == "answer" else base)
            if marked:
                first[-1] = box
            else:
                first.append(box)
                others.append(("  ", base))
                used += 2
        return Edge(first, others, gap, used)

    def strip(self, pieces: Iterable[Piece], *, fill: Style | None = None, fill_to: int = 0) -> Strip:
        """A row: the margin, the pieces, `fill` up to column `fill_to` of the page, and blank to the end."""
        page = self.geometry
        segments = [Segment(" " * page.margin, self.palette.text)] if page.margin else []
        used = page.margin
        for text, style in pieces:
            if text:
                segments.append(Segment(pad_for_rich(text), style))
                used += cells(text)
        if fill is not None and used < page.margin + fill_to:
            segments.append(Segment(" " * (page.margin + fill_to - used), fill))
            used = page.margin + fill_to
        if used < page.width:
            segments.append(Segment(" " * (page.width - used), self.palette.text))
            used = page.width
        strip = Strip(segments, used)
        return strip if used == page.width else strip.crop(0, page.width)


_MOST: Final = 1000


class OverlayCache:
    """Remembers strips with an overlay: the same row with the same overlay is the same strip, so it is not painted again."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._made: dict[tuple[int, Hashable], tuple[Strip, Strip]] = {}

    def over(self, strip: Strip, mark: Hashable, make: Callable[[], Strip]) -> Strip:
        """The strip with an overlay, made if it is not cached. A different overlay is a different strip."""
        key = (id(strip), mark)
        made = self._made.get(key)
        if made is None or made[0] is not strip:
            if len(self._made) > self._most:
                self._made.clear()
            made = self._made[key] = (strip, make())
        return made[1]

    def clear(self) -> None:
        self._made.clear()


def with_styles(strip: Strip, marks: Iterable[tuple[int, int, Style]]) -> Strip:
    """The strip with styles added, each to the cells from one column to before another."""
    for left, right, style in marks:
        middle = [
            Segment(text, (own or Style.null()) + style, control) for text, own, control in strip.crop(left, right)
        ]
        strip = Strip([*strip.crop(0, left), *middle, *strip.crop(right, strip.cell_length)], strip.cell_length)
    return strip


def with_text(strip: Strip, columns: range, words: Segment) -> Strip:
    """The strip with text in these columns, which it fills."""
    before, after = strip.crop(0, columns.start), strip.crop(columns.stop, strip.cell_length)
    return Strip([*before, words, *after], strip.cell_length)
