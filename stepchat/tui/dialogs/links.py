"""Links with their whole addresses, and what can be done with one. Nothing opens by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat.tui.dialogs.pick import Pick, Row

if TYPE_CHECKING:
    from collections.abc import Sequence


def pick_link(links: Sequence[tuple[str, str]], title: str) -> Pick:
    """Returns the address of the chosen one."""
    return Pick(
        title,
        [Row(address, address, aside="" if text in address else text) for text, address in links],
        nothing="No link has these words." if links else "There are no links.",
    )


def ask_about(address: str, *, desktop: bool) -> Pick:
    """Returns "copy" or "open"."""
    rows = [
        Row("copy", "Copy the address"),
        Row(
            "open", "Open it in the browser", aside="" if desktop else "there is no desktop here", disabled=not desktop
        ),
    ]
    return Pick(address, rows)
