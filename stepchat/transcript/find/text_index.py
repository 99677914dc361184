"""The searchable text of a whole message, joined so that `re` does most of the work."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple

from stepchat.transcript.answer import ENDING, REASONING, TEXT
from stepchat.transcript.block_text import Link
from stepchat.transcript.find.query import plain
from stepchat.transcript.question import QUESTION_TEXT
from stepchat.transcript.tool_result import SHOWN_LINES, TOOL_BODY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from stepchat.transcript.block_text import TextRun
    from stepchat.transcript.document import MessageView
    from stepchat.transcript.find.query import Query
    from stepchat.transcript.markdown.blocks import Block

_BETWEEN: Final = "\0"
"""Never shown, so never found."""


class Hit(NamedTuple):
    """One hit in a text run. The block is counted in its section, even where that is folded."""

    message: MessageView
    section: int
    block: int
    cell: int
    number: int

    @property
    def is_folded(self) -> bool:
        """Whether it is not on the page."""
        answer, tool = self.message.answer, self.message.tool
        if self.message.question is not None:
            return self.message.question.is_hidden(self.block)
        if tool is not None:
            return tool.panel == "folded" and self.block >= SHOWN_LINES
        return answer is not None and self.section == REASONING and answer.panel != "open"


class MessageIndex:
    """All text runs of one message."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._whole: str | None = None
        self._starts: list[int] = []
        self._homes: list[tuple[int, int, int]] = []
        self._links: list[Link] = []
        self._end = 0

    def add(self, section: int, block: int, run: TextRun) -> None:
        """Adds a run from the block with this index in a section."""
        text = plain(run.text)
        self._starts.append(self._end)
        self._homes.append((section, block, run.cell))
        self._links += plain_links(run, self._end)
        self._texts.append(text)
        self._whole = None
        self._end += len(text) + 1

    @property
    def _text(self) -> str:
        if self._whole is None:
            self._whole = _BETWEEN.join(self._texts)
            self._texts = [self._whole]
        return self._whole

    def count(self, query: Query) -> int:
        return query.count(self._text) + sum(1 for _ in _in_addresses(query, self._text, self._links))

    def hits(self, query: Query, message: MessageView) -> list[Hit]:
        """The hits in the order of the page."""
        found: list[Hit] = []
        last, number = -1, 0
        for first, _ in matches(query, self._text, self._links):
            index = bisect_right(self._starts, first) - 1
            number = number + 1 if index == last else 0
            last = index
            found.append(Hit(message, *self._homes[index], number))
        return found


def matches(query: Query, text: str, links: Sequence[Link]) -> list[tuple[int, int]]:
    """The matches in a plain text. A match in a link's address counts for the text of the link."""
    found = [match.span() for match in query.find(text)]
    return sorted([*found, *((link.first, link.end) for link in _in_addresses(query, text, links))]) if links else found


def _in_addresses(query: Query, text: str, links: Sequence[Link]) -> Iterator[Link]:
    for link in links:
        if query.count(link.target) and not query.count(text[link.first : link.end]):
            yield link


def plain_links(run: TextRun, at: int) -> list[Link]:
    """The links of a run by the characters of its plain form, which begins at `at`."""
    return [
        Link(at + len(plain(run.text[:first])), at + len(plain(run.text[:end])), plain(target))
        for first, end, target in run.links
    ]


def message_texts(message: MessageView) -> Iterator[tuple[int, Iterable[Block | None]]]:
    """The searchable blocks of a message by section, folded or not, with tool calls and ending. None in between, where it takes time."""
    if message.answer is not None:
        yield REASONING, message.answer.blocks(REASONING)
        yield TEXT, message.answer.blocks(TEXT)
        yield ENDING, message.answer.blocks(ENDING)
    elif message.tool is not None:
        yield TOOL_BODY, message.tool.lines()
    elif message.question is not None:
        yield QUESTION_TEXT, message.question.lines()


def may_match(query: Query, message: MessageView) -> bool:
    """Whether a message may match, judged by its source; False only if it cannot."""
    answer = message.answer
    if answer is None or answer.message is None:
        return True
    if answer.message.tool_calls or answer.message.stop != "stop" or not answer.has_answer_text:
        return True
    return query.may_be_in(answer.reasoning.source) or query.may_be_in(answer.text.source)
