"""One row of the table of commands, and what a command may use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from textual.app import App

    from stepchat.chat.conversation import Conversation
    from stepchat.chat.drafts import Unsent
    from stepchat.chat.workspace import Workspace
    from stepchat.sessions.records import Session
    from stepchat.tui.chat.background import Background
    from stepchat.tui.chat.status_controller import Standing
    from stepchat.tui.chat.welcome import Welcome
    from stepchat.tui.composer.editing import Editing
    from stepchat.tui.composer.prompt import Prompt
    from stepchat.tui.theme_controller import ThemeController
    from stepchat.tui.transcript.view import TranscriptView


class Chat(Protocol):
    """The chat screen, as commands see it."""

    workspace: Workspace
    conversation: Conversation
    background: Background
    theme_controller: ThemeController
    editing: Editing
    unsent: Unsent
    welcome: Welcome
    standing: Standing

    @property
    def app(self) -> App[Any]: ...
    @property
    def view(self) -> TranscriptView: ...
    @property
    def prompt(self) -> Prompt: ...

    def refresh_status(self) -> None: ...
    def tell(self, text: str) -> None:
        """One line that goes away by itself."""
        ...

    async def leave(self) -> None:
        """Save what runs and end the program."""
        ...

    async def open(self, session: Session | None, *, along: bool = False) -> None:
        """Show another session, or an empty one; the prompt's text stays with the one that is left, or goes `along`."""
        ...

    def start(self, do: Callable[[], Awaitable[None]]) -> None:
        """Do this beside everything else; an error becomes a notice."""
        ...


@dataclass(frozen=True, slots=True)
class Command:
    """What it is called, what it does, the key that does the same, and its argument if it takes one."""

    name: str
    help: str
    run: Callable[[Chat, str], Awaitable[None]]
    key: str | None = None
    argument: str = ""
    options: Callable[[Chat], Sequence[tuple[str, str]]] | None = None
    """Values for the argument, each with a word about it."""
    completions: Callable[[Chat, str], Sequence[tuple[str, str]]] | None = None
    """The same, chosen already by what was typed of the argument."""
