"""Blocks: the units that are laid out, cached and scrolled to. Their containers (quotes, list items) are their path."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST_WORD: Final = 256
"""Characters; a longer word may be split."""
_SPACE: Final = re.compile(r"\s+(?=\S)")

Voice: TypeAlias = Literal["answer", "reasoning", "user", "tool"]
Kind: TypeAlias = Literal[
    "paragraph",
    "heading",
    "rule",
    "label",  # the line above a code block that names its language
    "code",  # one line of a code block
    "html",  # one line of an HTML block or of a formula, shown as text
    "row",  # one row of a table
    "empty",  # a list item without content
    "plain",  # text without markup: the user's own words
    "meta",  # one line of styled texts: header, footer, ending, notice
    "tail",  # the last rows of the reasoning
]

LONGEST_TEXT: Final = 16_384
"""Characters after which the text of a paragraph or of a line continues in another block."""
_ALERT: Final = re.compile(r"\[!(note|tip|important|warning|caution)\][ \t]*\n", re.IGNORECASE)

FORMULA: Final = 2
FORMULA_MARK: Final = 1
"""The `level` of a formula's lines: FORMULA of its content, FORMULA_MARK of its delimiters."""


@dataclass(frozen=True, slots=True, eq=False)
class Quote:
    """A block quote. Compared by identity: two adjacent quotes are different."""


@dataclass(slots=True, eq=False)
class ListNumbers:
    """The widest number of a list so far, by which all of its items are indented."""

    widest: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A list item. `content` is the column where its content begins, counted from its container's content."""

    run: int
    """Identifies the list."""
    marker: str
    content: int
    numbers: ListNumbers | None = None
    """None for bullets."""

    @property
    def ordered(self) -> bool:
        return self.numbers is not None

    @property
    def width(self) -> int:
        """Cells of the marker."""
        return len(self.marker) if self.numbers is None else self.numbers.widest


Container: TypeAlias = Quote | Item
Path: TypeAlias = tuple[Container, ...]


def numbers_width(path: Path) -> int:
    """Cells for the numbers of the lists around a block: the part of its indentation that may still change."""
    return sum([node.numbers.widest for node in path if isinstance(node, Item) and node.numbers is not None])


@dataclass(slots=True, eq=False)
class Fence:
    """A code block. Its lines are blocks of their own."""

    language: str = ""
    indented: bool = False
    """Indented by four spaces instead of fenced."""
    closed: bool = False
    lines: list[Block] = field(default_factory=list["Block"])
    measured: int = 0
    """The number of lines that `widest` covers."""
    widest: int = 0
    """Cells of its widest line."""
    column_cells: tuple[object, int, int] = (None, 0, 0)
    """The cells within the reading column, and what they were computed for."""

    @property
    def source(self) -> str:
        return "".join(("\n" if line.joint is None else line.joint) + line.text for line in self.lines).removeprefix(
            "\n"
        )


@dataclass(slots=True, eq=False)
class Table:
    """A table. Its rows are blocks of their own; `aligns` has '', 'left', 'center' or 'right' for each column."""

    aligns: tuple[str, ...]
    delimiter: str = ""
    """The line below its head, as it was written."""
    rows: list[Block] = field(default_factory=list["Block"])
    closed: bool = False
    measured: int = 0
    """The number of rows that `widths` and `words` cover."""
    widths: list[int] = field(default_factory=list[int])
    """Cells of the widest cell of each column."""
    words: list[int] = field(default_factory=list[int])
    """Cells of the longest word of each column."""
    column_widths: tuple[int, ...] | None = None
    """The column widths at the current page width; None if columns do not fit."""
    column_widths_for: tuple[object, int, int, str, bool] = (None, 0, 0, "", False)
    """What `column_widths` was computed for."""
    shared_width: int = 0
    """The width that the columns had to share; 0 while each has what it wants."""
    labels: object = None
    """The link definitions that `widths` were computed with."""
    token: object = None
    """Replaced by another object whenever the rows may look different."""


@dataclass(frozen=True, slots=True)
class MetaLine:
    """A line of the program's own text: parts, each with the name of its style in the palette.

    Parts that do not fit are dropped whole: those with the least `needs` first, or from the right without `needs`. With `wraps`
    the line wraps instead.
    """

    parts: tuple[tuple[str, str], ...]
    wraps: bool = False
    needs: tuple[int, ...] = ()


