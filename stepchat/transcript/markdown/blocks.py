"""What a block is: the unit that is laid out, cached and scrolled to. Containers (quotes, list items) are its path."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    "plain",  # text without any markup: the reader's own words
    "meta",  # one line made of styled pieces: header, foot, mark, notice
    "tail",  # the last rows of the reasoning
]

FORMULA: Final = 2
FORMULA_MARK: Final = 1
"""The `level` of lines of formulas: of its own, and of those that begin and end it."""


@dataclass(frozen=True, slots=True, eq=False)
class Quote:
    """A block quote. Compared by identity: two quotes in a row are two."""


@dataclass(slots=True, eq=False)
class ListNumbers:
    """The numbers of a list, so far: how wide the widest is. All of its items stand as far in."""

    widest: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A list item. `content` is the column at which its content begins, counted from its container's content."""

    run: int
    """Which list it belongs to."""
    marker: str
    content: int
    numbers: ListNumbers | None = None
    """None for bullets."""

    @property
    def ordered(self) -> bool:
        return self.numbers is not None

    @property
    def width(self) -> int:
        """Of the marker, in cells."""
        return len(self.marker) if self.numbers is None else self.numbers.widest


Container: TypeAlias = Quote | Item
Path: TypeAlias = tuple[Container, ...]


def numbers_width(path: Path) -> int:
    """Cells for the numbers of lists around a block: what of its indentation may still change."""
    return sum([node.numbers.widest for node in path if isinstance(node, Item) and node.numbers is not None])


@dataclass(slots=True, eq=False)
class Fence:
    """A code block: its lines are blocks of their own."""

    language: str = ""
    indented: bool = False
    """It has no fence, but four blanks before each line."""
    closed: bool = False
    lines: list[Block] = field(default_factory=list["Block"])
    measured: int = 0
    """How many lines `widest` speaks of."""
    widest: int = 0
    """Terminal cells of its widest line."""
    room: tuple[object, int, int] = (None, 0, 0)
    """Cells within the reading column, and what that was found for."""

    @property
    def source(self) -> str:
        return "\n".join(line.text for line in self.lines)


@dataclass(slots=True, eq=False)
class Table:
    """A table: its rows are blocks of their own. `aligns` has one of '', 'left', 'center', 'right' a column."""

    aligns: tuple[str, ...]
    delimiter: str = ""
    """The line below its head, as it was written."""
    rows: list[Block] = field(default_factory=list["Block"])
    closed: bool = False
    measured: int = 0
    """How many rows `widths` and `words` speak of."""
    widths: list[int] = field(default_factory=list[int])
    """The widest cell of each column, in terminal cells."""
    words: list[int] = field(default_factory=list[int])
    """The widest word of each column."""
    shared: tuple[int, ...] | None = None
    """The columns in the present width; None when there is no room for a table."""
    shared_for: tuple[object, int, int, str, bool] = (None, 0, 0, "", False)
    """What `shared` was found for."""
    filled: int = 0
    """The room that the columns had to share, 0 while they have what they want."""
    labels: object = None
    """The link definitions that `widths` were found with."""
    token: object = None
    """Another object whenever the rows may look different."""


@dataclass(frozen=True, slots=True)
class MetaLine:
    """A line of the program's own words: texts with the name of their style in the palette.

    Parts that do not fit are left out whole, those with the least `needs` first, or from the right if there are none;
    with `wraps` the line becomes several instead.
    """

    parts: tuple[tuple[str, str], ...]
    wraps: bool = False
    needs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Tail:
    """The last rows of blocks that are not shown themselves."""

    blocks: list[Block]
    rows: int


Group: TypeAlias = Fence | Table | MetaLine | Tail | None


@dataclass(slots=True, eq=False)
class Links:
    """The link reference definitions of one text, by normalised label. The mapping is replaced, never changed."""

    labels: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, "Mapping[str, Any]"])


class Block:
    """One unit of the transcript.

    `text` only grows while the block is open; `text[:stable]` never changes as long as the block exists.
    `fresh` counts the containers at the end of `path` that begin with this block: their markers stand on its first row.
    `gap` is the number of blank rows above. `flow` belongs to the layout.
    """

    __slots__ = (
        "_text", "flow", "fresh", "gap", "group", "kind", "level", "links", "open", "path", "stable", "version", "voice",
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
    ) -> None:
        self.kind: Kind = kind
        self._text = text
        self.version = 0
        """Another number for every other text."""
        self.voice: Voice = voice
        self.path = path
        self.fresh = fresh
        self.gap = gap
        self.level = level
        """Of a heading, 1 to 6; of a row or code line, its place in the group; of a formula's line, which it is."""
        self.group: Group = group
        self.links = links
        self.open = False
        self.stable = 0
        self.flow: Any = None

    @property
    def text(self) -> str:
        return self._text

    @text.setter
    def text(self, text: str) -> None:
        if text is not self._text:  # what a line in pieces leaves as it was is not laid out anew for each of them
            self._text = text
            self.version += 1

    def grow(self, more: str) -> None:
        """More text at the end. It costs what is added: Python copies a text that somebody else holds, too, but no other."""
        text, self._text = self._text, ""
        text += more
        self._text = text
        self.version += 1

    def __repr__(self) -> str:
        return f"<{self.kind} {self.text!r} path={len(self.path)} fresh={self.fresh} gap={self.gap}>"
