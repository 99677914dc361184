"""Commands about the text in the prompt: earlier prompts, the external editor."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stepchat.attachments.detection import describe
from stepchat.attachments.paths import complete_path
from stepchat.chat.attaching import attach_content, files_named
from stepchat.concurrency import run_in_daemon
from stepchat.errors import UsageError
from stepchat.prompts.clipboard import read_clipboard_file
from stepchat.tui.commands.command import Command
from stepchat.tui.composer.external_editor import edit_text
from stepchat.tui.dialogs.pick import Choice, Picker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.tui.chat.screen import ChatScreen

_CLIPBOARD: Final = "clipboard"


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


async def attach(screen: ChatScreen, argument: str) -> None:
    """Attach files by path or pattern, or what is on the clipboard; without an argument, choose one."""
    if not argument:
        await pick_file(screen)
    elif argument == _CLIPBOARD:
        await _attach_clipboard(screen)
    else:
        await screen.attach(await run_in_daemon(files_named, argument))


async def pick_file(screen: ChatScreen) -> None:
    """Choose a file below the working directory and attach it."""
    # Not needed by the first frame.
    from stepchat.tui.dialogs.files import FilePicker

    chosen = await screen.app.push_screen_wait(FilePicker(Path.cwd()))
    if chosen is not None:
        screen.prompt.take_at_sign()
        await screen.attach([chosen])


async def _attach_clipboard(screen: ChatScreen) -> None:
    name, content = await run_in_daemon(read_clipboard_file, os.environ)
    with screen.composer.reading_files():
        attachment = await attach_content(screen.workspace, screen.conversation.model, name, content)
        screen.composer.attach([attachment])


async def detach(screen: ChatScreen, argument: str) -> None:
    """Remove the file with this name, or the last one."""
    attachments = screen.composer.attachments
    if not attachments:
        screen.flash("No files are attached. /attach PATH attaches one.")
        return
    found = [one for one in attachments if argument in {"", one.name}] or [
        one for one in attachments if argument.casefold() in one.name.casefold()
    ]
    if not found:
        raise UsageError(f"No attached file is named {argument}.", "/detach alone removes the last one.")
    screen.composer.detach(found[-1])


def _paths(_screen: ChatScreen, typed: str) -> Sequence[tuple[str, str]]:
    clipboard = [(_CLIPBOARD, "the image or text on it")] if _CLIPBOARD.startswith(typed) else []
    return [*clipboard, *complete_path(typed)]


def _attached_names(screen: ChatScreen) -> Sequence[tuple[str, str]]:
    return [(one.name, describe(one)) for one in screen.composer.attachments]


COMMANDS: tuple[Command, ...] = (
    Command("history-search", "Search earlier prompts", history_search, ("ctrl+r", "leader slash")),
    Command(
        "attach",
        "Attach files to the question",
        attach,
        argument="[PATH or clipboard]",
        completions=_paths,
        synonyms=("file", "add", "image", "upload"),
    ),
    Command(
        "detach",
        "Remove an attached file",
        detach,
        argument="[NAME]",
        options=_attached_names,
        synonyms=("drop",),
        is_offered=lambda screen: bool(screen.composer.attachments),
    ),
    Command(
        "editor", "Edit the prompt in $VISUAL or $EDITOR", editor, ("ctrl+g", "leader ctrl+e"), synonyms=("vim", "nano")
    ),
)
