"""The whole conversation as messages made of blocks: what is where and how high it is, but not what is on screen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from stepchat.messages import AssistantMessage, ToolMessage, UserMessage
from stepchat.parameters.schema import wants_json
from stepchat.transcript import labels
from stepchat.transcript.answer import BODY, SECTIONS, Answer, no_estimate
from stepchat.transcript.entry import BlockList, Edit, Heights
from stepchat.transcript.layout.layout import Layout
from stepchat.transcript.tool_result import TOOL_SECTIONS, ToolResult, user_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from textual.strip import Strip

    from stepchat.events import Delta
    from stepchat.messages import StoredMessage
    from stepchat.transcript.answer import Estimate, ReasoningView
    from stepchat.transcript.markdown.blocks import Block
    from stepchat.transcript.palette import Palette

_NOT_WHOLE = frozenset({"cut", "error", "length"})


@dataclass(slots=True)
class RowPosition:
    """A row of the page, as a row of a block of a message. It stays valid when things above it change."""

    message: int = 0
    block: int = 0
    row: int = 0


@dataclass(slots=True, eq=False)
class MessageView:
    """One message on the page. A live answer has no stored message yet; a notice never has one."""

    blocks: BlockList
    stored: StoredMessage | None = None
    answer: Answer | None = None
    tool: ToolResult | None = None

    @property
    def foldable(self) -> Answer | ToolResult | None:
        """The part of it that can be folded."""
        found = self.answer or self.tool
        return found if found is not None and found.has_panel else None


class Document:
    """Messages in, rows out. `top` stays on the same text whatever changes around it."""

    def __init__(self, palette: Palette, width: int) -> None:
        self.layout = Layout(palette, width)
        self.messages: list[MessageView] = []
        self.top = RowPosition()
        self.reasoning_view: ReasoningView = "tail"
        self.live: Answer | None = None
        self._heights = Heights()
        self._notice: MessageView | None = None
        self._resized: tuple[RowPosition, float] | None = None
        """The top after a change of width, and the exact fraction of its block above it."""
        self._passing = self._refusing = False
        self._returned: Mapping[str, str] = {}
        self._estimate: Estimate = no_estimate

    # ---- messages

    def show(self, messages: Sequence[StoredMessage]) -> None:
        """Replaces everything."""
        self.messages.clear()
        self._heights = Heights()
        self.live = None
        self._notice = None
        self.top = RowPosition()
        for stored in messages:
            self.add(stored)
        if messages:
            self._hint_after(messages[-1])

    def show_branch(self, messages: Sequence[StoredMessage]) -> None:
        """Shows another branch. The common part stays as it is, and so does `top` unless its message is gone."""
        self._drop_notice()
        self.live = None
        kept = 0
        while kept < min(len(self.messages), len(messages)) and _is(self.messages[kept], messages[kept]):
            kept += 1
        # An answer with new facts is laid out again and stays in place.
        at = self.top.message
        stays = at < min(len(self.messages), len(messages)) and _has_id(self.messages[at], messages[at])
        self._heights.splice(kept, len(self.messages) - kept, [])
        del self.messages[kept:]
        if at >= kept and not stays:
            self.top = RowPosition(kept)
        for stored in messages[kept:]:
            self.add(stored)
        if messages:
            self._hint_after(messages[-1])

    def add(self, stored: StoredMessage) -> None:
        """Adds a complete message."""
        self._drop_notice()
        message = stored.message
        match message:
            case UserMessage():
                blocks = partial(_user_blocks, message.text, gap=2 if self.messages else 1)
                self._append(MessageView(BlockList(1, blocks, message.text), stored))
            case ToolMessage():
                tool = ToolResult(message, stored.folded)
                shown = message.text[:400] if tool.panel == "folded" else message.text
                self._append(MessageView(BlockList(TOOL_SECTIONS, partial(tool.edits, 0.0), shown), stored, tool=tool))
            case AssistantMessage():
                answer = Answer(self.reasoning_view, as_json=wants_json(message.parameters))
                answer.load(message, stored.folded)
                answer.returned = self._returned.get(stored.id, "")
                answer.estimate = self._estimate
                shown = message.text if answer.panel == "folded" else message.reasoning + message.text
                self._append(MessageView(BlockList(SECTIONS, partial(answer.edits, 0.0), shown), stored, answer))

    def update_answers(self, returned: Mapping[str, str] | None = None, estimate: Estimate | None = None) -> None:
        """Updates answers with what later requests did with their reasoning, by id, and with estimates of their costs."""
        self._returned = self._returned if returned is None else returned
        self._estimate = self._estimate if estimate is None else estimate
        if self.live is not None:
            self.live.estimate = self._estimate
        for place, part in enumerate(self.messages):
            if part.answer is None or part.stored is None:
                continue
            part.answer.returned = self._returned.get(part.stored.id, "")
            part.answer.estimate = self._estimate
            if part.blocks.is_built and (edits := part.answer.edits(0.0)):
                self._apply(place, edits)

    def begin_answer(self, now: float, waiting_for: str = "", *, as_json: bool = False) -> None:
        """Starts a live answer, which `feed` then extends."""
        self._drop_notice()
        answer = Answer(self.reasoning_view, as_json=as_json)
        answer.estimate = self._estimate
        answer.waiting_for = waiting_for
        answer.begin(now)
        self.live = answer
        self._append(MessageView(BlockList(SECTIONS, partial(answer.edits, now), ""), None, answer))

    def feed(self, delta: Delta, now: float) -> None:
        if self.live is not None:
            self.live.add(delta, now)

    def update_live(self, now: float, frame: int) -> None:
        """Brings the blocks of the live answer up to date."""
        place = self.live_place
        if place is not None and self.live is not None:
            self._apply(place, self.live.edits(now, frame))

    def finish_answer(self, stored: StoredMessage) -> None:
        """Replaces the live answer by the stored one. Streamed blocks with the same text stay."""
        place = self.live_place
        if place is None or self.live is None or not isinstance(stored.message, AssistantMessage):
            self.add(stored)
            return
        if self._passing:
            self._drop_notice()
        part, answer = self.messages[place], self.live
        part.stored = stored
        answer.finish(stored.message, stored.folded)
        self.live = None
        self._apply(place, answer.edits(0.0))
        self._hint_after(stored)

    def _hint_after(self, stored: StoredMessage) -> None:
        """Shows, below an incomplete answer, what is saved and what to do."""
        message = stored.message
        if isinstance(message, AssistantMessage) and message.stop in _NOT_WHOLE:
            self._add_notice(labels.retry_hint(message))

    def abandon_answer(self) -> None:
        place = self.live_place
        self.live = None
        if self._passing:
            self._drop_notice()
        if place is not None:
            self._remove(place)

    def notice(self, text: str, hint: str, kind: labels.NoticeKind) -> None:
        """Shows a line at the end until something is added. Information and refusals also end with the answer.

        Without text, removes a refusal.
        """
        if text:
            self._add_notice(labels.notice(text, hint, kind))
            self._passing, self._refusing = kind in {"info", "refused"}, kind == "refused"
        elif self._refusing:
            self._drop_notice()

    def dismiss_notice(self) -> bool:
        """Removes information and refusals. Returns whether there was one."""
        there = self._passing and self._notice is not None
        if there:
            self._drop_notice()
        return there

    def _add_notice(self, lines: list[Block]) -> None:
        self._drop_notice()
        self._passing = self._refusing = False
        if lines:
            self._notice = MessageView(BlockList(1, lambda: [Edit(0, 0, lines)], "\n" * (len(lines) - 1)))
            self._append(self._notice)

    def toggle(self, place: int) -> bool:
        """Folds or unfolds the reasoning of a message, or a tool result. Returns whether it is folded now."""
        foldable = self.messages[place].foldable
        if foldable is None:
            return False
        folded = foldable.toggle()
        self.refold(place)
        return folded

    def refold(self, place: int) -> None:
        """Redraws a foldable part after its state has changed."""
        foldable = self.messages[place].foldable
        if foldable is not None and self.messages[place].blocks.is_built:
            self._apply(place, foldable.edits(0.0))

    def panels(self) -> list[tuple[int, bool]]:
        """The messages with reasoning, and whether it is folded."""
        return [
            (place, part.answer.panel == "folded")
            for place, part in enumerate(self.messages)
            if part.answer is not None and part.answer.has_panel
        ]

    @property
    def live_place(self) -> int | None:
        """The index of the live answer."""
        for place in range(len(self.messages) - 1, -1, -1):
            if self.live is not None and self.messages[place].answer is self.live:
                return place
        return None

    # ---- rows

    def reset(self, palette: Palette, width: int) -> None:
        """Changes palette or width. `top` stays on the same text."""
        top = self.top
        share = 0.0
        if self._resized is not None and self._resized[0] == top:
            # Not scrolled since: do not round what was rounded already.
            share = self._resized[1]
        elif top.message < len(self.messages) and top.row:
            share = top.row / max(1, len(self.rows(top.message, top.block)))
        self.layout.reset(palette, width)
        self._heights = Heights()
        self._heights.splice(0, 0, [part.blocks.height(self.layout) for part in self.messages])
        if share:
            top.row = int(share * len(self.rows(top.message, top.block)))
        self._resized = (replace(top), share)

    def open(self, place: int) -> BlockList:
        """The blocks of a message, built if necessary."""
        entry = self.messages[place].blocks
        entry.open(self.layout)
        self._heights.set(place, entry.height(self.layout))
        return entry

    def rows(self, place: int, block: int) -> Sequence[Strip]:
        entry = self.open(place)
        rows = self.layout.rows(entry.blocks[block])
        entry.heights.set(block, len(rows))
        self._heights.set(place, entry.heights.total)
        return rows

    def forward(self, place: int, block: int) -> Iterator[tuple[int, int, Sequence[Strip]]]:
        """The blocks from here on: message, block, rows."""
        while place < len(self.messages):
            blocks = self.open(place).blocks
            while block < len(blocks):
                yield place, block, self.rows(place, block)
                block += 1
            place, block = place + 1, 0

    def backward(self, place: int, block: int) -> Iterator[tuple[int, int, Sequence[Strip]]]:
        """The blocks before this one, nearest first."""
        while True:
            while block > 0:
                block -= 1
                yield place, block, self.rows(place, block)
            if place == 0:
                return
            place -= 1
            block = len(self.open(place).blocks)

    @property
    def height(self) -> int:
        """Rows of everything, as far as they are known."""
        return self._heights.total

    def rows_above(self, place: RowPosition) -> int:
        """Rows above a position, as far as they are known."""
        if place.message >= len(self.messages):
            return self._heights.total
        return (
            self._heights.rows_above(place.message)
            + self.open(place.message).heights.rows_above(place.block)
            + place.row
        )

    def find(self, row: int) -> RowPosition:
        """The position of a row counted from the top of everything."""
        if not self.messages:
            return RowPosition()
        place = self._heights.find(row)
        entry = self.open(place)
        row -= self._heights.rows_above(place)
        block = entry.heights.find(row)
        return RowPosition(place, block, max(0, row - entry.heights.rows_above(block)))

    def in_header(self, place: int, block: int) -> bool:
        """Whether this block is the header of something foldable."""
        return block == 0 and self.messages[place].foldable is not None

    def body(self, place: int) -> range:
        """The blocks of a message that are reasoning."""
        entry = self.open(place)
        start = entry.section_start(BODY)
        return range(start, start + entry.section_size(BODY))

    # ---- changes

    def _append(self, part: MessageView) -> None:
        self.messages.append(part)
        self._heights.splice(len(self.messages) - 1, 0, [part.blocks.height(self.layout)])

    def _remove(self, place: int) -> None:
        del self.messages[place]
        self._heights.splice(place, 1, [])
        if self.top.message > place:
            self.top.message -= 1
        elif self.top.message == place:
            self.top = RowPosition(max(0, place - 1), 0, 0) if place else RowPosition()

    def _drop_notice(self) -> None:
        if self._notice is not None:
            place = self.messages.index(self._notice)
            self._notice = None
            self._remove(place)

    def _apply(self, place: int, edits: Sequence[Edit]) -> None:
        entry = self.open(place)
        top = self.top
        for edit in edits:
            splice = entry.apply(edit, self.layout)
            if top.message != place:
                continue
            if top.block >= splice.at + splice.removed and top.block > splice.at:
                top.block += splice.added - splice.removed
            elif splice.removed and top.block >= splice.at + splice.added:
                top.block, top.row = max(0, splice.at + splice.added - 1), 0
        self._heights.set(place, entry.heights.total)


def _is(part: MessageView, stored: StoredMessage) -> bool:
    if not _has_id(part, stored) or part.stored is None:
        return False
    before, now = part.stored.message, stored.message
    return not (isinstance(before, AssistantMessage) and isinstance(now, AssistantMessage)) or before.usage == now.usage


def _has_id(part: MessageView, stored: StoredMessage) -> bool:
    return part.stored is not None and part.stored.id == stored.id


def _user_blocks(text: str, *, gap: int) -> list[Edit]:
    return [Edit(0, 0, user_lines(text, gap))]