@dataclass(slots=True, eq=False)
class Tail:
    """The last rows of blocks that are not on the page themselves."""

    blocks: list[Block]
    rows: int
    counted: int = 0
    """The number of finished blocks that `counted_rows` covers."""
    counted_rows: int = 0
    """Their rows, without the blank ones above each."""
    counted_for: object = None
    """What `counted_rows` was computed for."""


Group: TypeAlias = Fence | Table | MetaLine | Tail | None


@dataclass(slots=True, eq=False)
class Links:
    """The link reference definitions of one text, by normalised label. The mapping is replaced, never changed."""

    labels: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, "Mapping[str, Any]"])


class Block:
    """One unit of the transcript.

    `text` only grows while the block is open; `text[:stable]` never changes during the life of the block.
    `fresh` counts the containers at the end of `path` that begin with this block: their markers are on its first row.
    `gap` is the number of blank rows above. `flow` belongs to the layout.
    A long paragraph or line is several blocks, so that no cost depends on its length. `joint` is the text between such a block
    and the one before it; None for all others.
    """

    __slots__ = (
        "_text", "flow", "fresh", "gap", "group", "joint", "kind", "level", "links", "open", "path", "stable", "version", "voice",
    )  # fmt: skip

    def __init__(
        self,
        kind: Kind,
        text: str = "",
        *,
        voice: Voice = "answer",
        path: Path = (),
        fresh: int = 0,
        gap: int = 1,
        level: int = 0,
        group: Group = None,
        links: Links | None = None,
        joint: str | None = None,
    ) -> None:
        self.kind: Kind = kind
        self._text = text
        self.version = 0
        """Changes whenever the text does."""
        self.voice: Voice = voice
        self.path = path
        self.fresh = fresh
        self.gap = gap
        self.level = level
        """Of a heading, 1 to 6; of a table row or a line of code, its index in the group; of a formula's line, its kind."""
        self.group: Group = group
        self.links = links
        self.joint = joint
        self.open = False
        self.stable = 0
        self.flow: Any = None

    @property
    def text(self) -> str:
        return self._text

    @text.setter
    def text(self, text: str) -> None:
        if text is not self._text:  # an unchanged text is not laid out again
            self._text = text
            self.version += 1

    def grow(self, more: str) -> None:
        """Appends text at the cost of what is appended: Python copies a string only while someone else refers to it."""
        text, self._text = self._text, ""
        text += more
        self._text = text
        self.version += 1

    def __repr__(self) -> str:
        return f"<{self.kind} {self.text!r} path={len(self.path)} fresh={self.fresh} gap={self.gap}>"


def split_long(text: str, *, verbatim: bool = False) -> list[tuple[str | None, str]]:
    """The text in parts of about `LONGEST_TEXT` characters, each with the white space before it; None for the first.

    Later text does not move a part, so a growing text can be split again and again. With `verbatim` white space is not
    special.
    """
    parts: list[tuple[str | None, str]] = []
    start, joint = 0, None
    while len(text) - start > LONGEST_TEXT:
        end = start + LONGEST_TEXT if verbatim else _boundary(text, start + LONGEST_TEXT)
        if end is None:
            break
        part = text[start:end]
        kept = part if verbatim else part.rstrip()
        parts.append((joint, kept))
        start, joint = end, part[len(kept) :]
    return [*parts, (joint, text[start:])]


def _boundary(text: str, at: int) -> int | None:
    """The end of the first white space from `at` on, or a position between two letters if there is none; None if unknown."""
    far = at + _LONGEST_WORD
    if found := _SPACE.search(text, at, min(len(text), far)):
        return found.end()
    if len(text) <= far + 1:
        return None
    return next((end for end in range(far, at, -1) if text[end - 1].isalnum() and text[end].isalnum()), far)


class Alert(NamedTuple):
    """The label of an alert, the role of its style, and where the text of the block begins after `[!NOTE]`."""

    label: str
    role: Literal["accent", "warning"]
    end: int


def alert(block: Block) -> Alert | None:
    """The label of a quote that GitHub shows as an alert: `> [!NOTE]` on a line of its own, with text below."""
    if block.kind != "paragraph" or not block.fresh or not isinstance(block.path[-1], Quote):
        return None
    found = _ALERT.match(block.text) if block.text.startswith("[!") else None
    if found is None:
        return None
    name = found[1].lower()
    return Alert(name.capitalize(), "warning" if name in {"warning", "caution"} else "accent", found.end())
