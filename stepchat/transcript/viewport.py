"""The part of the document that is on screen: its rows, following the end, scrolling. Not a widget."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from stepchat.transcript.document import RowPosition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.strip import Strip

    from stepchat.messages import StoredMessage
    from stepchat.transcript.document import Document

END_ROWS: Final = 1
"""Blank rows below the end."""


class ScreenRow(NamedTuple):
    """A row on the screen, and where it comes from."""

    strip: Strip
    message: int
    block: int
    row: int


class Viewport:
    """A window of `height` rows that begins at the document's `top`."""

    def __init__(self, document: Document, height: int) -> None:
        self.document = document
        self.height = height
        self.follow = True
        """The end stays in view when text is added."""
        self._left: tuple[int, RowPosition, RowPosition, bool] | None = None
        """The panel whose header was scrolled to the top, the position it got, and the top and `follow` before that."""
        self.screen_rows: list[ScreenRow] = []
        """What `render` returned last, without the blank rows at the end."""

    # ---- rows

    def render(self) -> list[Strip]:
        """The rows of the screen. Scrolls to the end first when following."""
        self.screen_rows = self._followed() if self.follow else self._collect(self.height)[: self.height]
        blank = self.document.layout.builder.blank
        return [shown.strip for shown in self.screen_rows] + [blank] * (self.height - len(self.screen_rows))

    def _collect(self, most: int) -> list[ScreenRow]:
        """At least `most` rows from the top of the screen on, if there are so many."""
        top = self.document.top
        found: list[ScreenRow] = []
        for entry, block, rows in self.document.forward(top.message, top.block):
            if not found and (entry, block) == (top.message, top.block):
                top.row = min(top.row, max(0, len(rows) - 1))
                found = [ScreenRow(rows[row], entry, block, row) for row in range(top.row, len(rows))]
            else:
                found += [ScreenRow(strip, entry, block, row) for row, strip in enumerate(rows)]
            if len(found) >= most:
                break
        return found

    def _followed(self) -> list[ScreenRow]:
        """Scrolls down as far as needed to show the end; never up, so that nothing jumps when something is folded."""
        most = 2 * self.height + 50
        found = self._collect(most)
        if len(found) >= most:
            self._to_end()
            return self._collect(self.height)[: self.height]
        hidden = len(found) + END_ROWS - self.height
        if hidden <= 0:
            return found
        found = found[hidden:]
        if found:
            self.document.top = RowPosition(found[0].message, found[0].block, found[0].row)
        return found

    def _rows_below(self, most: int) -> tuple[int, bool]:
        """The number of rows from the top of the screen on; False if there are more than `most`."""
        count = -self.document.top.row
        for _, _, rows in self.document.forward(self.document.top.message, self.document.top.block):
            count += len(rows)
            if count > most:
                return count, False
        return count, True

    @property
    def at_end(self) -> bool:
        rows, complete = self._rows_below(self.height)
        return complete and rows + END_ROWS <= self.height

    # ---- scrolling

    def to_end(self) -> None:
        self.follow = True
        self._to_end()

    def show_branch(self, messages: Sequence[StoredMessage]) -> None:
        """Shows another branch without scrolling, or its end if nothing of it would be in view."""
        self.document.show_branch(messages)
        if self.document.top.message >= len(self.document.messages):
            self.to_end()
        self.follow = self.at_end

    def to_start(self) -> None:
        self.document.top = RowPosition()
        self.follow = self.at_end

    def scroll(self, rows: int) -> None:
        """Scrolls down, or up if negative. Following stops when the end leaves the screen and resumes when it returns."""
        if rows > 0:
            below, complete = self._rows_below(self.height + rows)
            self._down(min(rows, max(0, below + END_ROWS - self.height)) if complete else rows)
        else:
            self._up(-rows)
        self.follow = self.at_end

    def jump(self, row: int) -> None:
        """Scrolls this row, counted from the start as far as heights are known, to the top of the screen."""
        self.document.top = self.document.find(max(0, row))
        below, complete = self._rows_below(self.height)
        if complete and below + END_ROWS < self.height:
            self._to_end()
        self.follow = self.at_end

    def bring_into_view(self, position: RowPosition) -> None:
        """Scrolls so that a row is on screen: not at all if it is already, otherwise to the upper third."""
        if any(
            (shown.message, shown.block, shown.row) == (position.message, position.block, position.row)
            for shown in self.screen_rows[:-1]
        ):
            top = self.screen_rows[0]
            self.document.top = RowPosition(top.message, top.block, top.row)
        else:
            self.document.top = position
            self._up(self.height // 3)
            below, complete = self._rows_below(self.height)
            if complete and below + END_ROWS < self.height:
                self._to_end()
        self.follow = self.at_end

    def drag(self, thumb: int) -> None:
        """Scrolls so that the scrollbar's thumb begins at this row of the screen."""
        total = self.document.height + END_ROWS
        first, end = self.scrollbar_thumb()
        free = self.height - (end - first)
        if free > 0 and thumb >= free:
            self.to_end()
        elif free > 0:
            self.jump(round(max(0, thumb) * (total - self.height) / free))

    def scrollbar_thumb(self) -> tuple[int, int]:
        """The first row of the scrollbar's thumb and the one after its last; both 0 when everything is in view."""
        total = self.document.height + END_ROWS
        if total <= self.height or self.height < 1:
            return 0, 0
        size = max(1, self.height * self.height // total)
        above = self.document.rows_above(self.document.top)
        if above == 0:
            first = 0
        elif self.follow:
            first = self.height - size
        else:
            first = min(self.height - size, round((self.height - size) * above / max(1, total - self.height)))
        return first, first + size

    def _to_end(self) -> None:
        document = self.document
        document.top = RowPosition(len(document.messages), 0, 0)
        self._up(self.height - END_ROWS)

    def _down(self, rows: int) -> None:
        document = self.document
        rows += document.top.row
        for entry, block, strips in document.forward(document.top.message, document.top.block):
            if rows < len(strips):
                document.top = RowPosition(entry, block, rows)
                return
            rows -= len(strips)
        document.top = RowPosition(len(document.messages))

    def _up(self, rows: int) -> None:
        document = self.document
        rows -= document.top.row
        if rows <= 0:
            document.top.row = -rows
            return
        for entry, block, strips in document.backward(document.top.message, document.top.block):
            if rows <= len(strips):
                document.top = RowPosition(entry, block, len(strips) - rows)
                return
            rows -= len(strips)
        document.top = RowPosition()

    # ---- panels

    def update_live(self, now: float, frame: int | None) -> None:
        """Shows what has arrived. The panel folds when the answer text begins, unless the user is reading in it."""
        document = self.document
        live = document.live
        if live is not None and live.has_answer_text and live.panel != "folded" and not live.fold_chosen:
            index = document.live_index
            if self.follow or not self._shows_body(index):
                live.fold()
        document.update_live(now, frame)

    def _shows_body(self, index: int | None) -> bool:
        return any(
            shown.message == index and shown.block in self.document.reasoning_blocks(shown.message)
            for shown in self.screen_rows
        )

    def visible_panel(self) -> int | None:
        """The live answer if it has reasoning, otherwise the newest one on screen, otherwise the newest of all."""
        document = self.document
        live = document.live_index
        if live is not None and document.live is not None and document.live.has_panel:
            return live
        seen = {shown.message for shown in self.screen_rows}
        having = [index for index, _ in document.panels()]
        visible = [index for index in having if index in seen]
        return visible[-1] if visible else having[-1] if having else None

    def toggle(self, index: int) -> bool:
        """Folds or unfolds a panel; its header stays in place, or moves to the top. Returns whether it is folded now.

        If it moved to the top, the next call restores the screen, unless the user has scrolled in between.
        """
        document = self.document
        thinks = document.live is not None and document.live.is_reasoning and self.follow
        before, left = (replace(document.top), self.follow), self._left
        seen = any(shown.message == index for shown in self.screen_rows)
        folded = document.toggle(index)
        above = (document.top.message, document.top.block) > (index, 0)
        self._left = None
        if left is not None and left[:2] == (index, before[0]):
            document.top, self.follow = left[2:]
            return folded
        if not seen or (above and not folded):
            document.top = RowPosition(index)
            self._left = (index, replace(document.top), *before)
        self.follow = thinks or self.at_end
        return folded

    def toggle_all(self) -> list[tuple[int, bool]]:
        """Folds all panels if any is open, otherwise opens all. Returns the changed ones, and whether they are folded now."""
        panels = self.document.panels()
        any_open = any(not folded for _, folded in panels)
        changed = [(index, self.document.toggle(index)) for index, folded in panels if folded != any_open]
        if self.at_end:
            self.to_end()
        self.follow = self.at_end
        return changed

    def header_at(self, row: int) -> int | None:
        """The message whose reasoning header is on this row of the screen."""
        if not 0 <= row < len(self.screen_rows):
            return None
        shown = self.screen_rows[row]
        above = shown.row < self.document.messages[shown.message].blocks.blocks[shown.block].gap
        return shown.message if not above and self.document.in_header(shown.message, shown.block) else None
