"""A tool result: its first lines, or all of them when unfolded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from stepchat.text.format import result_facts
from stepchat.transcript import labels
from stepchat.transcript.entry import Edit
from stepchat.transcript.markdown.blocks import Block, split_long

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.messages import ToolMessage
    from stepchat.transcript.markdown.blocks import Voice

SHOWN_LINES: Final = 6
"""Lines shown while it is folded."""
TOOL_HEADER, TOOL_BODY, TOOL_END = range(3)
TOOL_SECTIONS: Final = 3


class ToolResult:
    """The state of one result. It can be folded if it has more than `SHOWN_LINES` lines."""

    def __init__(self, message: ToolMessage, folded: bool | None) -> None:  # noqa: FBT001 - None is no choice
        self.panel: Literal["folded", "open"] = "open" if folded is False else "folded"
        self.fold_chosen = folded is not None
        self._message = message
        self.has_panel = message.text.strip("\n").count("\n") >= SHOWN_LINES

    def toggle(self) -> bool:
        """Folds or unfolds it for the user. Returns whether it is folded now."""
        self.fold_chosen = True
        self.panel = "open" if self.panel == "folded" else "folded"
        return self.panel == "folded"

    def edits(self, _now: float) -> list[Edit]:
        """All of its blocks."""
        lines = self.lines()
        shown = lines[:SHOWN_LINES] if self.panel == "folded" else lines
        more = len(lines) - len(shown)
        end = [labels.line((f"… {more:,} more lines", "dim"), gap=0)] if more else []
        return [Edit(TOOL_HEADER, 0, [self._head()]), Edit(TOOL_BODY, 0, shown), Edit(TOOL_END, 0, end)]

    def lines(self) -> list[Block]:
        """All lines, including folded ones."""
        return plain_lines(self._message.text.strip("\n").split("\n"), "tool", 0)

    def _head(self) -> Block:
        name = self._message.name or "tool"
        mark = (labels.FOLDED if self.panel == "folded" else labels.UNFOLDED) + " " if self.has_panel else ""
        facts: list[tuple[str, str]] = []
        if self._message.seconds is not None:
            size = self._message.size or len(self._message.text)
            facts.append((f" · {result_facts(size, self._message.seconds)}", "dim"))
        return labels.line((f"{mark}← {name}", "error" if self._message.is_error else "dim"), *facts)


def user_lines(text: str, gap: int) -> list[Block]:
    """The user's own text."""
    return plain_lines(text.replace("\r\n", "\n").replace("\r", "\n").strip("\n").split("\n"), "user", gap)


def plain_lines(lines: Sequence[str], voice: Voice, gap: int) -> list[Block]:
    return [
        Block("plain", text, voice=voice, gap=gap if not index and joint is None else 0, joint=joint)
        for index, line in enumerate(lines)
        for joint, text in split_long(line)
    ]
