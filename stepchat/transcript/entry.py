"""The blocks of one message on the page, in replaceable sections, and their heights."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stepchat.transcript.layout.layout import Layout
    from stepchat.transcript.markdown.blocks import Block


class Edit(NamedTuple):
    """From block `at` of a section on, these blocks replace the existing ones."""

    section: int
    at: int
    blocks: Sequence[Block]


class Splice(NamedTuple):
    """What an edit did to the blocks of the whole message."""

    at: int
    removed: int
    added: int


class Heights:
    """Block heights, estimated until they are rendered. The cost of a sum depends on what changed, not on how much there is."""

    def __init__(self) -> None:
        self._rows: list[int] = []
        self._total = 0
        self._summed = 0
        self._sum = 0
        """Rows of the first `_summed` blocks."""

    @property
    def total(self) -> int:
        return self._total

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> int:
        return self._rows[index]

    def set(self, index: int, rows: int) -> None:
        before = self._rows[index]
        if rows != before:
            self._rows[index] = rows
            self._total += rows - before
            if index < self._summed:
                self._sum += rows - before

    def splice(self, at: int, removed: int, rows: Sequence[int]) -> None:
        if self._summed > at:
            self._sum -= sum(self._rows[at : self._summed])
            self._summed = at
        self._total += sum(rows) - sum(self._rows[at : at + removed])
        self._rows[at : at + removed] = rows

    def rows_above(self, index: int) -> int:
        """Rows of all blocks before this one."""
        if index >= self._summed:
            self._sum += sum(self._rows[self._summed : index])
        else:
            self._sum -= sum(self._rows[index : self._summed])
        self._summed = index
        return self._sum

    def find(self, row: int) -> int:
        """The block that contains this row; the last one if there are fewer rows."""
        seen = 0
        for index, rows in enumerate(self._rows):
            seen += rows
            if seen > row:
                return index
        return max(0, len(self._rows) - 1)


class BlockList:
    """The blocks of one message. `build` makes them when they are first needed; until then the height is an estimate."""

    def __init__(self, sections: int, build: Callable[[], Sequence[Edit]], text: str) -> None:
        self.blocks: list[Block] = []
        self._sizes = [0] * sections
        self._heights = Heights()
        self._build: Callable[[], Sequence[Edit]] | None = build
        self._characters = len(text)
        self._lines = text.count("\n") + 1
        self._measured_for: object = None

    def open(self, layout: Layout) -> None:
        """Makes sure that the blocks exist and the heights belong to the current layout."""
        if self._build is not None:
            build, self._build = self._build, None
            for edit in build():
                self.apply(edit, layout)
            self._measured_for = layout.builder
        elif self._measured_for is not layout.builder:
            self._measured_for = layout.builder
            self._heights = Heights()
            self._heights.splice(0, 0, [layout.estimate(block) for block in self.blocks])

    @property
    def is_built(self) -> bool:
        return self._build is None

    def height(self, layout: Layout) -> int:
        """Rows of the whole message, as far as they are known."""
        if self._build is None and self._measured_for is layout.builder:
            return self._heights.total
        return 2 + self._lines + self._characters // max(8, layout.builder.geometry.column)

    @property
    def heights(self) -> Heights:
        """Valid only after `open`."""
        return self._heights

    def apply(self, edit: Edit, layout: Layout) -> Splice:
        at = sum(self._sizes[: edit.section]) + edit.at
        removed = self._sizes[edit.section] - edit.at
        self._sizes[edit.section] = edit.at + len(edit.blocks)
        self.blocks[at : at + removed] = edit.blocks
        self._heights.splice(at, removed, [layout.estimate(block) for block in edit.blocks])
        return Splice(at, removed, len(edit.blocks))

    @property
    def sections(self) -> int:
        return len(self._sizes)

    def section_of(self, block: int) -> tuple[int, int]:
        """The section of a block, and the block's index in it."""
        for section, size in enumerate(self._sizes):
            if block < size:
                return section, block
            block -= size
        return len(self._sizes) - 1, block

    def section_start(self, section: int) -> int:
        return sum(self._sizes[:section])

    def section_size(self, section: int) -> int:
        return self._sizes[section]
