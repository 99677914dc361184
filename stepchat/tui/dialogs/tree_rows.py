"""The rows of the tree screen as pieces of text. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.cells import cell_len

from stepchat.messages import UserMessage
from stepchat.text.widths import align, pad, pad_for_rich
from stepchat.tui.dialogs.session_rows import age

if TYPE_CHECKING:
    from stepchat.tui.dialogs.list_view import Piece
    from stepchat.tui.dialogs.tree_lines import TreeLine

_SHOWN: Final = "▌"
_MODEL: Final = 18
_AGE: Final = 6
_WITH_MODEL: Final = 66
"""The narrowest list that has room for the models."""
_WITH_AGE: Final = 30


def tree_row(line: TreeLine, width: int, now: float) -> list[Piece]:
    """The branch that is shown is bright, with a bar at its left."""
    asks = isinstance(line.stored.message, UserMessage)
    facts = align(age(line.when, now) if line.when else "", _AGE) if width >= _WITH_AGE else ""
    if width >= _WITH_MODEL:
        facts = f"  {pad(line.model, _MODEL)}{facts}"
    lead = f"{_SHOWN if line.shown else ' '} "
    mark = f"{line.mark} "
    room = max(1, width - cell_len(lead + line.guide + mark + facts))
    return [
        (lead, "sign"),
        (line.guide, "dim"),
        (mark, "strong" if asks and line.shown else "sign" if line.shown else "dim"),
        (pad(pad_for_rich(line.words), room), "text" if line.shown else "dim"),
        (facts, "dim"),
    ]
