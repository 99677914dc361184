"""What the line parser puts back to take back one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from stepchat.transcript.markdown.containers import Fenced, Indented, ListRun, TableRows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepchat.transcript.markdown.blocks import Block
    from stepchat.transcript.markdown.containers import Leaf, Node
    from stepchat.transcript.markdown.outline import Outline


class ParserSnapshot(NamedTuple):
    """Where the parser was, and how the last block looked: the only one that a line can change."""

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
    """All but the leaf and the count of lists, which are the parser's own."""
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
