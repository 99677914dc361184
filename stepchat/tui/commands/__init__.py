"""The table of commands: slash command, palette entry, keys and help from one row each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepchat.chat.command_lines import command_name, nearest_command
from stepchat.errors import StepchatError
from stepchat.tui.commands import (
    app,
    conversation,
    inspect,
    message,
    model,
    parameters,
    prompt,
    prompts,
    reasoning,
    server,
    session,
    view,
)
from stepchat.tui.composer.completion import Completion
from stepchat.tui.dialog_keys import DIALOG_ROWS
from stepchat.tui.keymap import CHAT, MESSAGE, KeyRow, normalize_key
from stepchat.tui.message_keys import CHAT_ROWS, MESSAGE_ROWS, TAB_ROWS, WELCOME_ROWS
from stepchat.tui.prompt_keys import PROMPT_ROWS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.tui.chat.screen import ChatScreen
    from stepchat.tui.commands.command import Command


def _groups() -> app.Groups:
    return GROUPS


GROUPS: app.Groups = (
    ("Conversation", conversation.COMMANDS),
    ("Prompt", (*prompt.COMMANDS, *prompts.COMMANDS)),
    ("Messages", message.COMMANDS),
    ("Reasoning", reasoning.COMMANDS),
    ("Requests", inspect.COMMANDS),
    ("Model", model.COMMANDS),
    ("Server", server.COMMANDS),
    ("Session", session.COMMANDS),
    ("Parameters", parameters.COMMANDS),
    ("View", view.COMMANDS),
    ("App", app.commands(_groups)),
)
"""In the order of the help; each group is a file of this folder."""
COMMANDS: tuple[Command, ...] = tuple(row for _, rows in GROUPS for row in rows)
BY_NAME: Final = {row.name: row for row in COMMANDS}
KEY_ROWS: Final = (
    *(KeyRow(row.name, CHAT, row.keys, row.help) for row in COMMANDS),
    *CHAT_ROWS,
    *TAB_ROWS,
    *MESSAGE_ROWS[:2],
    *(
        KeyRow(row.name, MESSAGE, (normalize_key(row.message_key) or "",), row.help, row.word)
        for row in COMMANDS
        if row.message_key
    ),
    *(KeyRow(f"copy-code-{digit}", MESSAGE, (digit,), f"Copy code block {digit}") for digit in "123456789"),
    *MESSAGE_ROWS[2:],
    *WELCOME_ROWS,
    *PROMPT_ROWS,
    *DIALOG_ROWS,
)
"""Everything that has a key or can be given one."""


def find(line: str) -> tuple[Command, str] | None:
    """The command of a line like `/model stepfun/step-3.5-flash`, and its argument, which may have several lines."""
    word, *argument = line.split(maxsplit=1) or [""]
    command = BY_NAME.get(command_name(line))
    if command is None or word not in {f"/{command.name}", "/?"}:
        return None
    return command, argument[0].strip() if argument else ""


def unknown_command(line: str) -> StepchatError | None:
    """Why a line that is a command by its form is none; None for a question."""
    name = command_name(line)
    if not name:
        return None
    near = nearest_command(name, BY_NAME)
    meant = f"Did you mean /{near}? " if near else ""
    return StepchatError(
        f"There is no command {line.split(maxsplit=1)[0]}.",
        f"{meant}{{key:help}} lists all commands. To send it as a message, start with a space.",
    )


def complete(line: str, screen: ChatScreen, library: Sequence[tuple[str, str]] = ()) -> Sequence[Completion]:
    """Completions of a line that starts with `/`: commands and prompts of the library, or arguments of the command."""
    name, space, argument = line.removeprefix("/").partition(" ")
    if not space:
        starting = [command for command in COMMANDS if command.name.startswith(name)]
        # A name that is complete comes first: Enter takes the first.
        starting.sort(key=lambda command: command.name != name)
        within = [command for command in COMMANDS if name in command.name and command not in starting]
        own = [Completion(f"/{known} ", words) for known, words in library if name in known and known not in BY_NAME]
        first, last = (
            [Completion(f"/{command.name}{' ' if command.argument else ''}", command.help) for command in found]
            for found in (starting, within)
        )
        return [*first, *own, *last]
    command = BY_NAME.get(name)
    if command is not None and command.completions is not None:
        return [Completion(f"/{name} {value}", words) for value, words in command.completions(screen, argument)]
    if command is not None and command.options is not None:
        wanted = argument.lower()
        found = [(value, words) for value, words in command.options(screen) if wanted in value.lower()]
        found.sort(key=lambda option: option[0].lower() != wanted)
        return [Completion(f"/{name} {value}", words) for value, words in found]
    return []
