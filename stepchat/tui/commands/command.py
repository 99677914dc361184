"""One row of the table of commands, and how a command is run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from stepchat.errors import StepchatError, UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from stepchat.transcript.document import MessageView
    from stepchat.tui.chat.screen import ChatScreen

Need: TypeAlias = Literal["idle", "session", "message"]
"""What a command requires: no running answer, a saved session, a message to which it applies."""


RECENT_COMMANDS: Final = "recent commands"
"""The setting that remembers which commands were used last, the latest first."""
MOST_RECENT: Final = 5
MOST_PATHS: Final = 200


def _anything(_screen: ChatScreen, _message: MessageView) -> bool:
    return True


def _always(_screen: ChatScreen) -> bool:
    return True


def has_messages(screen: ChatScreen) -> bool:
    """Whether the conversation has begun."""
    return bool(screen.view.document.messages)


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its name (also its key id), what it does, its keys (the first is shown), and its argument if it takes one."""

    name: str
    help: str
    run: Callable[[ChatScreen, str], Awaitable[None]]
    keys: tuple[str, ...] = ()
    argument: str = ""
    options: Callable[[ChatScreen], Sequence[tuple[str, str]]] | None = None
    """Values for the argument, each with a description."""
    completions: Callable[[ChatScreen, str], Sequence[tuple[str, str]]] | None = None
    """Values that match what is typed of the argument, each with a description."""
    takes_any: bool = False
    """The argument may be a text that is not among them."""
    needs: tuple[Need, ...] = ()
    message_key: str = ""
    """The single key that runs it on the focused message; its id is `message.NAME`."""
    word: str = ""
    """The label of that key in the status bar."""
    applies: Callable[[ChatScreen, MessageView], bool] = _anything
    """Whether it applies to a message, which may still be streaming."""
    missing: str = "There is no message here yet."
    """The error if it applies to no message."""
    synonyms: tuple[str, ...] = ()
    """Other names by which it is typed and found."""
    is_offered: Callable[[ChatScreen], bool] = _always
    """Whether the palette and the list of the leader's keys offer it now, if all that it needs is available."""


def check_idle(screen: ChatScreen) -> None:
    """Raise StepchatError while an answer is being written in the session on screen."""
    if screen.conversation.busy:
        raise StepchatError("Still answering.", "{key:stop} stops it.")


def check(screen: ChatScreen, command: Command) -> None:
    """Raise StepchatError if something is missing that the command needs."""
    if "session" in command.needs and screen.conversation.session is None:
        raise StepchatError("This session has not started yet.", "Ask something first.")
    if "message" in command.needs and target(screen, command.applies) is None:
        raise StepchatError(command.missing)
    if "idle" in command.needs:
        check_idle(screen)


def applies_now(screen: ChatScreen, command: Command) -> bool:
    """Whether the command can do something now."""
    try:
        check(screen, command)
    except StepchatError:
        return False
    return command.is_offered(screen)


async def run(screen: ChatScreen, command: Command, argument: str = "") -> None:
    """Check what the command needs, then run it. Raises StepchatError."""
    check(screen, command)
    await command.run(screen, argument)


async def remember_used(screen: ChatScreen, command: Command) -> None:
    """The palette lists it first from now on. Raises StoreError."""

    def changed(before: str | None) -> str:
        names = [command.name, *(name for name in (before or "").split() if name != command.name)]
        return " ".join(names[:MOST_RECENT])

    await screen.workspace.store.update_setting(RECENT_COMMANDS, changed)


def target(screen: ChatScreen, applies: Callable[[ChatScreen, MessageView], bool]) -> MessageView | None:
    """The focused message if it applies, otherwise the last one that does."""
    focused = screen.view.focused_message
    if focused is not None and applies(screen, focused):
        return focused
    messages = reversed(screen.view.document.messages)
    return next((message for message in messages if applies(screen, message)), None)


def path_completions(typed: str) -> list[tuple[str, str]]:
    """The files and folders that a path begins with; folders first, hidden ones only when asked for."""
    folder, _, name = typed.rpartition("/")
    base = f"{folder}/" if folder or typed.startswith("/") else ""
    try:
        entries = sorted(user_path(base or ".").iterdir(), key=lambda path: (path.is_file(), path.name.casefold()))
    except (OSError, UsageError):
        return []
    found = [
        path
        for path in entries
        if path.name.casefold().startswith(name.casefold()) and (not path.name.startswith(".") or name.startswith("."))
    ]
    return [(f"{base}{path.name}" + ("" if path.is_file() else "/"), "") for path in found[:MOST_PATHS]]


def user_path(text: str) -> Path:
    """A path as the user typed it, with `~` expanded. Raises UsageError."""
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise UsageError(f"There is no home directory for {text}.", "Give the whole path.") from error
