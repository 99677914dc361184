"""Links with their full addresses, and what to do with one. Nothing opens by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat.tui.dialogs.pick import Choice, Picker

if TYPE_CHECKING:
    from collections.abc import Sequence


def link_picker(links: Sequence[tuple[str, str]], title: str) -> Picker:
    """Returns the address of the chosen link."""
    return Picker(
        title,
        [Choice(address, address, detail="" if text in address else text) for text, address in links],
        empty_text="No matches." if links else "No links.",
    )


def link_menu(address: str, *, desktop: bool) -> Picker:
    """Returns "copy" or "open"."""
    return Picker(address, link_actions(address, desktop=desktop))


def link_actions(address: str, *, desktop: bool) -> list[Choice]:
    """What can be done with an address. Only web pages open in a browser: other schemes start programs or open local files."""
    is_page = address.lower().startswith(("http://", "https://"))
    reason = "no desktop available" if not desktop else "" if is_page else "not a web address"
    return [
        Choice("copy", "Copy the address"),
        Choice("open", "Open in the browser", detail=reason, disabled=bool(reason)),
    ]
