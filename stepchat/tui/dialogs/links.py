"""Links with their whole addresses, and what can be done with one. Nothing opens by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat.tui.dialogs.pick import Choice, Picker

if TYPE_CHECKING:
    from collections.abc import Sequence


def pick_link(links: Sequence[tuple[str, str]], title: str) -> Picker:
    """Returns the address of the chosen one."""
    return Picker(
        title,
        [Choice(address, address, detail="" if text in address else text) for text, address in links],
        empty_text="No link has these words." if links else "There are no links.",
    )


def ask_about(address: str, *, desktop: bool) -> Picker:
    """Returns "copy" or "open"."""
    return Picker(address, choices(address, desktop=desktop))


def choices(address: str, *, desktop: bool) -> list[Choice]:
    """What can be done with an address. A browser is given pages only: other schemes start programs, a path is a file here."""
    is_page = address.lower().startswith(("http://", "https://"))
    why_not = "there is no desktop here" if not desktop else "" if is_page else "it is no web address"
    return [
        Choice("copy", "Copy the address"),
        Choice("open", "Open it in the browser", detail=why_not, disabled=bool(why_not)),
    ]
