"""CommonMark's block phase with GFM tables, one complete line at a time: a stack of containers and one open leaf."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepchat.transcript.markdown import block_starts, containers
from stepchat.transcript.markdown.block_starts import LINE_LIMIT, Cursor, split_row
from stepchat.transcript.markdown.blocks import (
    FORMULA,
    FORMULA_MARK,
    LONGEST_TEXT,
    Fence,
    Item,
    ListNumbers,
    Quote,
    Table,
    split_long,
)
from stepchat.transcript.markdown.containers import (
    BlankLines,
    Fenced,
    Html,
    Indented,
    ListRun,
    Outline,
    Paragraph,
    TableRows,
)
from stepchat.transcript.markdown.inline import take_definitions

if TYPE_CHECKING:
    from stepchat.transcript.markdown.blocks import Block, Links, Voice
    from stepchat.transcript.markdown.containers import Leaf, ParserSnapshot

MAX_NESTING: Final = 60
"""Lists, items and quotes open at once; deeper markers are text."""
_VERBATIM: Final = frozenset({"code", "html"})
_STARTERS: Final = frozenset(">#`~<=-+*_0123456789|:$\\")
_NOT_PLAIN: Final = frozenset(" \t") | _STARTERS


class BlockParser:
    """Reads lines into `blocks`. The last block may grow; `links` collects reference definitions."""

    def __init__(self, voice: Voice, first_gap: int) -> None:
        self._out = Outline(voice, first_gap)
        self.blocks: list[Block] = self._out.blocks
        self._leaf: Leaf = None
        self._runs = 0

    @property
    def links(self) -> Links:
        return self._out.links

    @property
    def in_fence(self) -> bool:
        return isinstance(self._leaf, Fenced)

    # ---- undo, endless lines, the end

    def save(self) -> ParserSnapshot:
        return containers.saved(self._out, self._leaf, self._runs)

    def restore(self, state: ParserSnapshot) -> None:
        containers.restore(self._out, state)
        self._leaf, self._runs = state.leaf, state.runs

    def settle(self) -> None:
        """Marks the line just read as complete."""
        if not self.blocks:
            return
        last = self._split_last()
        last.open = isinstance(self._leaf, Paragraph)
        last.stable = len(last.text)

    def is_decided(self, before: ParserSnapshot, line: str) -> bool:
        """Whether more of the incomplete line just read only makes the last block longer."""
        last = self.blocks[-1] if self.blocks else None
        if last is None or self._out.blank:
            return False
        added = last.text[len(before.last_text) :] if last is before.last else last.text
        first = added.lstrip()[:1]
        match last.kind:
            case "paragraph" | "row":
                return first not in ("", "<") and not block_starts.undecided(line, in_fence=False)
            case "code":
                return first not in ("", "`", "~")
            case _:
                return False

    def extend(self, text: str, *, stable: bool) -> None:
        """Adds more of a line whose nature is settled: it belongs to the last block whatever it says."""
        if self._out.blank:
            if not (text := text.lstrip(" \t")):
                return
            self._close_leaf()
            self._begin_paragraph("", 0)
        if self.blocks:
            last = self.blocks[-1]
            last.grow(text)
            if stable:
                last = self._split_last()
            last.open = True
            if stable:
                last.stable = max(0, len(last.text) - (LINE_LIMIT if last.kind == "heading" else 0))

    def _split_last(self) -> Block:
        """Splits the last block if its text is long. Returns the last block."""
        last = self.blocks[-1]
        splits = isinstance(self._leaf, Paragraph) or last.kind == "heading" or last.kind in _VERBATIM
        if len(last.text) <= LONGEST_TEXT or not splits:
            return last
        parts = split_long(last.text, verbatim=last.kind in _VERBATIM)
        if len(parts) > 1 and last.kind == "paragraph" and last.joint is None:
            first = take_definitions(parts[0][1], self._out.links)
            parts = [(None, first), *parts[1:]] if first.strip() else parts[1:]
        last.text = parts[0][1]
        for joint, text in parts[1:]:
            last = self._out.continue_last(joint or "", text)
        return last

    def end_endless(self) -> None:
        last = self.blocks[-1] if self.blocks else None
        if last is None:
            return
        if last.kind == "heading" and not self._out.blank:
            last.text = block_starts.heading_content(last.text)
        if isinstance(self._leaf, Html) and block_starts.ends_html(self._leaf.kind, last.text):
            self._leaf = None

    def finish(self) -> None:
        self._close_leaf()
        self._out.set_stack(())

    # ---- one line

    def line(self, line: str) -> None:
        """Reads a line. If it is incomplete, the last block is left open."""
        count, before = len(self.blocks), self.blocks[-1] if self.blocks else None
        self._read(line)
        if self.blocks and len(self.blocks) >= count and self.blocks[-1] is not before:
            self.blocks[-1].open = True

    def _read(self, line: str) -> None:
        leaf = self._leaf
        if not self._out.stack and line and line[0] not in _NOT_PLAIN:  # most lines: text outside of any container
            if leaf is None:
                return self._begin_paragraph(line, 0)
            if isinstance(leaf, Paragraph):
                return self._continue_paragraph(line, 0)
        cursor = Cursor(line)
        depth = self._match_containers(cursor)
        if depth == len(self._out.stack):
            match leaf:
                case Fenced():
                    if not fenced_line(self._out, leaf, cursor):
                        self._close_leaf()
                    return None
                case Indented() if self._indented_line(leaf, cursor):
                    return None
                case Html() if self._html_line(leaf, cursor):
                    return None
                case _:
                    pass
        return self._begin(cursor, depth)

    def _match_containers(self, cursor: Cursor) -> int:
        """The number of open containers that this line continues; the cursor moves past their markers."""
        for depth, node in enumerate(self._out.stack):
            match node:
                case ListRun():
                    continue
                case Quote():
                    cursor.find()
                    if cursor.indent >= 4 or cursor.blank or cursor.line[cursor.next] != ">":
                        return depth
                    self._enter_quote(cursor)
                case Item():
                    cursor.find()
                    if cursor.blank:
                        if self._out.last_item_is_empty(node):
                            return depth
                        cursor.to_next()
                    elif cursor.indent >= node.content:
                        cursor.skip_columns(node.content)
                    else:
                        return depth
        return len(self._out.stack)

    def _begin(self, cursor: Cursor, depth: int) -> None:
        """Reads the part of a line after its open containers: new containers, then a leaf or text."""
        matched = depth == len(self._out.stack)
        while True:
            cursor.find()
            if cursor.blank:
                return self._blank_line(depth)
            in_paragraph = isinstance(self._leaf, Paragraph)  # which this line may lazily continue
            if cursor.indent >= 4:
                if in_paragraph:
                    break
                self._close_to(depth)
                self._leaf = begin_indented(self._out, cursor)
                return None
            if cursor.line[cursor.next] not in _STARTERS:
                break
            if self._begin_leaf(cursor, depth, matched=matched):
                return None
            if len(self._out.stack) >= MAX_NESTING:
                break
            if not self._open_container(cursor, depth, interrupts=in_paragraph and matched):
                break
            depth, matched = len(self._out.stack), True
        rest = cursor.line[cursor.next :]
        match self._leaf:
            case Paragraph():
                return self._continue_paragraph(rest, cursor.indent)
            case TableRows(table=table) if matched:
                return self._add_row(table, rest)
            case _:
                self._close_to(depth)
                return self._begin_paragraph(rest, cursor.indent)

    def _begin_leaf(self, cursor: Cursor, depth: int, *, matched: bool) -> bool:
        """Tries the leaf blocks that a line can begin with."""
        rest = cursor.line[cursor.next :]
        match rest[0]:
            case "=" | "-" | "|" | ":" if matched and cursor.complete and self._turn_paragraph(rest):
                return True
            case "#" if found := block_starts.heading(rest, complete=cursor.complete):
                self._close_to(depth)
                self._out.add("heading", found[1], level=found[0])
            case "`" | "~" if cursor.complete and (opening := block_starts.fence(rest)):
                self._close_to(depth)
                self._leaf = begin_fence(self._out, opening, cursor.indent)
            case "<" if (kind := self._html_kind(rest, cursor, matched=matched)) is not None:
                self._close_to(depth)
                self._out.add("html", cursor.rest())
                self._leaf = None if block_starts.ends_html(kind, rest) else Html(kind)
            case "$" | "\\" if cursor.complete and (kind := block_starts.formula_kind(rest)) is not None:
                self._close_to(depth)
                self._out.add("html", rest, level=FORMULA_MARK)
                self._leaf = Html(kind)
            case "-" | "*" | "_" if cursor.complete and block_starts.is_rule(rest):
                self._close_to(depth)
                self._out.add("rule")
            case _:
                return False
        return True

    def _html_kind(self, rest: str, cursor: Cursor, *, matched: bool) -> int | None:
        interrupts = isinstance(self._leaf, Paragraph) or (matched and isinstance(self._leaf, TableRows))
        return block_starts.html_kind(rest, lone_tag=cursor.complete and not interrupts)

    def _blank_line(self, depth: int) -> None:
        self._close_to(depth, keep_lists=True)
        self._out.mark_empty_item()
        self._out.blank = True

    # ---- containers

    def _enter_quote(self, cursor: Cursor) -> None:
        cursor.to_next()
        cursor.skip(1)
        cursor.skip_one_space()

    def _open_container(self, cursor: Cursor, depth: int, *, interrupts: bool) -> bool:
        if cursor.line[cursor.next] == ">":
            self._close_to(depth)
            self._enter_quote(cursor)
            self._out.set_stack((*self._out.stack, Quote()))
            return True
        marker = block_starts.list_marker(cursor, interrupts=interrupts)
        if marker is None:
            return False
        self._close_to(depth, keep_lists=True)
        top = self._out.stack[-1] if self._out.stack else None
        outer = self._out.stack
        run, number, numbers = self._runs + 1, marker.number, None if marker.number is None else ListNumbers()
        if isinstance(top, ListRun):
            outer = outer[:-1]
            if top.kind == marker.kind:
                run, number, numbers = top.run, top.next, top.numbers
        self._runs = max(self._runs, run)
        if number is None or numbers is None:
            entry, item = ListRun(run, marker.kind, None, None, 0), Item(run, "•", marker.content)
        else:
            text = f"{number}{marker.kind}"
            numbers.widest = max(numbers.widest, len(text))
            entry = ListRun(run, marker.kind, number + 1, numbers, numbers.widest)
            item = Item(run, text, marker.content, numbers)
        self._out.set_stack((*outer, entry, item))
        return True

    def _close_to(self, depth: int, *, keep_lists: bool = False) -> None:
        """Closes the leaf and every container deeper than `depth`; also lists, which may only contain items."""
        self._close_leaf()
        while not keep_lists and depth and isinstance(self._out.stack[depth - 1], ListRun):
            depth -= 1
        if depth < len(self._out.stack):
            self._out.set_stack(self._out.stack[:depth])

    # ---- leaves

    def _close_leaf(self) -> None:
        leaf, self._leaf = self._leaf, None
        match leaf:
            case Paragraph():
                self._close_paragraph()
            case Fenced(fence=fence) | Indented(fence=fence):
                fence.closed = True
            case TableRows(table=table):
                table.closed = True
            case _:
                pass

    def _begin_paragraph(self, text: str, indent: int) -> None:
        self._out.add("paragraph", text)
        self._leaf = Paragraph(indent >= 4)

    def _continue_paragraph(self, text: str, indent: int) -> None:
        last = self.blocks[-1]
        last.grow("\n" + text)
        self._leaf = Paragraph(indent >= 4)

    def _close_paragraph(self) -> Block | None:
        """The paragraph without leading link definitions, or None if nothing else is left."""
        last = self.blocks[-1]
        text = last.text if last.joint is not None else take_definitions(last.text, self._out.links)
        if text is last.text:
            last.text = text.rstrip()
            last.open = False
            last.stable = len(last.text)
            return last
        blank = self._out.blank
        left = None
        if text.strip():
            left = self._out.replace("paragraph", text.strip())
        elif last.fresh and isinstance(last.path[-1], Item):
            self._out.replace("empty", "")
        else:
            self.blocks.pop()
        self._out.blank = blank
        return left

    def _turn_paragraph(self, line: str) -> bool:
        """A line below a paragraph can turn it into a heading, or its last line into the head of a table."""
        if not isinstance(self._leaf, Paragraph):
            return False
        aligns = None if self._leaf.indented else block_starts.delimiter_row(line)
        if aligns and self._head_table(Table(aligns, line.strip())):
            return True
        level = block_starts.setext_level(line)
        if level is None or self.blocks[-1].joint is not None:
            return False
        self._leaf = None
        if heading := self._close_paragraph():
            self._out.replace("heading", heading.text.strip(), level=level)
        else:
            self._begin_paragraph(line, 0)
        return True

    def _head_table(self, table: Table) -> bool:
        last = self.blocks[-1]
        above, _, head = last.text.rpartition("\n")
        if "|" not in head or len(split_row(head)) != len(table.aligns):
            return False
        if not above and last.joint is not None:  # the beginning of this line is in another block
            return False
        self._leaf = None
        if above:
            self._out.replace("paragraph", above).open = True
            self._close_paragraph()
            row = self._out.add("row", head, group=table)
        else:
            row = self._out.replace("row", head, group=table)
        table.rows.append(row)
        self._leaf = TableRows(table)
        return True

    def _add_row(self, table: Table, text: str) -> None:
        table.rows.append(self._out.add("row", text, gap=0, level=len(table.rows), group=table))

    def _indented_line(self, leaf: Indented, cursor: Cursor) -> bool:
        left = indented_line(self._out, leaf, cursor)
        if left is None:
            self._close_leaf()
        else:
            self._leaf = left
        return left is not None

    def _html_line(self, leaf: Html, cursor: Cursor) -> bool:
        taken, self._leaf = html_line(self._out, leaf, cursor)
        return taken


_MARKS: Final = " \t$\\[]"
"""The characters of a line that only ends a formula."""


def begin_fence(out: Outline, opening: tuple[str, int, str], indent: int) -> Fenced:
    character, length, info = opening
    fence = Fence(block_starts.language(info))
    out.add("label", fence.language, group=fence)
    return Fenced(fence, character, length, indent)


def fenced_line(out: Outline, leaf: Fenced, cursor: Cursor) -> bool:
    """Adds a line to a fenced block. False if the line closes it."""
    cursor.find()
    rest = cursor.line[cursor.next :]
    if cursor.complete and cursor.indent < 4 and block_starts.closes_fence(rest, leaf.character, leaf.length):
        return False
    cursor.skip_columns(min(leaf.indent, cursor.indent))
    _add_code(out, leaf.fence, cursor.rest(), gap=0)
    return True


def begin_indented(out: Outline, cursor: Cursor) -> Indented:
    cursor.skip_columns(4)
    fence = Fence(indented=True)
    _add_code(out, fence, cursor.rest(), gap=None)
    return Indented(fence)


def indented_line(out: Outline, leaf: Indented, cursor: Cursor) -> Indented | None:
    """Adds a line to indented code. None if the block ended above this line."""
    cursor.find()
    if cursor.indent < 4 and not cursor.blank:
        return None
    cursor.skip_columns(4)
    if cursor.blank:
        out.blank = True
        return Indented(leaf.fence, BlankLines(cursor.rest(), leaf.blanks))
    for text in [*(leaf.blanks.texts() if leaf.blanks else ()), cursor.rest()]:
        _add_code(out, leaf.fence, text, gap=0)
    return Indented(leaf.fence)


def html_line(out: Outline, leaf: Html, cursor: Cursor) -> tuple[bool, Html | None]:
    """Adds a line to HTML. Returns whether the line belongs to it, and the block if it continues."""
    cursor.find()
    if cursor.blank and block_starts.html_ends_with_blank(leaf.kind):
        return False, None
    text = cursor.rest()
    ends, level = block_starts.ends_html(leaf.kind, text), 0
    if block_starts.is_formula(leaf.kind):
        level = FORMULA_MARK if ends and not text.strip(_MARKS) else FORMULA
    out.add("html", text, gap=0, level=level)
    return True, None if ends else leaf


def _add_code(out: Outline, fence: Fence, text: str, *, gap: int | None) -> None:
    fence.lines.append(out.add("code", text, gap=gap, level=len(fence.lines), group=fence))
