"""Moves through search hits: where to search from, which hit to go to, which folds to open, and the way back."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from stepchat.transcript.document import RowPosition

if TYPE_CHECKING:
    from stepchat.transcript.document import MessageView
    from stepchat.transcript.find.search import Search
    from stepchat.transcript.find.text_index import Hit
    from stepchat.transcript.viewport import Viewport

_Panel: TypeAlias = Literal["folded", "tail", "open"]
_AT_ONCE = 0.008
"""Seconds of searching per keystroke."""


class _SavedRow(NamedTuple):
    """A row of the page that can be found again after things around it have changed."""

    message: MessageView
    section: int
    block: int
    row: int


class FindNavigator:
    """While the user types, goes to the first hit from here on without opening folds; `step` goes to any hit."""

    def __init__(self, search: Search, viewport: Viewport) -> None:
        self.search = search
        self._viewport = viewport
        self._document = viewport.document
        self._from: _SavedRow | None = None
        """Where hits are looked for first."""
        self._origin: tuple[_SavedRow | None, bool] | None = None
        """The top and `follow` before typing scrolled the page."""
        self._last_top: tuple[RowPosition, bool] | None = None
        """The top as the search left it; if it differs, the user has scrolled."""
        self._seeks = False
        self.only_typed = False
        """The current hit is where typing led; the user has not confirmed it."""
        self.passed = 0
        """Hits in folds that typing has passed on the way to the current one."""
        self._start: tuple[_SavedRow | None, bool] | None = None
        """The top and `follow` when the search began."""
        self._way_back: tuple[tuple[_SavedRow | None, bool], RowPosition] | None = None
        """The same for the last search that scrolled the page, and the top it left."""
        self._opened: dict[MessageView, tuple[_Panel, bool]] = {}
        """The state of the folds that the search has opened."""
        self._kept: MessageView | None = None
        """The message with the hit that the user went to."""

    # ---- what the user does

    def search_for(self, typed: str) -> None:
        """Searches for other words; without any, restores the page."""
        self._notice_moves()
        if self._from is None:
            self._from = self._top()
        if self._start is None:
            self._start, self._way_back = (self._top(), self._viewport.follow), None
        messages = self._document.messages
        first = messages.index(self._from.message) if self._from is not None and self._from.message in messages else 0
        self.search.search_for(typed, first)
        self._seeks = not self.search.is_done
        self.only_typed, self.passed = True, 0
        if not self._seeks:
            self._return_to_origin()
        self.continue_search(_AT_ONCE)
        self._leave_here()

    def continue_search(self, seconds: float) -> bool:
        """Searches for so many seconds. Returns whether there is more to search."""
        end = monotonic() + seconds
        if self.search.has_other_messages:
            self.search.refresh()
        while (message := self.search.count_next(end)) is not None:
            if self._seeks and self._is_here(message):
                self._go_first(self._after(message))
            elif self._seeks:
                self._go_first(self.search.hits_in(message))
            if monotonic() > end:
                break
        if self.search.is_done and self._seeks:
            if self._from is not None and self._from.message in self._document.messages:
                own = self.search.hits_in(self._from.message)
                self._go_first(own[: len(own) - len(self._after(self._from.message))])
            if self._seeks:
                self._seeks = False
                self._return_to_origin()
                self._leave_here()
        return not self.search.is_done

    def step(self, by: int) -> None:
        """Goes to the next hit, or the previous one; by 0 to the one where typing led. Opens the fold around it."""
        search = self.search
        search.refresh()
        hit = search.neighbour(search.current, by) if search.current is not None and by else search.current
        hit = hit or self._first(by)
        if hit is None:
            return
        self._seeks = self.only_typed = False
        self.passed = 0
        self._open(hit)
        self._go(hit)
        position = search.position_of(hit)
        self._from = _SavedRow(hit.message, hit.section, hit.block, position.row)
        self._origin, self._kept = None, hit.message

    def refresh(self) -> bool:
        """Takes in new text. Returns whether there is more to search."""
        self.search.refresh()
        return self.continue_search(_AT_ONCE)

    def keep_hit_visible(self) -> None:
        """Keeps the hit in view after a resize, unless the user has scrolled away."""
        hit, top = self.search.current, self._document.top
        if hit is None or hit.message not in self._document.messages or hit.is_folded or self._last_top is None:
            return
        if (top.message, top.block) == (self._last_top[0].message, self._last_top[0].block):
            self._viewport.render()
            self._viewport.bring_into_view(self.search.position_of(hit))
            self._leave_here()

    def leave(self) -> list[int]:
        """Restores the page, except for the hit that the user went to. Returns the messages that stay unfolded for it."""
        self._notice_moves()
        kept = [
            index
            for index, message in enumerate(self._document.messages)
            if message is self._kept and message in self._opened
        ]
        for index, message in enumerate(self._document.messages):
            if message in self._opened and message is not self._kept:
                self._fold(index, *self._opened[message])
        start, went = self._start, self._kept is not None
        self._return_to_origin()
        self._opened.clear()
        self._from = self._last_top = self._kept = self._start = None
        self.search.forget()
        if start is not None and went and start != (self._top(), self._viewport.follow):
            top = self._document.top
            self._way_back = (start, RowPosition(top.message, top.block, top.row))
        return kept

    # ---- the way back

    @property
    def can_go_back(self) -> bool:
        """Whether the page is still where a search left it, after having been elsewhere."""
        return self._way_back is not None and self._way_back[1] == self._document.top and not self._viewport.follow

    def go_back(self) -> None:
        """Returns to where the search began."""
        if self._way_back is not None:
            self._return(self._way_back[0])
        self._way_back = None

    def accept_position(self) -> None:
        """Gives up the way back: the user has moved on."""
        self._way_back = None

    # ---- choosing a hit

    def _is_here(self, message: MessageView) -> bool:
        return self._from is not None and message is self._from.message

    def _first(self, by: int) -> Hit | None:
        """The first hit from here on, or the last one before, folded or not."""
        messages, search = self._document.messages, self.search
        here = messages.index(self._from.message) if self._from is not None and self._from.message in messages else 0
        if here >= len(messages):
            return None
        after = self._after(messages[here])
        before = search.hits_in(messages[here])[: len(search.hits_in(messages[here])) - len(after)]
        if by >= 0:
            lists = [after, *map(search.hits_in, [*messages[here + 1 :], *messages[:here]]), before]
            return next((hits[0] for hits in lists if hits), None)
        lists = [before, *map(search.hits_in, [*reversed(messages[:here]), *reversed(messages[here + 1 :])]), after]
        return next((hits[-1] for hits in lists if hits), None)

    def _after(self, message: MessageView) -> list[Hit]:
        """The hits of this message from the starting row on."""
        hits, start = self.search.hits_in(message), self._from
        if start is None or start.message is not message:
            return hits
        return [hit for hit in hits if self._is_after(hit, start)]

    def _is_after(self, hit: Hit, start: _SavedRow) -> bool:
        here, there = (hit.section, hit.block), (start.section, start.block)
        return here > there or (here == there and (hit.is_folded or self.search.position_of(hit).row >= start.row))

    def _go_first(self, hits: list[Hit]) -> None:
        """Goes to the first hit that is visible without unfolding."""
        at = next((at for at, hit in enumerate(hits) if not hit.is_folded), None)
        self.passed += len(hits) if at is None else at
        if at is not None:
            self._seeks = False
            self._go(hits[at])

    def _go(self, hit: Hit) -> None:
        viewport = self._viewport
        if self._origin is None:
            self._origin = (self._top(), viewport.follow)
        self.search.current = hit
        viewport.bring_into_view(self.search.position_of(hit))
        # The page must not scroll away from the hit.
        viewport.follow = False
        self._leave_here()

    def _open(self, hit: Hit) -> None:
        if not hit.is_folded:
            return
        foldable = hit.message.foldable
        if foldable is None:
            return
        self._opened.setdefault(hit.message, (foldable.panel, foldable.fold_chosen))
        while foldable.panel != "open":
            foldable.toggle()
        self._document.refold(self._document.messages.index(hit.message))

    def _fold(self, index: int, panel: _Panel, touched: bool) -> None:  # noqa: FBT001 - as it was kept
        """Restores a fold; if the answer has finished in between, to its state at rest."""
        message = self._document.messages[index]
        done = message.answer is None or message.answer.has_answer_text
        if message.answer is not None:
            message.answer.panel = "folded" if panel == "tail" and done else panel
            message.answer.fold_chosen = touched
        elif (part := message.tool or message.question) is not None:
            part.panel = "open" if panel == "open" else "folded"
            part.fold_chosen = touched
        self._document.refold(index)

    # ---- the page before

    def _top(self) -> _SavedRow | None:
        top, messages = self._document.top, self._document.messages
        if top.message >= len(messages):
            return None
        message = messages[top.message]
        section, block = self._document.open(top.message).section_of(top.block)
        return _SavedRow(message, section, block, top.row)

    def _leave_here(self) -> None:
        top = self._document.top
        self._last_top = (RowPosition(top.message, top.block, top.row), self._viewport.follow)

    def _notice_moves(self) -> None:
        """A user who has scrolled wants to stay there, and to search from there."""
        if self._last_top is None:
            return
        (top, follow), viewport = self._last_top, self._viewport
        if follow != viewport.follow or (not follow and top != self._document.top):
            self._origin = self._last_top = self._from = None

    def _return_to_origin(self) -> None:
        """Restores the page as it was before typing scrolled it."""
        origin, self._origin = self._origin, None
        self._return(origin)

    def _return(self, origin: tuple[_SavedRow | None, bool] | None) -> None:
        """Restores the page."""
        self._last_top = None
        if origin is None:
            return
        saved, follow = origin
        if follow:
            self._viewport.to_end()
        elif saved is not None and saved.message in self._document.messages:
            index = self._document.messages.index(saved.message)
            entry = self._document.open(index)
            start, size = entry.section_start(saved.section), entry.section_size(saved.section)
            self._document.top = RowPosition(index, start + min(saved.block, max(0, size - 1)), saved.row)
            self._viewport.follow = self._viewport.at_end
