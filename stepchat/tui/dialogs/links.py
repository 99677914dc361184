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
    return Pick(address, choices(address, desktop=desktop))


def choices(address: str, *, desktop: bool) -> list[Row]:
    """What can be done with an address. A browser is given pages only: other schemes start programs, a path is a file here."""
    is_page = address.lower().startswith(("http://", "https://"))
    why_not = "there is no desktop here" if not desktop else "" if is_page else "it is no web address"
    return [
        Row("copy", "Copy the address"),
        Row("open", "Open it in the browser", aside=why_not, disabled=bool(why_not)),
    ]
