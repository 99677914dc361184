"""Commands that go from message to message and act on one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat.tui import message_menu
from stepchat.tui.commands.row import Command

if TYPE_CHECKING:
    from stepchat.tui.commands.row import Chat


async def focus_up(chat: Chat, _argument: str) -> None:
    message_menu.focus(chat, -1)


async def focus_down(chat: Chat, _argument: str) -> None:
    message_menu.focus(chat, 1)


async def message_up(chat: Chat, _argument: str) -> None:
    chat.view.go_to_message(-1)


async def message_down(chat: Chat, _argument: str) -> None:
    chat.view.go_to_message(1)


COMMANDS: tuple[Command, ...] = (
    Command("focus-up", "Put the message above in focus; then single keys act on it", focus_up, "alt+up"),
    Command("focus-down", "Put the message below in focus; after the last comes the prompt", focus_down, "alt+down"),
    Command("message-up", "Scroll to the message above", message_up, "ctrl+up"),
    Command("message-down", "Scroll to the message below", message_down, "ctrl+down"),
)
