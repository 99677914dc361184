"""One answer, live or loaded: reasoning in its panel, text, tool calls, footer. A live one grows until it is finished."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from stepchat.text.format import estimated_tokens
from stepchat.transcript import labels
from stepchat.transcript.entry import Edit
from stepchat.transcript.markdown.blocks import Block, Tail
from stepchat.transcript.markdown.incremental import StreamingText

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from decimal import Decimal

    from stepchat.events import Delta, ToolCallFragment
    from stepchat.messages import AssistantMessage, Json, Usage
    from stepchat.parameters.budget import ThinkingBudget

    Estimate: TypeAlias = Callable[[AssistantMessage], Decimal | None]
    """The estimated cost of an answer whose cost the server did not report."""

ReasoningView: TypeAlias = Literal["tail", "full", "hidden"]
Panel: TypeAlias = Literal["folded", "tail", "open"]

TAIL_ROWS: Final = 6
_LIVE_CALLS: Final = 8
_LIVE_ARGUMENTS: Final = 60
"""Characters at the end of the arguments that are shown while they arrive."""
HEADER, REASONING, TEXT, ENDING = range(4)
SECTIONS: Final = 4


class Answer:
    """The state of one answer. `edits` returns what brings its blocks up to date."""

    def __init__(
        self,
        view: ReasoningView,
        fill_keys: labels.FillKeys = str,
        *,
        tail_rows: int = TAIL_ROWS,
        as_json: bool = False,
    ) -> None:
        self.reasoning = StreamingText("reasoning", first_gap=0)
        self._as_json = as_json
        self.text = StreamingText("answer", as_json=as_json)
        self.message: AssistantMessage | None = None
        self.panel: Panel = _first_panel(view)
        self.fold_chosen = False
        """The user has folded or unfolded the panel."""
        self.waiting_for = ""
        self.think_at_most: ThinkingBudget | None = None
        """The limit of its reasoning, while it arrives."""
        self.returned = ""
        """What later requests did with the reasoning."""
        self.estimate: Estimate = no_estimate
        self.earlier: Sequence[Usage] = ()
        """Of the answers of this turn that called tools before it."""
        self._view: ReasoningView = view
        self._fill_keys = fill_keys
        self._tail_rows = tail_rows
        self._began: float | None = None
        self._reasoning_began: float | None = None
        self._reasoning_ended: float | None = None
        self._has_calls = False
        self._live_calls = _LiveCalls()
        self._encrypted = False
        self._header: object = None
        self._body_shown: tuple[Panel, StreamingText] | None = None
        self._body_count = 0
        self._text_shown: StreamingText | None = None
        self._text_count = 0
        self._end: object = None

    # ---- input

    def begin(self, now: float) -> None:
        self._began = now

    def load(self, message: AssistantMessage, folded: bool | None) -> None:  # noqa: FBT001 - None is no choice
        """Takes a stored message."""
        self.reasoning.add(message.reasoning)
        self.text.add(message.text or message.refusal)
        self.message = message
        self._encrypted = _has_encrypted(message.reasoning_details)
        self.panel = self._panel_at_rest(folded)
        self.fold_chosen = folded is not None

    def add(self, delta: Delta, now: float) -> None:
        if delta.text_was_reasoning:
            self._text_was_reasoning()
        if delta.reasoning:
            if self._reasoning_began is None:
                self._reasoning_began = now
            self.reasoning.add(delta.reasoning)
        self._encrypted = self._encrypted or _has_encrypted(delta.details)
        self._has_calls = self._has_calls or bool(delta.tool_calls)
        for fragment in delta.tool_calls:
            self._live_calls.add(fragment)
        if delta.text or delta.refusal:
            self.text.add(delta.text or delta.refusal)
        if self._reasoning_ended is None and (self.text or self._has_calls):
            self._reasoning_ended = now

    def _text_was_reasoning(self) -> None:
        self.reasoning.add(self.text.source)
        self.text = StreamingText("answer", as_json=self._as_json)
        if self._reasoning_began is None:
            self._reasoning_began = self._reasoning_ended or self._began
        self._reasoning_ended = None

    @property
    def is_reasoning(self) -> bool:
        """Whether only reasoning has arrived so far."""
        return self.message is None and bool(self.reasoning) and self._reasoning_ended is None

    @property
    def is_waiting(self) -> bool:
        """Whether nothing readable has arrived yet."""
        return self.message is None and not self.reasoning and not self.text and not self._has_calls

    @property
    def has_panel(self) -> bool:
        return bool(self.reasoning)

    @property
    def has_answer_text(self) -> bool:
        """Whether there is something besides reasoning."""
        if self.message is not None:
            return bool(self.message.text or self.message.tool_calls or self.message.refusal)
        return bool(self.text) or self._has_calls

    # ---- the panel

    def fold(self) -> None:
        """Folds the panel because the answer text begins, unless the user has chosen."""
        if not self.fold_chosen:
            self.panel = "folded"

    def toggle(self) -> bool:
        """Folds or unfolds the panel for the user. Returns whether it is folded now."""
        self.fold_chosen = True
        self.panel = "open" if self.panel == "folded" else "folded"
        return self.panel == "folded"

    def _panel_at_rest(self, folded: bool | None) -> Panel:  # noqa: FBT001 - None is no choice
        """Whether the panel of a finished answer is folded: as the user chose, otherwise if there is text below it."""
        if folded is not None:
            return "folded" if folded else "open"
        answers_next = self.message is not None and self.message.stop == "answer_now"
        first = "folded" if self.has_answer_text or answers_next else _first_panel(self._view)
        # Only while it grows is a part of it enough.
        return "open" if first == "tail" else first

    # ---- blocks

    def edits(self, now: float, frame: int | None = 0) -> list[Edit]:
        """The changes since the last call."""
        found: list[Edit] = []
        self._edit_header(found, now)
        self._edit_body(found)
        self._edit_text(found)
        self._edit_end(found, now, frame)
        return found

    def finish(self, message: AssistantMessage, folded: bool | None) -> None:  # noqa: FBT001 - None is no choice
        """Replaces the stream with the stored message. Streamed blocks with the same text stay."""
        was_answering = self.has_answer_text
        text = message.text or message.refusal
        if self.text.source != text:
            self.text = StreamingText("answer", as_json=self._as_json)
            self.text.add(text)
        if self.reasoning.source != message.reasoning:
            self.reasoning = StreamingText("reasoning", first_gap=0)
            self.reasoning.add(message.reasoning)
        self.message = message
        self._encrypted = _has_encrypted(message.reasoning_details)
        if not self.fold_chosen and (
            folded is not None or not was_answering
        ):  # otherwise it is folded already, or the user is reading in it
            self.panel = self._panel_at_rest(folded)
            self.fold_chosen = folded is not None

    def blocks(self, section: int) -> Iterable[Block | None]:
        """Its reasoning, text or ending. Blocks of a finished answer that are not on the page are parsed again, with None in between."""
        if section == ENDING:
            return self._ending(self.message, self.estimate(self.message)) if self.message is not None else []
        channel, on_page = (self.reasoning, self._body_shown) if section == REASONING else (self.text, self._text_shown)
        if on_page is not None:
            return channel.blocks
        if self.message is not None:
            return channel.fresh_blocks()
        channel.parse_new()
        return channel.blocks

    def _edit_header(self, found: list[Edit], now: float) -> None:
        mark = labels.FOLDED if self.panel == "folded" else labels.UNFOLDED
        message = self.message
        if self.reasoning and message is not None:
            key: object = ("done", mark, self.returned, labels.reasoning_tokens(message))
        elif self.is_reasoning:
            size = self.reasoning.length if self.think_at_most is not None else 0
            key = ("thinking", mark, int(self._thinking_time(now)), size)
        elif self.reasoning:
            key = ("thought", mark, self.reasoning.length)
        else:
            known = labels.counted_reasoning_tokens(message) if message is not None else None
            key = ("hidden", known, self.returned) if self._encrypted else None
        if key == self._header:
            return
        self._header = key
        found.append(Edit(HEADER, 0, self._headers(mark, now) if key else []))

    def _headers(self, mark: str, now: float) -> list[Block]:
        message = self.message
        if not self.reasoning:
            if message is None:
                return [labels.hidden_reasoning_header([])]
            return [labels.hidden_reasoning_header([labels.counted_reasoning_tokens(message), self.returned])]
        if message is not None:
            return [
                labels.reasoning_header(
                    mark, message.timing.reasoning_seconds, labels.reasoning_tokens(message), self.returned
                )
            ]
        if self.is_reasoning:
            return [
                labels.live_reasoning_header(mark, self._thinking_time(now), self.reasoning.length, self.think_at_most)
            ]
        return [labels.reasoning_header(mark, self._thinking_time(now), estimated_tokens(self.reasoning.length))]

    def _thinking_time(self, now: float) -> float:
        end = now if self._reasoning_ended is None else self._reasoning_ended
        return 0.0 if self._reasoning_began is None else max(0.0, end - self._reasoning_began)

    def _edit_body(self, found: list[Edit]) -> None:
        if self.panel == "folded" or not self.reasoning:
            if self._body_shown is not None:
                self._body_shown = None
                found.append(Edit(REASONING, 0, []))
            return
        at = self.reasoning.finish() if self.message is not None else self.reasoning.parse_new()
        blocks = self.reasoning.blocks
        shown = (self.panel, self.reasoning)
        if self.panel == "tail":
            if self._body_shown != shown:
                found.append(Edit(REASONING, 0, [Block("tail", gap=0, group=Tail(blocks, self._tail_rows))]))
        else:
            at = at if self._body_shown == shown else 0
            if at < len(blocks) or self._body_count != len(blocks):
                found.append(Edit(REASONING, at, blocks[at:]))
        self._body_shown, self._body_count = shown, len(blocks)

    def _edit_text(self, found: list[Edit]) -> None:
        at = self.text.finish() if self.message is not None else self.text.parse_new()
        blocks = self.text.blocks
        at = at if self._text_shown is self.text else 0
        if at < len(blocks) or self._text_count != len(blocks):
            found.append(Edit(TEXT, at, blocks[at:]))
        self._text_shown, self._text_count = self.text, len(blocks)

    def _edit_end(self, found: list[Edit], now: float, frame: int | None) -> None:
        seconds = now - self._began if self._began is not None else 0.0
        guess = self.estimate(self.message) if self.message is not None else None
        if self.message is not None:
            key: object = (self.message, guess)
        else:
            key = (self.waiting_for, int(seconds), frame) if self.is_waiting else self._live_calls.count
        if key != self._end:
            self._end = key
            end = self._ending(self.message, guess) if self.message is not None else []
            if self.is_waiting:
                end = [labels.waiting_line(self.waiting_for, seconds, frame)]
            elif self.message is None:
                end = self._live_calls.blocks()
            found.append(Edit(ENDING, 0, end))

    def _ending(self, message: AssistantMessage, guess: Decimal | None) -> list[Block]:
        blocks = [block for call in message.tool_calls for block in labels.tool_call(call.name, call.arguments)]
        mark = labels.ending_lines(message)
        if message.complete and not self.has_answer_text and not mark:
            mark = [labels.no_answer(message, self._fill_keys)]
        blocks += mark
        # A failure before anything arrived has nothing to account for.
        began = message.complete or message.text or message.reasoning
        if began and (footer := labels.footer(message, gap=0 if mark else 1, estimate=guess)):
            blocks.append(footer)
        if began and self.earlier and not message.tool_calls:
            blocks.append(labels.turn_total([*self.earlier, message.usage]))
        return blocks


class _LiveCalls:
    """Calls that are still arriving, as far as they are shown. The cost of a fragment does not grow with them."""

    def __init__(self) -> None:
        self.count = 0
        """Of fragments."""
        self._calls: dict[int | None, tuple[str, str, int]] = {}

    def add(self, fragment: ToolCallFragment) -> None:
        self.count += 1
        name, arguments, characters = self._calls.get(fragment.index, ("", "", 0))
        more = fragment.arguments or ""
        self._calls[fragment.index] = (
            name or fragment.name or "",
            (arguments + more)[-_LIVE_ARGUMENTS:],
            characters + len(more),
        )

    def blocks(self) -> list[Block]:
        """A line for each of the last ones."""
        return [labels.live_tool_call(*call) for call in list(self._calls.values())[-_LIVE_CALLS:]]


def no_estimate(_message: AssistantMessage) -> None:
    """No estimate: prices are unknown."""


def _first_panel(view: ReasoningView) -> Panel:
    match view:
        case "tail":
            return "tail"
        case "full":
            return "open"
        case "hidden":
            return "folded"


def _has_encrypted(details: Sequence[Json] | None) -> bool:
    return any(entry.get("type") == "reasoning.encrypted" for entry in details or ())
