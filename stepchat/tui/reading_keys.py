"""Keys that mean something else while there is something selected in the transcript; otherwise they go on as usual."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from textual.binding import Binding

from stepchat.tui import clipboard

if TYPE_CHECKING:
    from stepchat.tui.commands.row import Chat

BINDINGS: Final = (
    Binding("ctrl+c", "reading('copy')", show=False, priority=True),
    Binding("escape", "reading('clear')", show=False, priority=True),
)


def applies(chat: Chat, action: str) -> bool:
    """Whether an action of the screen can be done now. All but those of `BINDINGS` always can."""
    return action != "reading" or bool(chat.view.marks.selection)


def act(chat: Chat, what: str) -> None:
    match what:
        case "copy":
            chat.tell(clipboard.copy(chat.app, chat.view.marks.selection.text()))
        case _:
            chat.view.clear_selection()
