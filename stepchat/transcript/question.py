"""A long question: its first and last lines, or all of them when unfolded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from stepchat.transcript import labels
from stepchat.transcript.entry import Edit
from stepchat.transcript.tool_result import user_lines

if TYPE_CHECKING:
    from stepchat.messages import UserMessage
    from stepchat.transcript.markdown.blocks import Block

MOST_LINES: Final = 20
"""Questions with more lines are folded."""
FIRST_LINES: Final = 8
LAST_LINES: Final = 4
QUESTION_TEXT, QUESTION_FOLD, QUESTION_END = range(3)
QUESTION_SECTIONS: Final = 3


class Question:
    """The state of one question. It can be folded if it has more than `MOST_LINES` lines."""

    def __init__(self, message: UserMessage, folded: bool | None, gap: int) -> None:  # noqa: FBT001 - None is no choice
        self.panel: Literal["folded", "open"] = "open" if folded is False else "folded"
        self.fold_chosen = folded is not None
        self._message = message
        self._gap = gap
        self.has_panel = message.text.strip("\n").count("\n") >= MOST_LINES

    @property
    def shown(self) -> str:
        """About as much text as is shown, for an estimate of the height."""
        lines = self._message.text.split("\n")
        if self.panel == "open" or not self.has_panel:
            return self._message.text
        return "\n".join([*lines[:FIRST_LINES], "", *lines[-LAST_LINES:]])

    def toggle(self) -> bool:
        """Folds or unfolds it for the user. Returns whether it is folded now."""
        self.fold_chosen = True
        self.panel = "open" if self.panel == "folded" else "folded"
        return self.panel == "folded"

    def edits(self, _now: float) -> list[Edit]:
        """All of its blocks."""
        lines = self.lines()
        attachments = [labels.attachment_line(attachment) for attachment in self._message.attachments]
        if not self.has_panel:
            return [Edit(QUESTION_TEXT, 0, [*lines, *attachments])]
        if self.panel == "open":
            fold = labels.line((f"{labels.UNFOLDED} {len(lines):,} lines", "dim"), gap=0)
            return [
                Edit(QUESTION_TEXT, 0, lines),
                Edit(QUESTION_FOLD, 0, [fold]),
                Edit(QUESTION_END, 0, attachments),
            ]
        more = len(lines) - FIRST_LINES - LAST_LINES
        fold = labels.line((f"{labels.FOLDED} … {more:,} more lines", "dim"), gap=0)
        return [
            Edit(QUESTION_TEXT, 0, lines[:FIRST_LINES]),
            Edit(QUESTION_FOLD, 0, [fold]),
            Edit(QUESTION_END, 0, [*lines[-LAST_LINES:], *attachments]),
        ]

    def lines(self) -> list[Block]:
        """All lines, including folded ones."""
        return user_lines(self._message.text, self._gap)

    def is_hidden(self, line: int) -> bool:
        """Whether this line is hidden while the question is folded."""
        return self.has_panel and self.panel == "folded" and line >= FIRST_LINES
