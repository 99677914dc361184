"""Leaving the program: what runs is ended and saved first, and what the disk refuses is not lost without a question."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

from stepchat.config.paths import write_private
from stepchat.errors import as_sentence
from stepchat.messages import AssistantMessage, UserMessage
from stepchat.tui.dialogs.pick import Choice, Picker

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepchat.chat.conversation import Conversation
    from stepchat.tui.chat.screen import ChatScreen as Chat

_ASKING = "not-saved"


async def leave(chat: Chat) -> None:
    """Save what runs and end the program."""
    if any(screen.has_class(_ASKING) for screen in chat.app.screen_stack):
        return
    chat.unsent.take_queue()
    failed = ""
    while True:
        refused = [one for one in _conversations(chat) if not await one.finish_turn()]
        await chat.unsent.keep()
        text = chat.unsent.not_kept
        if not refused and not text:
            await _end(chat)
            return
        choice = await _ask(chat, refused, text, failed)
        failed = ""
        if choice == "lose":
            await _end(chat)
            return
        if choice == "file":
            written = write_rescue(chat, rescue_directories(chat.workspace.paths.state))
            if len(written) == len(refused) + bool(text):
                await _end(chat, _where(written))
                return
            failed = "No file could be written. "
        elif choice != "again":
            return


def rescue(chat: Chat) -> str:
    """A signal ends the program: write what the disk refuses elsewhere; what is to be told, "" when nothing is refused."""
    written = write_rescue(chat, rescue_directories(chat.workspace.paths.state))
    return f"stepchat: {_where(written)}\n" if written else ""


def write_rescue(chat: Chat, directories: Iterable[Path]) -> list[Path]:
    """Files of what the disk refused: each answer with its conversation, and the text of the prompt."""
    places = list(directories)
    found = [(f"{one.refused.id}.json", _exported(one)) for one in _conversations(chat) if one.refused is not None]
    if text := chat.unsent.not_kept:
        found.append((f"prompt-{int(time())}.txt", text))
    written: list[Path] = []
    for name, content in found:
        data = content.encode("utf-8", "replace")
        paths = (place / f"stepchat-rescue-{name}" for place in places)
        written += [path for path in (next((path for path in paths if write_private(path, data)), None),) if path]
    return written


def _conversations(chat: Chat) -> list[Conversation]:
    return [chat.conversation, *chat.background.conversations]


def rescue_directories(state: Path) -> list[Path]:
    """Where a file may still find space, the best first."""
    found = [state]
    # Not everybody has a home, and where every disk is full Python finds no directory for temporary files.
    with suppress(RuntimeError):
        found.append(Path.home())
    with suppress(OSError):
        found.append(Path(tempfile.gettempdir()))
    return found


def _exported(conversation: Conversation) -> str:
    """The conversation as JSON, which can be imported."""
    from stepchat.sessions.export.formats import export_json
    from stepchat.sessions.records import MESSAGE_ID_LENGTH, new_id
    from stepchat.sessions.titles import title_from

    refused, session = conversation.refused, conversation.session
    if refused is None or session is None:
        return ""
    before = conversation.path_to(refused.parent)
    # What fits of it will have the old id at the next start.
    answer = replace(refused, id=new_id(MESSAGE_ID_LENGTH), parent=before[-1].id if before else None)
    asked = next((one.message.text for one in before if isinstance(one.message, UserMessage)), "")
    session = replace(session, title=session.title or title_from(asked), leaf=answer.id, updated=time())
    return export_json(session, [*before, answer])


async def _ask(chat: Chat, refused: list[Conversation], text: str, failed: str) -> str | None:
    lost = [_size(one) for one in refused] + (["the prompt's text"] if text else [])
    rows = [
        Choice("again", "Try again", detail="when there is space"),
        Choice("file", "Save it as a file, and quit", detail="the name is told"),
        Choice("lose", "Quit without it", detail="it is lost"),
        Choice("back", "Back", detail="it is tried on"),
    ]
    pick = Picker(f"{failed}Not saved: {' and '.join(lost)}", rows)
    pick.add_class(_ASKING)
    return await chat.app.push_screen_wait(pick)


def _size(conversation: Conversation) -> str:
    message = None if conversation.refused is None else conversation.refused.message
    if not isinstance(message, AssistantMessage):
        return "an answer"
    return f"an answer of {len(message.text) + len(message.reasoning):,} characters"


def _where(written: list[Path]) -> str:
    imports = " ".join(str(path) for path in written if path.suffix == ".json")
    added = f"\nAdd it with: stepchat sessions import {imports}" if imports else ""
    return as_sentence(f"What could not be saved is in {' and '.join(map(str, written))}") + added


async def _end(chat: Chat, message: str = "") -> None:
    await chat.conversation.stop_without_waiting()
    await chat.background.stop()
    chat.app.exit(message)
