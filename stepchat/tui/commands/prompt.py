"""Commands about the text in the prompt: earlier prompts, the external editor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat.tui.commands.command import Command
from stepchat.tui.composer.external_editor import edit_text
from stepchat.tui.dialogs.pick import Choice, Picker

if TYPE_CHECKING:
    from stepchat.tui.chat.screen import ChatScreen


async def history_search(screen: ChatScreen, _argument: str) -> None:
    """Search the prompts of all sessions. The chosen one is put into the prompt, not sent; undo brings back what was there."""
    prompts = await screen.workspace.store.prompts()
    if not prompts:
        screen.flash("There are no earlier prompts.")
        return
    rows = [Choice(str(index), " ".join(text.split())) for index, text in enumerate(prompts)]
    typed = screen.prompt.text if "\n" not in screen.prompt.text else ""
    chosen = await screen.app.push_screen_wait(Picker("Earlier prompts", rows, typed=typed))
    if chosen is not None:
        screen.prompt.prefill(prompts[int(chosen)])


async def editor(screen: ChatScreen, _argument: str) -> None:
    """Edit the prompt in $VISUAL or $EDITOR, pastes unfolded."""
    screen.prompt.prefill(await edit_text(screen.app, screen.prompt.unfolded_text))


COMMANDS: tuple[Command, ...] = (
    Command("history-search", "Search earlier prompts", history_search, ("ctrl+r", "leader slash")),
    Command("editor", "Edit the prompt in $VISUAL or $EDITOR", editor, ("ctrl+g", "leader ctrl+e")),
)
