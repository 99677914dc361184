"""The table of commands: slash command, palette entry, key and help from one row each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat.tui.commands import (
    app,
    conversation,
    files,
    inspect,
    interrupted,
    message,
    model,
    parameters,
    reasoning,
    session,
    view,
)
from stepchat.tui.composer.completion import Completion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.tui.commands.command import Chat, Command

GROUPS: tuple[tuple[str, tuple[Command, ...]], ...] = (
    ("Conversation", (*conversation.COMMANDS, *interrupted.COMMANDS)),
    ("Thinking", (*reasoning.COMMANDS, *inspect.COMMANDS)),
    ("Models", model.COMMANDS),
    ("Session", (*session.COMMANDS, *files.COMMANDS)),
    ("Parameters", parameters.COMMANDS),
    ("Messages", message.COMMANDS),
    ("Reading", view.COMMANDS),
    ("Program", app.COMMANDS),
)
"""In the order of the help screen."""
COMMANDS: tuple[Command, ...] = tuple(row for _, rows in GROUPS for row in rows)


def find(line: str) -> tuple[Command, str] | None:
    """The command of a line like `/model stepfun/step-3.5-flash`, and its argument, which may have several lines."""
    name, *argument = line.split(maxsplit=1) or [""]
    for command in COMMANDS:
        if name == f"/{command.name}" and line.startswith("/"):
            return command, argument[0].strip() if argument else ""
    return None


def complete(line: str, chat: Chat) -> Sequence[Completion]:
    """What could follow: commands, or the arguments of the one that is there."""
    name, space, argument = line.removeprefix("/").partition(" ")
    if not space:
        starting = [command for command in COMMANDS if command.name.startswith(name)]
        # What is typed whole comes first: Enter takes the first.
        starting.sort(key=lambda command: command.name != name)
        within = [command for command in COMMANDS if name in command.name and command not in starting]
        return [
            Completion(f"/{command.name}{' ' if command.argument else ''}", command.help)
            for command in starting + within
        ]
    for command in COMMANDS:
        if command.name == name and command.completions is not None:
            return [Completion(f"/{name} {value}", words) for value, words in command.completions(chat, argument)]
        if command.name == name and command.options is not None:
            wanted = argument.lower()
            found = [(value, words) for value, words in command.options(chat) if wanted in value.lower()]
            found.sort(key=lambda option: option[0].lower() != wanted)
            return [Completion(f"/{name} {value}", words) for value, words in found]
    return []
