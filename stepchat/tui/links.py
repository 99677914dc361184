"""What becomes of a link that the reader has chosen: its whole address is shown, then it is copied or opened."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from stepchat.transcript import sources
from stepchat.tui import clipboard
from stepchat.tui.dialogs.links import ask_about, pick_link

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepchat.tui.commands.row import Chat


async def choose(chat: Chat, place: int | None, whose: str) -> None:
    """From the links of one message, or of the whole chat."""
    found = sources.links(chat.view.document, place)
    if not found:
        chat.tell(f"There are no links in {whose}.")
        return
    address = await chat.app.push_screen_wait(pick_link(found, f"Links of {whose}"))
    if address is not None:
        await ask(chat, address)


async def ask(chat: Chat, address: str) -> None:
    """What to do with it."""
    match await chat.app.push_screen_wait(ask_about(address, desktop=has_desktop(os.environ))):
        case "copy":
            chat.tell(clipboard.copy(chat.app, address))
        case "open":
            from stepchat.servers.signing_in import open_browser

            open_browser(address)
            chat.tell("The browser was asked to open it.")
        case _:
            pass


def has_desktop(environ: Mapping[str, str]) -> bool:
    """Whether a browser that is started here would be seen."""
    return sys.platform in ("darwin", "win32") or any(
        environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
