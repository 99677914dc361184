"""The links of an answer with their whole addresses. None is opened: the one chosen is copied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat.tui.dialogs.pick import Pick, Row

if TYPE_CHECKING:
    from collections.abc import Sequence


def pick_link(links: Sequence[tuple[str, str]]) -> Pick:
    """Returns the address of the chosen one."""
    return Pick(
        "Links of the last answer · Enter copies the address",
        [Row(address, address, aside="" if text in address else text) for text, address in links],
        nothing="No link has these words." if links else "The last answer has no links.",
    )
