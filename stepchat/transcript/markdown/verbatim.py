"""Lines that are taken as they are: fenced and indented code, HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepchat.transcript.markdown import block_starts
from stepchat.transcript.markdown.blocks import FORMULA, FORMULA_MARK, Fence
from stepchat.transcript.markdown.containers import BlankLines, Fenced, Indented

if TYPE_CHECKING:
    from stepchat.transcript.markdown.containers import Html
    from stepchat.transcript.markdown.cursor import Cursor
    from stepchat.transcript.markdown.outline import Outline

_MARKS: Final = " \t$\\[]"
"""What a line is made of that only ends a formula."""


def begin_fence(out: Outline, opening: tuple[str, int, str], indent: int) -> Fenced:
    character, length, info = opening
    fence = Fence(block_starts.language(info))
    out.add("label", fence.language, group=fence)
    return Fenced(fence, character, length, indent)


def fenced_line(out: Outline, leaf: Fenced, cursor: Cursor) -> bool:
    """False when this line closes the block."""
    cursor.find()
    rest = cursor.line[cursor.next :]
    if cursor.whole and cursor.indent < 4 and block_starts.closes_fence(rest, leaf.character, leaf.length):
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
    """None when the block has ended above this line."""
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
    """Whether the line belongs to the block, and the block if it goes on."""
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
