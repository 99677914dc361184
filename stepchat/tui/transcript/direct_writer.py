"""Writes the rows of a widget straight to the terminal, where nothing else of the screen is involved.

Textual's compositor would put the whole screen together again, a sixtieth of a second later. What is already on the screen
some rows further up or down is moved there by the terminal: a line that comes in below sends one row, not forty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual._compositor import CompositorUpdate

from stepchat.tui.transcript.row_diff import changed_rows, shift, shifted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console
    from textual.geometry import Region
    from textual.strip import Strip
    from textual.widget import Widget

# Textual has no public way to write to the terminal: what is used of it here is private, and tests/e2e/test_straight_rows.py
# looks in a terminal at what comes of it.
# ruff: noqa: SLF001
# pyright: reportPrivateUsage=false, reportUnknownMemberType=false, reportUnknownVariableType=false


class RowsUpdate(CompositorUpdate):
    """What is to be sent, in the form in which Textual takes it."""

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
    """What makes the new rows of the old ones, the first of which begins at `corner`."""
    x, y = corner
    left: Sequence[Strip | None] = old
    parts: list[str] = []
    if may_move and (by := shift(old, new)):
        left = shifted(old, by)
        # Lines are deleted or inserted between margins, which every terminal can; setting margins moves the cursor.
        parts.append(f"\x1b[{y + 1};{y + len(new)}r\x1b[{y + 1}H\x1b[{abs(by)}{'M' if by > 0 else 'L'}\x1b[r")
    for first, end in changed_rows(left, new):
        parts += [f"\x1b[{y + row + 1};{x + 1}H{render(new[row])}" for row in range(first, end)]
    return "".join(parts)


class DirectRowWriter:
    """Knows when the way is free."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._seen: object = None
        """The layout of the screen that `_region` was found in."""
        self._region: Region | None = None

    def write(self, old: Sequence[Strip], new: Sequence[Strip]) -> bool:
        """Have the new rows on the screen in place of the old ones. False if that is for the compositor to do."""
        widget = self._widget
        app: Any = widget.app
        if app.is_headless or app._batch_count or not app.screen_stack or app.screen is not widget.screen:
            return False
        screen: Any = widget.screen
        region = None if screen._layout_required else self._free_region(screen)
        if region is None or region.height != len(new) or region.width != new[0].cell_length:
            return False
        # What is still to be painted is not yet what we think it is: it can be written over, but not moved.
        settled = not (widget._repaint_regions or screen._repaint_required or screen._compositor._dirty_regions)
        may_move = settled and region.width == screen.size.width
        app._display(screen, RowsUpdate(old, new, (region.x, region.y), may_move=may_move))
        return True

    def _free_region(self, screen: Any) -> Region | None:
        """Where the widget is, if all of it can be seen."""
        visible: dict[Widget, tuple[Region, Region]] = screen._compositor.visible_widgets
        if visible is not self._seen:
            self._seen, self._region = visible, self._find(visible)
        return self._region

    def _find(self, visible: dict[Widget, tuple[Region, Region]]) -> Region | None:
        if self._widget not in visible:
            return None
        region, clip = visible[self._widget]
        if not clip.contains_region(region):
            return None
        for other, (place, cut) in visible.items():  # from front to back
            if other is self._widget:
                break
            if region.overlaps(place.intersection(cut)):
                return None
        return region
