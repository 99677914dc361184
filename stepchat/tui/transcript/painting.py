"""Paints the rows of the transcript with overlays and scrollbar, and writes changed rows to the terminal.

Changed rows are written directly to the terminal, because Textual's compositor would compose the whole screen again, and
later. Rows that only moved are moved by the terminal, so that a new line at the end sends one row, not forty.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from rich.segment import Segment
from textual._compositor import CompositorUpdate
from textual.geometry import Region
from textual.strip import Strip

from stepchat.transcript.layout.strips import OverlayCache

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console
    from textual.widget import Widget

    from stepchat.transcript.overlays.overlays import Overlays
    from stepchat.transcript.palette import Palette
    from stepchat.transcript.viewport import Viewport

# Textual has no public way to write to the terminal. tests/e2e/test_straight_rows.py checks the result in a terminal.
# ruff: noqa: SLF001
# pyright: reportPrivateUsage=false, reportUnknownMemberType=false, reportUnknownVariableType=false

_MAX_STRIPS: Final = 2000
_MIN_SAVED: Final = 3
"""Rows are moved on the screen if that saves writing at least this many."""


class RowPainter:
    """Keeps the rows as last painted, so that nothing is styled or laid out when Textual asks for them."""

    def __init__(self, widget: Widget, viewport: Viewport, overlays: Overlays, palette: Palette) -> None:
        self._widget = widget
        self._viewport = viewport
        self._overlays = overlays
        self._palette = palette
        self._scrollbar = Scrollbar(palette)
        self._writer = DirectRowWriter(widget)
        self._rows: list[Strip] = []

    def set_palette(self, palette: Palette) -> None:
        self._palette = palette
        self._scrollbar = Scrollbar(palette)

    def update(self) -> None:
        """Paint the rows that changed."""
        viewport = self._viewport
        if not viewport.height:
            return
        rows = self._overlays.add_to(viewport, viewport.render(), self._palette)
        new = self._scrollbar.add_to(rows, viewport.scrollbar_thumb())
        old, self._rows = self._rows, new
        if len(old) != len(new) or not old or old[0].cell_length != new[0].cell_length:
            self._widget.refresh()
        elif (changed := changed_rows(old, new)) and not self._writer.write(old, new):
            width = self._widget.size.width
            self._widget.refresh(*(Region(0, first, width, end - first) for first, end in changed))

    def crop(self, crop: Region) -> list[Strip]:
        """A part of the rows, for the compositor."""
        rows, blank = self._rows, self._viewport.document.layout.builder.blank
        first, end = crop.column_span
        found: list[Strip] = []
        for y in crop.line_range:
            strip = rows[y] if y < len(rows) else blank
            whole = first == 0 and end == strip.cell_length
            found.append(strip if whole else strip.crop_extend(first, end, self._palette.text))
        return found


class Scrollbar:
    """The transcript's own scrollbar: one column at the right edge."""

    def __init__(self, palette: Palette) -> None:
        self._track = Segment(" ", palette.text)
        self._thumb = Segment("▐", palette.scrollbar_thumb)
        self._cache = OverlayCache(_MAX_STRIPS)

    def add_to(self, rows: Sequence[Strip], thumb: tuple[int, int]) -> list[Strip]:
        """The rows with the bar; `thumb` is its first row, and one past its last."""
        first, end = thumb
        bars = [self._thumb if first <= row < end else self._track for row in range(len(rows))]
        return [
            self._cache.over(row, bar.text, partial(_with_bar, row, bar)) for row, bar in zip(rows, bars, strict=True)
        ]


def _with_bar(strip: Strip, bar: Segment) -> Strip:
    return Strip([*strip, bar], strip.cell_length + 1)


# ---- which rows changed


def changed_rows(old: Sequence[Strip | None], new: Sequence[Strip]) -> list[tuple[int, int]]:
    """Ranges of changed rows: the first row, and one past the last. `old` and `new` have the same length."""
    runs: list[tuple[int, int]] = []
    for row, (before, now) in enumerate(zip(old, new, strict=True)):
        if before is now:
            continue
        if runs and runs[-1][1] == row:
            runs[-1] = (runs[-1][0], row + 1)
        else:
            runs.append((row, row + 1))
    return runs


