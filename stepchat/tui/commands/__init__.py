"""The table of commands: slash command, palette entry, keys and help from one row each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepchat.chat.command_lines import command_name, nearest_command
from stepchat.errors import StepchatError
from stepchat.tui.approval_keys import APPROVAL_ROWS
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
    tools,
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
    ("Tools", tools.COMMANDS),
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
BY_SYNONYM: Final = {synonym: row for row in COMMANDS for synonym in row.synonyms}
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
    *APPROVAL_ROWS,
    *PROMPT_ROWS,
    *DIALOG_ROWS,
)
"""All actions that have a key or can have one."""


def find(line: str, *, by_synonym: bool = False) -> tuple[Command, str] | None:
    """The command of a line like `/model stepfun/step-3.5-flash`, and its argument, which may have several lines.

    A prompt of the library comes before a synonym, but not before a command.
    """
    word, *argument = line.split(maxsplit=1) or [""]
    name = command_name(line)
    command = (BY_SYNONYM if by_synonym else BY_NAME).get(name)
    if command is None or (word.startswith("/") and word not in {f"/{name}", "/?"}):
        return None
    return command, argument[0].strip() if argument else ""


def unknown_command(line: str) -> StepchatError | None:
    """Why a line that is a command by its form is none; None for a question."""
    name = command_name(line)
    if not name:
        return None
    near = nearest_command(name, [*BY_NAME, *(synonym for synonym in BY_SYNONYM if synonym[0] == name[0].lower())])
    meant = f"Did you mean /{BY_SYNONYM[near].name if near in BY_SYNONYM else near}? " if near else ""
    return StepchatError(
        f"There is no command {line.split(maxsplit=1)[0]}.",
        f"{meant}{{key:help}} lists all commands. To send it as a message, start with a space.",
    )


def complete(line: str, screen: ChatScreen, library: Sequence[tuple[str, str]] = ()) -> Sequence[Completion]:
    """Completions of a line that starts with `/`: commands and prompts of the library, or arguments of the command."""
    name, space, argument = line.removeprefix("/").partition(" ")
    if not space:
        own = [Completion(f"/{known} ", words) for known, words in library if name in known and known not in BY_NAME]
        ranked = [(rank, command) for command in COMMANDS if (rank := _rank(command, name)) is not None]
        ranked.sort(key=lambda found: found[0])
        first, last = (
            [_offer(command, name) for rank, command in ranked if (rank < _WITHIN) is starts]
            for starts in (True, False)
        )
        return [*first, *own, *last]
    command = BY_NAME.get(name) or BY_SYNONYM.get(name)
    if command is not None and command.completions is not None:
        return [
            Completion(f"/{name} {value}", words, is_free=command.takes_any)
            for value, words in command.completions(screen, argument)
        ]
    if command is not None and command.options is not None:
        wanted = argument.lower()
        found = [(value, words) for value, words in command.options(screen) if wanted in value.lower()]
        found.sort(key=lambda option: option[0].lower() != wanted)
        return [Completion(f"/{name} {value}", words) for value, words in found]
    return []


_WITHIN: Final = 3
"""The rank from which the typed name is not the beginning of one."""


def _rank(command: Command, typed: str) -> int | None:
    """How well what is typed names a command, the best first; None if not at all. Enter takes the first."""
    if typed in {command.name, *command.synonyms}:
        return 0
    if command.name.startswith(typed):
        return 1
    if any(synonym.startswith(typed) for synonym in command.synonyms):
        return 2
    return _WITHIN if typed in command.name else None


def _offer(command: Command, typed: str) -> Completion:
    """The help of a command that only a synonym found begins with that."""
    also = next((synonym for synonym in command.synonyms if synonym.startswith(typed)), "")
    words = command.help if not also or typed in command.name else f"{also}: {command.help}"
    return Completion(f"/{command.name}{' ' if command.argument else ''}", words)
