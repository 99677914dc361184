"""What becomes of a link that the reader has chosen: its whole address is shown, then it is copied or opened."""

from __future__ import annotations

import asyncio
import os
import sys
from time import monotonic
from typing import TYPE_CHECKING, Final

from stepchat.transcript import copying
from stepchat.tui.dialogs.links import link_menu, link_picker
from stepchat.tui.terminal import clipboard

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stepchat.transcript.document import MessageView
    from stepchat.tui.commands.command import Chat

_SLICE: Final = 0.01
"""Seconds of looking at a time, so that keys are not kept waiting."""


async def choose(chat: Chat, place: int | None, whose: str) -> None:
    """From the links of one message, or of the whole chat."""
    parts = chat.view.document.messages
    found = await _links(list(reversed(parts)) if place is None else [parts[place]])
    if not found:
        chat.tell(f"There are no links in {whose}.")
        return
    address = await chat.app.push_screen_wait(link_picker(found, f"Links of {whose}"))
    if address is not None:
        await ask(chat, address)


async def _links(parts: Sequence[MessageView]) -> list[tuple[str, str]]:
    """Those of all parts in their order, each address once. Of a long chat it is work for many frames."""
    found: dict[str, str] = {}
    end = monotonic() + _SLICE
    for part in parts:
        for text, address in copying.links(part):
            found.setdefault(address, text)
        if monotonic() > end:
            await asyncio.sleep(0)
            end = monotonic() + _SLICE
    return [(text, address) for address, text in found.items()]


async def ask(chat: Chat, address: str) -> None:
    """What to do with it."""
    match await chat.app.push_screen_wait(link_menu(address, desktop=has_desktop(os.environ))):
        case "copy":
            chat.tell(clipboard.copy(chat.app, address))
        case "open":
            from stepchat.servers.login import open_browser

            open_browser(address)
            chat.tell("The browser was asked to open it.")
        case _:
            pass


def has_desktop(environ: Mapping[str, str]) -> bool:
    """Whether a browser that is started here would be seen."""
    return sys.platform in ("darwin", "win32") or any(
        environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
