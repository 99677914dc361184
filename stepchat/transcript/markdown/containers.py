"""What the block parser has open: the stack of containers, the leaf that takes text, and the blocks so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from stepchat.transcript.markdown.blocks import Block, Fence, Item, Links, Quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepchat.transcript.markdown.blocks import Group, Kind, ListNumbers, Path, Table, Voice


@dataclass(frozen=True, slots=True)
class ListRun:
    """A list, around its items. `next` is the number of its next item, None for bullets."""

    run: int
    kind: str
    next: int | None
    numbers: ListNumbers | None
    widest: int
    """`numbers.widest` as of the newest item."""


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
    """Blank lines that belong to the code if more of it follows; the newest, and those before it."""

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


class ParserSnapshot(NamedTuple):
    """The state of the parser, and the last block, the only one that a line can change."""

    stack: tuple[Node, ...]
    leaf: Leaf
    blank: bool
    runs: int
    labels: Mapping[str, Mapping[str, object]]
    size: int
    last: Block | None
    last_text: str
    last_open: bool
    last_stable: int
    group_size: int


def saved(out: Outline, leaf: Leaf, runs: int) -> ParserSnapshot:
    last = out.blocks[-1] if out.blocks else None
    text, is_open, stable = (last.text, last.open, last.stable) if last else ("", False, 0)
    match leaf:
        case Fenced(fence=fence) | Indented(fence=fence):
            size = len(fence.lines)
        case TableRows(table=table):
            size = len(table.rows)
        case _:
            size = 0
    return ParserSnapshot(
        out.stack, leaf, out.blank, runs, out.links.labels, len(out.blocks), last, text, is_open, stable, size
    )


def restore(out: Outline, state: ParserSnapshot) -> None:
    """Restores everything but the leaf and the count of lists, which belong to the parser."""
    out.set_stack(state.stack)
    for node in state.stack:
        if isinstance(node, ListRun) and node.numbers is not None:
            node.numbers.widest = node.widest
    out.blank, out.links.labels = state.blank, state.labels
    if state.last is None:
        out.blocks.clear()
    else:
        out.blocks[state.size - 1 :] = [state.last]
        state.last.text, state.last.open, state.last.stable = state.last_text, state.last_open, state.last_stable
    match state.leaf:
        case Fenced(fence=fence) | Indented(fence=fence):
            fence.closed = False
            del fence.lines[state.group_size :]
        case TableRows(table=table):
            table.closed = False
            del table.rows[state.group_size :]
        case _:
            pass


_SET_OFF: Final = frozenset({"label", "code", "row", "html", "rule"})
"""Blocks with a blank row between them and text below."""


class Outline:
    """Puts each new block into the open containers, with its markers and the blank rows above it."""

    def __init__(self, voice: Voice, first_gap: int) -> None:
        self.blocks: list[Block] = []
        self.links = Links()
        self.stack: tuple[Node, ...] = ()
        self.blank = False
        """A blank line followed the last block."""
        self._path: Path = ()
        self._voice: Voice = voice
        self._first_gap = first_gap

    def set_stack(self, stack: tuple[Node, ...]) -> None:
        if stack is not self.stack:
            self.stack = stack
            self._path = tuple([node for node in stack if not isinstance(node, ListRun)])

    def last_item_is_empty(self, item: Item) -> bool:
        last = self.blocks[-1]
        return last.kind == "empty" and last.path[-1] is item

    def mark_empty_item(self) -> None:
        """Gives an item without content a block to show its marker."""
        shared = self._shared(self.blocks[-1].path) if self.blocks else 0
        if any(isinstance(node, Item) for node in self._path[shared:]):
            self.add("empty")

    def add(self, kind: Kind, text: str = "", *, gap: int | None = None, level: int = 0, group: Group = None) -> Block:
        """Adds a block in the open containers."""
        path = self._path
        fresh = len(path)
        if self.blocks:
            last = self.blocks[-1]
            fresh -= self._shared(last.path)
            if last.kind == "empty" and len(last.path) <= len(path) and last.path[-1] is path[len(last.path) - 1]:
                fresh, gap = fresh + last.fresh, last.gap
                self.blocks.pop()
        if gap is None:
            gap = self._gap(path)
        return self._append(Block(
            kind, text, voice=self._voice, path=path, fresh=fresh, gap=gap, level=level, group=group, links=self.links
        ))  # fmt: skip

    def replace(self, kind: Kind, text: str, *, level: int = 0, group: Group = None) -> Block:
        """Replaces the last block."""
        old = self.blocks.pop()
        return self._append(Block(
            kind, text, voice=old.voice, path=old.path, fresh=old.fresh, gap=old.gap,
            level=level, group=group, links=self.links, joint=old.joint,
        ))  # fmt: skip

    def continue_last(self, joint: str, text: str) -> Block:
        """Adds a block that continues the text of the last one, which is complete."""
        last = self.blocks[-1]
        last.open, last.stable = False, len(last.text)
        level = last.level
        if isinstance(last.group, Fence):
            level = len(last.group.lines)
        block = Block(
            last.kind, text, voice=last.voice, path=last.path, gap=0,
            level=level, group=last.group, links=last.links, joint=joint,
        )  # fmt: skip
        if isinstance(last.group, Fence):
            last.group.lines.append(block)
        self.blocks.append(block)
        return block

    def _append(self, block: Block) -> Block:
        self.blank = False
        self.blocks.append(block)
        return block

    def _shared(self, other: Path) -> int:
        """The number of containers that the open path shares with `other`."""
        count = 0
        for mine, theirs in zip(self._path, other, strict=False):
            if mine is not theirs:
                break
            count += 1
        return count

    def _gap(self, path: Path) -> int:
        """The blank rows above the next block: in a list those of the source, but one below code and the like; elsewhere one.

        An item also gets one if the last part of the item before it had one."""
        if not self.blocks:
            return self._first_gap
        if not path:
            return 1
        last = self.blocks[-1]
        before = last.path
        shared = self._shared(before)
        within = any(isinstance(node, Item) for node in path[:shared])
        if not within and shared < min(len(path), len(before)):
            mine, theirs = path[shared], before[shared]
            within = isinstance(mine, Item) and isinstance(theirs, Item) and mine.run == theirs.run
        set_off = last.kind in _SET_OFF or (last.gap > 0 and not last.fresh and before[shared:] != ())
        return int(self.blank or set_off) if within else 1
