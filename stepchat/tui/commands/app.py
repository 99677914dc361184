"""Commands about the program itself: theme, help, quit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat.errors import StepchatError
from stepchat.manual import TOPICS, find_topic
from stepchat.tui.commands.command import Command
from stepchat.tui.dialogs.help import HelpRow, HelpScreen, key_name
from stepchat.tui.dialogs.pick import Choice, Picker
from stepchat.tui.terminal import clipboard
from stepchat.tui.themes import palette as palette_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.tui.commands.command import Chat


async def theme(chat: Chat, argument: str) -> None:
    if argument:
        await chat.theme_controller.choose(argument)
        return
    names = list(chat.theme_controller.names())
    current = names.index(chat.app.theme) if chat.app.theme in names else -1
    await chat.theme_controller.choose(names[(current + 1) % len(names)])
    chat.tell(f"Theme: {chat.app.theme}")


def _themes(chat: Chat) -> Sequence[tuple[str, str]]:
    return [(name, "") for name in chat.theme_controller.names()]


async def help_(chat: Chat, argument: str) -> None:
    if argument:
        await _open_manual(chat, argument)
        return
    # The table holds this very function, so it can only be asked for once it is complete.
    from stepchat.tui.commands import GROUPS
    from stepchat.tui.commands.message_menu import ACTIONS

    groups = [
        (title, [HelpRow(f"/{row.name}", key_name(row.key or ""), row.help, row.argument) for row in rows])
        for title, rows in GROUPS
    ]
    focused = ("On a message in focus", [HelpRow("", action.key, action.help) for action in ACTIONS])
    await chat.app.push_screen_wait(HelpScreen([*groups, focused]))


async def _open_manual(chat: Chat, name: str) -> None:
    topic = find_topic(name.lower())
    if topic is None:
        raise StepchatError(f"The manual has no page {name!r}.", f"Pages: {', '.join(topic.name for topic in TOPICS)}.")
    from stepchat.tui.dialogs.manual import ManualScreen

    colours = palette_of(chat.theme_controller.theme)
    await chat.app.push_screen_wait(
        ManualScreen(topic, colours, lambda text: chat.app.notify(clipboard.copy(chat.app, text)))
    )


def _topics(_chat: Chat) -> Sequence[tuple[str, str]]:
    return TOPICS


async def palette(chat: Chat, _argument: str) -> None:
    from stepchat.tui.commands import COMMANDS as ALL

    rows = [Choice(row.name, row.help, detail=f"/{row.name}  {key_name(row.key or '')}") for row in ALL]
    chosen = await chat.app.push_screen_wait(Picker("Commands", rows, empty_text="No command has these words."))
    for row in ALL:
        if row.name == chosen and row.argument and not row.argument.startswith("["):
            chat.prompt.prefill(f"/{row.name} ")
        elif row.name == chosen:
            await row.run(chat, "")


async def leave(chat: Chat, _argument: str) -> None:
    await chat.leave()


COMMANDS: tuple[Command, ...] = (
    Command("theme", "Choose a theme; without a name the next one", theme, None, "[NAME]", _themes),
    Command("help", "Show commands and keys, or a page of the manual", help_, "f1", "[TOPIC]", _topics),
    Command("commands", "Search the commands", palette, "ctrl+p"),
    Command("quit", "Save and quit", leave, "ctrl+q"),
)
