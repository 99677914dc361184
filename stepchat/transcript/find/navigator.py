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

    part: MessageView
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
        self._left: tuple[RowPosition, bool] | None = None
        """The top as the search left it; if it differs, the user has scrolled."""
        self._seeks = False
        self.only_typed = False
        """The current hit is where typing led; the user has not confirmed it."""
        self.passed = 0
        """Hits in folds that typing has passed on the way to the current one."""
        self._began: tuple[_SavedRow | None, bool] | None = None
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
        if self._began is None:
            self._began, self._way_back = (self._top(), self._viewport.follow), None
        parts = self._document.messages
        first = parts.index(self._from.part) if self._from is not None and self._from.part in parts else 0
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
        if self.search.has_other_parts:
            self.search.refresh()
        while (part := self.search.count_next(end)) is not None:
            if self._seeks and self._is_here(part):
                self._go_first(self._after(part))
            elif self._seeks:
                self._go_first(self.search.hits_in(part))
            if monotonic() > end:
                break
        if self.search.is_done and self._seeks:
            if self._from is not None and self._from.part in self._document.messages:
                own = self.search.hits_in(self._from.part)
                self._go_first(own[: len(own) - len(self._after(self._from.part))])
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
        place = search.position_of(hit)
        self._from = _SavedRow(hit.message, hit.section, hit.block, place.row)
        self._origin, self._kept = None, hit.message

    def refresh(self) -> bool:
        """Takes in new text. Returns whether there is more to search."""
        self.search.refresh()
        return self.continue_search(_AT_ONCE)

    def keep_hit_visible(self) -> None:
        """Keeps the hit in view after a resize, unless the user has scrolled away."""
        hit, top = self.search.current, self._document.top
        if hit is None or hit.message not in self._document.messages or hit.is_folded or self._left is None:
            return
        if (top.message, top.block) == (self._left[0].message, self._left[0].block):
            self._viewport.render()
            self._viewport.bring_into_view(self.search.position_of(hit))
            self._leave_here()

    def leave(self) -> list[int]:
        """Restores the page, except for the hit that the user went to. Returns the messages that stay unfolded for it."""
        self._notice_moves()
        kept = [
            place for place, part in enumerate(self._document.messages) if part is self._kept and part in self._opened
        ]
        for place, part in enumerate(self._document.messages):
            if part in self._opened and part is not self._kept:
                self._fold(place, *self._opened[part])
        began, went = self._began, self._kept is not None
        self._return_to_origin()
        self._opened.clear()
        self._from = self._left = self._kept = self._began = None
        self.search.forget()
        if began is not None and went and began != (self._top(), self._viewport.follow):
            top = self._document.top
            self._way_back = (began, RowPosition(top.message, top.block, top.row))
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

    def _is_here(self, part: MessageView) -> bool:
        return self._from is not None and part is self._from.part

    def _first(self, by: int) -> Hit | None:
        """The first hit from here on, or the last one before, folded or not."""
        parts, search = self._document.messages, self.search
        here = parts.index(self._from.part) if self._from is not None and self._from.part in parts else 0
        if here >= len(parts):
            return None
        after = self._after(parts[here])
        before = search.hits_in(parts[here])[: len(search.hits_in(parts[here])) - len(after)]
        if by >= 0:
            lists = [after, *map(search.hits_in, [*parts[here + 1 :], *parts[:here]]), before]
            return next((hits[0] for hits in lists if hits), None)
        lists = [before, *map(search.hits_in, [*reversed(parts[:here]), *reversed(parts[here + 1 :])]), after]
        return next((hits[-1] for hits in lists if hits), None)

    def _after(self, part: MessageView) -> list[Hit]:
        """The hits of this message from the starting row on."""
        hits, start = self.search.hits_in(part), self._from
        if start is None or start.part is not part:
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
        foldable = hit.message.answer or hit.message.tool
        if foldable is None:
            return
        self._opened.setdefault(hit.message, (foldable.panel, foldable.fold_chosen))
        while foldable.panel != "open":
            foldable.toggle()
        self._document.refold(self._document.messages.index(hit.message))

    def _fold(self, place: int, panel: _Panel, touched: bool) -> None:  # noqa: FBT001 - as it was kept
        """Restores a fold; if the answer has finished in between, to its state at rest."""
        part = self._document.messages[place]
        done = part.answer is None or part.answer.has_answer_text
        if part.answer is not None:
            part.answer.panel = "folded" if panel == "tail" and done else panel
            part.answer.fold_chosen = touched
        elif part.tool is not None:
            part.tool.panel = "open" if panel == "open" else "folded"
            part.tool.fold_chosen = touched
        self._document.refold(place)

    # ---- the page before

    def _top(self) -> _SavedRow | None:
        top, parts = self._document.top, self._document.messages
        if top.message >= len(parts):
            return None
        part = parts[top.message]
        section, block = self._document.open(top.message).section_of(top.block)
        return _SavedRow(part, section, block, top.row)

    def _leave_here(self) -> None:
        top = self._document.top
        self._left = (RowPosition(top.message, top.block, top.row), self._viewport.follow)

    def _notice_moves(self) -> None:
        """A user who has scrolled wants to stay there, and to search from there."""
        if self._left is None:
            return
        (place, follow), viewport = self._left, self._viewport
        if follow != viewport.follow or (not follow and place != self._document.top):
            self._origin = self._left = self._from = None

    def _return_to_origin(self) -> None:
        """Restores the page as it was before typing scrolled it."""
        origin, self._origin = self._origin, None
        self._return(origin)

    def _return(self, origin: tuple[_SavedRow | None, bool] | None) -> None:
        """Restores the page."""
        self._left = None
        if origin is None:
            return
        spot, follow = origin
        if follow:
            self._viewport.to_end()
        elif spot is not None and spot.part in self._document.messages:
            place = self._document.messages.index(spot.part)
            entry = self._document.open(place)
            start, size = entry.section_start(spot.section), entry.section_size(spot.section)
            self._document.top = RowPosition(place, start + min(spot.block, max(0, size - 1)), spot.row)
            self._viewport.follow = self._viewport.at_end
