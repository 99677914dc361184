"""The focused message, and the bar that shows it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from rich.segment import Segment
from rich.style import Style

from stepchat.transcript.document import RowPosition
from stepchat.transcript.layout.strips import OverlayCache, with_text
from stepchat.transcript.viewport import END_ROWS

if TYPE_CHECKING:
    from textual.strip import Strip

    from stepchat.transcript.document import Document, MessageView
    from stepchat.transcript.viewport import Viewport

_BAR: Final = "▌"


class Focus:
    """At most one message has the focus. It keeps it whatever changes around it, at every width."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._message: MessageView | None = None
        self._last_place = 0
        self._overlays = OverlayCache()

    @property
    def index(self) -> int | None:
        """Its index now; the same message loaded again still has the focus. None if there is none any more."""
        message, messages = self._message, self._document.messages
        if message is None:
            return None
        if self._last_place < len(messages) and messages[self._last_place] is message:
            return self._last_place
        indexes = [index for index, other in enumerate(messages) if other is message or _same(other, message)]
        if not indexes:
            self._message = None
            return None
        self._last_place = indexes[0]
        self._message = messages[indexes[0]]
        return indexes[0]

    @property
    def message(self) -> MessageView | None:
        index = self.index
        return None if index is None else self._document.messages[index]

    def clear(self, viewport: Viewport) -> None:
        self._message = None
        viewport.follow = viewport.at_end

    def choose(self, viewport: Viewport, index: int) -> None:
        """Focuses a message and scrolls it into view."""
        self._message = self._document.messages[index]
        self._last_place = index
        bring_into_view(viewport, index)

    def choose_in_place(self, viewport: Viewport, index: int) -> None:
        """Focuses a message without scrolling, unless none of it is on screen."""
        self._message = self._document.messages[index]
        self._last_place = index
        viewport.render()
        if all(shown.message != index for shown in viewport.screen_rows):
            bring_into_view(viewport, index)

    def keep_in_view(self, viewport: Viewport) -> bool:
        """Keeps the message in view after a resize. False if none has the focus."""
        index = self.index
        if index is not None:
            self.choose_in_place(viewport, index)
        return index is not None

    def at(self, viewport: Viewport, x: int, y: int) -> int | None:
        """The message whose left edge or footer is at this cell of the screen."""
        if not 0 <= y < len(viewport.screen_rows):
            return None
        shown = viewport.screen_rows[y]
        message = self._document.messages[shown.message]
        block = message.blocks.blocks[shown.block]
        edge = self._document.layout.builder.geometry.margin + (2 if block.voice == "user" else 0)
        footer = block.kind == "meta" and shown.block == len(message.blocks.blocks) - 1 and message.answer is not None
        known = message.stored is not None or message.answer is not None
        # The blank rows between its blocks belong to it, those above it do not.
        within = shown.block > 0 or shown.row >= block.gap
        return shown.message if known and within and (x < edge or (footer and shown.row >= block.gap)) else None

    def step(self, viewport: Viewport, by: int) -> bool:
        """Focuses the next message or the previous one; at first, one on screen. False if there is no other."""
        index = self.index
        if index is not None and all(shown.message != index for shown in viewport.screen_rows):
            index = None
        index = neighbour(viewport, index, by)
        if index is None:
            return False
        self.choose(viewport, index)
        return True

    def end(self, viewport: Viewport, *, last: bool) -> None:
        """Focuses the first message, or the last one."""
        known = messages(self._document)
        if known:
            self.choose(viewport, known[-1 if last else 0])

    def mark_rows(self, viewport: Viewport, rows: list[Strip], bar: Style) -> list[Strip]:
        """The rows of the screen with a bar to the left of the focused message."""
        index = self.index
        if index is None:
            return rows
        gap = self._document.open(index).blocks[0].gap if self._document.open(index).blocks else 0
        marked = rows.copy()
        for y, shown in enumerate(viewport.screen_rows):
            if shown.message == index and (shown.block, shown.row) >= (0, gap):
                marked[y] = self._overlays.over(rows[y], bar, partial(self._with_bar, rows[y], bar))
        return marked

    def _with_bar(self, strip: Strip, bar: Style) -> Strip:
        if self._document.layout.builder.geometry.margin:
            first = Segment(_BAR, bar)
        else:  # no column for a bar: reverse the first cell
            first = Segment(strip.crop(0, 1).text or " ", bar + Style(reverse=True))
        return with_text(strip, range(1), first)


def messages(document: Document) -> list[int]:
    """The indexes of the messages, without notices."""
    return [
        index
        for index, message in enumerate(document.messages)
        if message.stored is not None or message.answer is not None
    ]


def neighbour(viewport: Viewport, index: int | None, by: int) -> int | None:
    """The message so many further on. From None, the last one on screen going up, the first one going down."""
    document = viewport.document
    known = messages(document)
    if index is not None:
        distance = [other for other in known if (other < index if by < 0 else other > index)]
        return (distance[by] if by < 0 else distance[by - 1]) if len(distance) >= abs(by) else None
    seen = {shown.message for shown in viewport.screen_rows if shown.strip.text.strip()}
    visible = [other for other in known if other in seen] or known
    return None if not visible else visible[-1] if by < 0 else visible[0]


def bring_into_view(viewport: Viewport, index: int) -> None:
    """Scrolls a message into view: whole if it fits, otherwise from its beginning. What is in view already does not move."""
    document, height = viewport.document, viewport.height
    seen = [y for y, shown in enumerate(viewport.screen_rows) if shown.message == index]
    fills = len(seen) == height > 0
    size = 0 if fills else _rows(document, index, height)
    ends_in_sight = viewport.follow and seen and seen[-1] == len(viewport.screen_rows) - 1
    if seen and (fills or ends_in_sight or len(seen) == size):
        top = viewport.screen_rows[0]
        document.top = RowPosition(top.message, top.block, top.row)
        viewport.follow = viewport.at_end
    elif seen and seen[0] > 0 and size + END_ROWS < height:
        viewport.scroll(size - len(seen) + END_ROWS)
    else:
        document.top = RowPosition(index)
        viewport.follow = viewport.at_end
        if viewport.follow:
            viewport.to_end()
    # New text at the end must not push an earlier message out of view.
    viewport.follow = viewport.follow and index == messages(document)[-1]


def go_to(viewport: Viewport, by: int) -> None:
    """Scrolls to the beginning of the next message, or of this one and then the one before."""
    document, top = viewport.document, viewport.document.top
    at_beginning = (top.block, top.row) <= (0, 0)
    known = messages(document)
    if by > 0:
        indexes = [index for index in known if index > top.message]
    else:
        indexes = [index for index in reversed(known) if index < top.message + (0 if at_beginning else 1)]
    if by > 0 and (viewport.follow or not indexes):
        viewport.to_end()
        return
    document.top = RowPosition(indexes[0] if indexes else 0)
    viewport.follow = viewport.at_end
    if viewport.follow:
        viewport.to_end()


def _rows(document: Document, index: int, most: int) -> int:
    """The height of a message; not much more than `most`."""
    count = 0
    for entry, _, rows in document.forward(index, 0):
        if entry != index or count > most:
            break
        count += len(rows)
    return count


def _same(message: MessageView, other: MessageView) -> bool:
    return message.stored is not None and other.stored is not None and message.stored.id == other.stored.id
