"""Keys that mean something else while something is selected in the transcript, or right after a search; else they go on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from textual.binding import Binding

from stepchat.transcript.find.navigator import FindNavigator
from stepchat.tui.chat.find_bar import bar_beside
from stepchat.tui.terminal import clipboard

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepchat.tui.chat.screen import ChatScreen as Chat

BINDINGS: Final = (
    Binding("ctrl+c", "reading('copy')", show=False, priority=True),
    Binding("escape", "reading('clear')", show=False, priority=True),
)


def applies(chat: Chat, action: str, parameters: tuple[object, ...]) -> bool:
    """Whether an action of the screen can be done now. All but those of `BINDINGS` always can."""
    return action != "reading" or _means(chat, str(parameters[0])) is not None


def act(chat: Chat, what: str) -> None:
    if (do := _means(chat, what)) is not None:
        do()


def _means(chat: Chat, what: str) -> Callable[[], None] | None:
    view = chat.view
    if view.overlays.selection:
        return partial(_copy, chat) if what == "copy" else view.clear_selection
    if what == "clear" and chat.prompt.has_focus:
        if (bar := bar_beside(chat)) is not None:
            return bar.action_close
        return partial(_go_back, chat) if view.finder.can_go_back else None
    return None


def _copy(chat: Chat) -> None:
    chat.flash(clipboard.copy(chat.app, chat.view.overlays.selection.text()))


def _go_back(chat: Chat) -> None:
    chat.flash("")
    chat.view.find(FindNavigator.go_back)