def shift(old: Sequence[Strip], new: Sequence[Strip]) -> int:
    """The number of rows by which most old rows moved up (negative for down); 0 if moving them saves little."""
    same = sum(before is now for before, now in zip(old, new, strict=True))
    if len(old) - same < _MIN_SAVED:
        return 0
    rows = {id(strip): row for row, strip in enumerate(old)}
    moves = Counter(rows[id(strip)] - row for row, strip in enumerate(new) if id(strip) in rows)
    del moves[0]
    if not moves:
        return 0
    by, _ = moves.most_common(1)[0]
    moved = sum(before is now for before, now in zip(shifted(old, by), new, strict=True))
    return by if moved - same >= _MIN_SAVED else 0


def shifted(rows: Sequence[Strip], by: int) -> list[Strip | None]:
    """The rows moved up by this number, or down if negative; None in the gap."""
    gap: list[Strip | None] = [None] * min(abs(by), len(rows))
    return [*rows[by:], *gap] if by > 0 else [*gap, *rows[: len(rows) + by]]


# ---- writing them


class RowsUpdate(CompositorUpdate):
    """Changed rows in the form that Textual's display accepts."""

    def __init__(self, old: Sequence[Strip], new: Sequence[Strip], corner: tuple[int, int], *, may_move: bool) -> None:
        self._old = old
        self._new = new
        self._corner = corner
        self._may_move = may_move

    def render_segments(self, console: Console) -> str:
        return update(self._old, self._new, self._corner, lambda strip: strip.render(console), may_move=self._may_move)


def update(
    old: Sequence[Strip],
    new: Sequence[Strip],
    corner: tuple[int, int],
    render: Callable[[Strip], str],
    *,
    may_move: bool,
) -> str:
    """The sequence that turns the old rows into the new ones; the first begins at `corner`."""
    x, y = corner
    left: Sequence[Strip | None] = old
    parts: list[str] = []
    if may_move and (by := shift(old, new)):
        left = shifted(old, by)
        # Every terminal can delete or insert lines between margins. Setting margins moves the cursor.
        parts.append(f"\x1b[{y + 1};{y + len(new)}r\x1b[{y + 1}H\x1b[{abs(by)}{'M' if by > 0 else 'L'}\x1b[r")
    for first, end in changed_rows(left, new):
        parts += [f"\x1b[{y + row + 1};{x + 1}H{render(new[row])}" for row in range(first, end)]
    return "".join(parts)


class DirectRowWriter:
    """Writes the rows of a widget without the compositor, as long as nothing else on screen changes."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._layout: object = None
        """The layout of the screen in which `_region` was found."""
        self._region: Region | None = None

    def write(self, old: Sequence[Strip], new: Sequence[Strip]) -> bool:
        """Write the new rows over the old ones. Returns False if the compositor has to do it."""
        widget = self._widget
        app: Any = widget.app
        if app.is_headless or app._batch_count or not app.screen_stack or app.screen is not widget.screen:
            return False
        screen: Any = widget.screen
        region = None if screen._layout_required else self._visible_region(screen)
        if region is None or region.height != len(new) or region.width != new[0].cell_length:
            return False
        # Rows that are still to be painted are not on the screen yet: they can be overwritten, but not moved.
        settled = not (widget._repaint_regions or screen._repaint_required or screen._compositor._dirty_regions)
        may_move = settled and region.width == screen.size.width
        app._display(screen, RowsUpdate(old, new, (region.x, region.y), may_move=may_move))
        return True

    def _visible_region(self, screen: Any) -> Region | None:
        """Where the widget is, if all of it is visible."""
        visible: dict[Widget, tuple[Region, Region]] = screen._compositor.visible_widgets
        if visible is not self._layout:
            self._layout, self._region = visible, self._find_region(visible)
        return self._region

    def _find_region(self, visible: dict[Widget, tuple[Region, Region]]) -> Region | None:
        if self._widget not in visible:
            return None
        region, clip = visible[self._widget]
        if not clip.contains_region(region):
            return None
        for other, (area, cut) in visible.items():  # from front to back
            if other is self._widget:
                break
            if region.overlaps(area.intersection(cut)):
                return None
        return region
