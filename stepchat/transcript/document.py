"""The conversation as messages made of blocks, with their positions and heights, independent of the screen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from stepchat.messages import AssistantMessage, ToolMessage, UserMessage
from stepchat.parameters.schema import wants_json
from stepchat.transcript import labels
from stepchat.transcript.answer import REASONING, SECTIONS, Answer, no_estimate
from stepchat.transcript.entry import BlockList, Edit, Heights
from stepchat.transcript.layout.layout import Layout
from stepchat.transcript.markdown.highlighting import load_at_once
from stepchat.transcript.markdown.inline import USUAL, Display
from stepchat.transcript.question import QUESTION_FOLD, QUESTION_SECTIONS, Question
from stepchat.transcript.tool_result import TOOL_SECTIONS, ToolResult

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from textual.strip import Strip

    from stepchat.events import Delta
    from stepchat.messages import StoredMessage, Usage
    from stepchat.parameters.budget import ThinkingBudget
    from stepchat.transcript.answer import Estimate, ReasoningView
    from stepchat.transcript.markdown.blocks import Block
    from stepchat.transcript.markdown.highlighting import StartLoading
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
    question: Question | None = None

    @property
    def foldable(self) -> Answer | ToolResult | Question | None:
        """The part of it that can be folded."""
        found = self.answer or self.tool or self.question
        return found if found is not None and found.has_panel else None


class Document:
    """Turns messages into rows. `top` stays on the same text, whatever changes around it."""

    def __init__(
        self,
        palette: Palette,
        width: int,
        fill_keys: labels.FillKeys = str,
        *,
        display: Display = USUAL,
        start_loading: StartLoading = load_at_once,
    ) -> None:
        """`fill_keys` replaces placeholders such as `{key:retry}` by the keys in force, `start_loading` loads lexers."""
        self.fill_keys = fill_keys
        self.layout = Layout(palette, width, display=display, start_loading=start_loading)
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
        self.estimate: Estimate = no_estimate

    # ---- messages

    def show(self, messages: Sequence[StoredMessage]) -> None:
        """Replaces everything."""
        self.messages.clear()
        self._heights = Heights()
        self.live = None
        self._notice = None
        self._set_top(RowPosition())
        for stored in messages:
            self.add(stored)
        if messages:
            self._hint_after(messages[-1])

    def show_branch(self, messages: Sequence[StoredMessage]) -> None:
        """Shows another branch. The common part stays as it is, and so does `top` unless its message is gone."""
        kept = updated = 0
        while kept < min(len(self.messages), len(messages)) and _is(self.messages[kept], messages[kept]):
            updated += self._update(kept, messages[kept])
            kept += 1
        if updated and kept == len(messages) == len(self.messages) - (self._notice is not None):
            return
        self._drop_notice()
        self.live = None
        # A message whose text has changed is laid out again and stays in place.
        at = self.top.message
        stays = at < min(len(self.messages), len(messages)) and _has_id(self.messages[at], messages[at])
        self._heights.splice(kept, len(self.messages) - kept, [])
        del self.messages[kept:]
        if at >= kept and not stays:
            self._set_top(RowPosition(kept))
        for stored in messages[kept:]:
            self.add(stored)
        if messages:
            self._hint_after(messages[-1])

    def _update(self, index: int, stored: StoredMessage) -> bool:
        """Updates an answer, for instance when its cost is known; its blocks stay. Returns whether anything changed."""
        message = self.messages[index]
        if message.answer is None or message.stored is None or not isinstance(stored.message, AssistantMessage):
            return False
        if message.answer.message is None or message.answer.message.usage == stored.message.usage:
            return False
        message.stored, message.answer.message = stored, stored.message
        if message.blocks.is_built:
            self._apply(index, message.answer.edits(0.0))
        return True

    def add(self, stored: StoredMessage) -> None:
        """Adds a complete message."""
        self._drop_notice()
        message = stored.message
        match message:
            case UserMessage():
                question = Question(message, stored.folded, 2 if self.messages else 1)
                blocks = BlockList(QUESTION_SECTIONS, partial(question.edits, 0.0), question.shown)
                self._append(MessageView(blocks, stored, question=question))
            case ToolMessage():
                tool = ToolResult(message, stored.folded)
                shown = message.text[:400] if tool.panel == "folded" else message.text
                self._append(MessageView(BlockList(TOOL_SECTIONS, partial(tool.edits, 0.0), shown), stored, tool=tool))
            case AssistantMessage():
                answer = Answer(self.reasoning_view, self.fill_keys, as_json=wants_json(message.parameters))
                answer.load(message, stored.folded)
                answer.returned = self._returned.get(stored.id, "")
                answer.estimate = self.estimate
                answer.earlier = self._earlier_usage(len(self.messages))
                shown = message.text if answer.panel == "folded" else message.reasoning + message.text
                self._append(MessageView(BlockList(SECTIONS, partial(answer.edits, 0.0), shown), stored, answer))

    def update_answers(self, returned: Mapping[str, str] | None = None, estimate: Estimate | None = None) -> None:
        """Updates answers with what later requests did with their reasoning, by id, and with estimates of their costs."""
        self._returned = self._returned if returned is None else returned
        self.estimate = self.estimate if estimate is None else estimate
        if self.live is not None:
            self.live.estimate = self.estimate
        for index, message in enumerate(self.messages):
            if message.answer is None or message.stored is None:
                continue
            message.answer.returned = self._returned.get(message.stored.id, "")
            message.answer.estimate = self.estimate
            if message.blocks.is_built and (edits := message.answer.edits(0.0)):
                self._apply(index, edits)

    def begin_answer(
        self, now: float, waiting_for: str = "", *, as_json: bool = False, think_at_most: ThinkingBudget | None = None
    ) -> None:
        """Starts a live answer, which `feed` then extends."""
        self._drop_notice()
        answer = Answer(self.reasoning_view, self.fill_keys, as_json=as_json)
        answer.estimate = self.estimate
        answer.waiting_for = waiting_for
        answer.think_at_most = think_at_most
        answer.begin(now)
        self.live = answer
        self._append(MessageView(BlockList(SECTIONS, partial(answer.edits, now), ""), None, answer))

    def set_waiting(self, text: str) -> None:
        """Changes the text next to the spinner of the live answer."""
        if self.live is not None:
            self.live.waiting_for = text

    def feed(self, delta: Delta, now: float) -> None:
        if self.live is not None:
            self.live.add(delta, now)

    def update_live(self, now: float, frame: int | None) -> None:
        """Brings the blocks of the live answer up to date."""
        index = self.live_index
        if index is not None and self.live is not None:
            self._apply(index, self.live.edits(now, frame))

    def finish_answer(self, stored: StoredMessage) -> None:
        """Replaces the live answer by the stored one. Streamed blocks with the same text stay."""
        index = self.live_index
        if index is None or self.live is None or not isinstance(stored.message, AssistantMessage):
            self.add(stored)
            return
        if self._passing:
            self._drop_notice()
        message, answer = self.messages[index], self.live
        message.stored = stored
        answer.earlier = self._earlier_usage(index)
        answer.finish(stored.message, stored.folded)
        self.live = None
        self._apply(index, answer.edits(0.0))
        self._hint_after(stored)

    def _earlier_usage(self, index: int) -> list[Usage]:
        """The usage of the answers before this index that called tools in the same turn."""
        found: list[Usage] = []
        for message in reversed(self.messages[:index]):
            stored = None if message.stored is None else message.stored.message
            if isinstance(stored, AssistantMessage) and stored.stop == "tool_calls":
                found.append(stored.usage)
            elif not isinstance(stored, ToolMessage):
                break
        return found[::-1]

    def _hint_after(self, stored: StoredMessage) -> None:
        """Shows, below an incomplete answer, what is saved and what to do."""
        message = stored.message
        if isinstance(message, AssistantMessage) and message.stop in _NOT_WHOLE:
            self._add_notice(labels.retry_hint(message, self.fill_keys))

    def abandon_answer(self) -> None:
        index = self.live_index
        self.live = None
        if self._passing:
            self._drop_notice()
        if index is not None:
            self._remove(index)

    def notice(self, text: str, hint: str, kind: labels.NoticeKind) -> None:
        """Shows a line at the end until something is added. Information and refusals also end with the answer.

        Without text, removes a refusal.
        """
        if text:
            self._add_notice(labels.notice(self.fill_keys(text), self.fill_keys(hint), kind))
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

    def toggle(self, index: int) -> bool:
        """Folds or unfolds the reasoning of a message, a tool result or a long question. Returns whether it is folded now."""
        foldable = self.messages[index].foldable
        if foldable is None:
            return False
        folded = foldable.toggle()
        self.refold(index)
        return folded

    def refold(self, index: int) -> None:
        """Redraws a foldable part after its state has changed."""
        foldable = self.messages[index].foldable
        if foldable is not None and self.messages[index].blocks.is_built:
            self._apply(index, foldable.edits(0.0))

    def panels(self) -> list[tuple[int, bool]]:
        """The messages with reasoning, and whether it is folded."""
        return [
            (index, message.answer.panel == "folded")
            for index, message in enumerate(self.messages)
            if message.answer is not None and message.answer.has_panel
        ]

    @property
    def live_index(self) -> int | None:
        """The index of the live answer."""
        for index in range(len(self.messages) - 1, -1, -1):
            if self.live is not None and self.messages[index].answer is self.live:
                return index
        return None

    # ---- rows

    def reset(self, palette: Palette, width: int, display: Display | None = None) -> None:
        """Changes palette, width or the display of characters. `top` stays on the same text."""
        top = self.top
        share = 0.0
        if self._resized is not None and self._resized[0] == top:
            # Without scrolling in between, rounding again would move the top.
            share = self._resized[1]
        elif top.message < len(self.messages) and top.row:
            share = top.row / max(1, len(self.rows(top.message, top.block)))
        self.layout.reset(palette, width, display)
        self._heights = Heights()
        self._heights.splice(0, 0, [message.blocks.height(self.layout) for message in self.messages])
        if share:
            top.row = int(share * len(self.rows(top.message, top.block)))
        self._resized = (replace(top), share)

    def open(self, index: int) -> BlockList:
        """The blocks of a message, built if necessary."""
        entry = self.messages[index].blocks
        entry.open(self.layout)
        self._heights.set(index, entry.height(self.layout))
        return entry

    def rows(self, index: int, block: int) -> Sequence[Strip]:
        return self._rows(index, self.open(index), block)

    def _rows(self, index: int, entry: BlockList, block: int) -> Sequence[Strip]:
        """The rows of a block of an open message. Called for every block on the screen in every frame."""
        rows = self.layout.rows(entry.blocks[block])
        if len(rows) != entry.heights[block]:
            entry.heights.set(block, len(rows))
            self._heights.set(index, entry.heights.total)
        return rows

    def forward(self, index: int, block: int) -> Iterator[tuple[int, int, Sequence[Strip]]]:
        """The blocks from here on: message, block, rows."""
        while index < len(self.messages):
            entry = self.open(index)
            while block < len(entry.blocks):
                yield index, block, self._rows(index, entry, block)
                block += 1
            index, block = index + 1, 0

    def backward(self, index: int, block: int) -> Iterator[tuple[int, int, Sequence[Strip]]]:
        """The blocks before this one, nearest first."""
        while True:
            while block > 0:
                block -= 1
                yield index, block, self.rows(index, block)
            if index == 0:
                return
            index -= 1
            block = len(self.open(index).blocks)

    @property
    def height(self) -> int:
        """Rows of everything, as far as they are known."""
        return self._heights.total

    def rows_above(self, position: RowPosition) -> int:
        """Rows above a position, as far as they are known."""
        if position.message >= len(self.messages):
            return self._heights.total
        return (
            self._heights.rows_above(position.message)
            + self.open(position.message).heights.rows_above(position.block)
            + position.row
        )

    def find(self, row: int) -> RowPosition:
        """The position of a row counted from the top of everything."""
        if not self.messages:
            return RowPosition()
        index = self._heights.find(row)
        entry = self.open(index)
        row -= self._heights.rows_above(index)
        block = entry.heights.find(row)
        return RowPosition(index, block, max(0, row - entry.heights.rows_above(block)))

    def in_header(self, index: int, block: int) -> bool:
        """Whether this block is the header of something foldable."""
        message = self.messages[index]
        if message.question is not None:
            return message.foldable is not None and block == message.blocks.section_start(QUESTION_FOLD)
        return block == 0 and message.foldable is not None

    def reasoning_blocks(self, index: int) -> range:
        """The blocks of a message that are reasoning."""
        entry = self.open(index)
        start = entry.section_start(REASONING)
        return range(start, start + entry.section_size(REASONING))

    # ---- changes

    def _append(self, message: MessageView) -> None:
        self.messages.append(message)
        self._heights.splice(len(self.messages) - 1, 0, [message.blocks.height(self.layout)])

    def _set_top(self, position: RowPosition) -> None:
        """Moves `top` to other text."""
        self.top = position
        self._resized = None

    def _remove(self, index: int) -> None:
        del self.messages[index]
        self._heights.splice(index, 1, [])
        if self.top.message > index:
            self.top.message -= 1
        elif self.top.message == index:
            self._set_top(RowPosition(max(0, index - 1)))

    def _drop_notice(self) -> None:
        if self._notice is not None:
            index = self.messages.index(self._notice)
            self._notice = None
            self._remove(index)

    def _apply(self, index: int, edits: Sequence[Edit]) -> None:
        entry = self.open(index)
        top = self.top
        for edit in edits:
            splice = entry.apply(edit, self.layout)
            if top.message != index:
                continue
            if top.block >= splice.at + splice.removed and top.block > splice.at:
                top.block += splice.added - splice.removed
            elif splice.removed and top.block >= splice.at + splice.added:
                top.block, top.row = max(0, splice.at + splice.added - 1), 0
        self._heights.set(index, entry.heights.total)


def _is(message: MessageView, stored: StoredMessage) -> bool:
    if not _has_id(message, stored) or message.stored is None:
        return False
    before, now = message.stored.message, stored.message
    if not (isinstance(before, AssistantMessage) and isinstance(now, AssistantMessage)) or before.usage == now.usage:
        return True
    return (before.text, before.reasoning, before.stop) == (now.text, now.reasoning, now.stop)


def _has_id(message: MessageView, stored: StoredMessage) -> bool:
    return message.stored is not None and message.stored.id == stored.id
