"""What the line parser has open: the stack of containers, and the leaf that takes text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from stepchat.transcript.markdown.blocks import Item, Quote

if TYPE_CHECKING:
    from stepchat.transcript.markdown.blocks import Fence, ListNumbers, Table


@dataclass(frozen=True, slots=True)
class ListRun:
    """A list, around its items. `next` is the number of its next item, None for bullets."""

    run: int
    kind: str
    next: int | None
    numbers: ListNumbers | None
    widest: int
    """What the numbers' is when this is the newest item."""


Node: TypeAlias = ListRun | Quote | Item


@dataclass(frozen=True, slots=True)
class Paragraph:
    """`indented`: its last line is too far right to head a table."""

    indented: bool = False


@dataclass(frozen=True, slots=True)
class Fenced:
    fence: Fence
    character: str
    length: int
    indent: int


@dataclass(frozen=True, slots=True, eq=False)
class BlankLines:
    """Blank lines that belong to the code if more of it comes; the newest, and those before it."""

    text: str
    before: BlankLines | None

    def texts(self) -> list[str]:
        found: list[str] = []
        blanks: BlankLines | None = self
        while blanks is not None:
            found.append(blanks.text)
            blanks = blanks.before
        return found[::-1]


@dataclass(frozen=True, slots=True)
class Indented:
    """`blanks`: blank lines that belong to the code if more of it follows."""

    fence: Fence
    blanks: BlankLines | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Html:
    kind: int


@dataclass(frozen=True, slots=True)
class TableRows:
    table: Table


Leaf: TypeAlias = Paragraph | Fenced | Indented | Html | TableRows | None
