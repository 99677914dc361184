"""Rescue files for answers and prompts that cannot be saved in the database."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

from stepchat.attachments.marks import split_marks
from stepchat.config.paths import write_private
from stepchat.errors import as_sentence
from stepchat.messages import AssistantMessage, UserMessage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepchat.chat.conversation import Conversation


def write_rescue(conversations: Iterable[Conversation], text: str, directories: Iterable[Path]) -> list[Path]:
    """Write each unsaved answer with its conversation, and the text of the prompt. Returns the files written.

    Each file goes to the first directory in which it can be written.
    """
    folders = list(directories)
    found = [
        (f"{one.unsaved_answer.id}.json", _exported(one)) for one in conversations if one.unsaved_answer is not None
    ]
    text = split_marks(text)[0]
    if text:
        found.append((f"prompt-{int(time())}.txt", text))
    written: list[Path] = []
    for name, content in found:
        data = content.encode("utf-8", "replace")
        paths = (folder / f"stepchat-rescue-{name}" for folder in folders)
        written += [path for path in (next((path for path in paths if write_private(path, data)), None),) if path]
    return written


def rescue_directories(state: Path) -> list[Path]:
    """Directories that may have space, the best first."""
    found = [state]
    # Some users have no home, and on full disks Python finds no directory for temporary files.
    with suppress(RuntimeError):
        found.append(Path.home())
    with suppress(OSError):
        found.append(Path(tempfile.gettempdir()))
    return found


def _exported(conversation: Conversation) -> str:
    """The conversation as JSON that can be imported."""
    from stepchat.sessions.export.formats import export_json
    from stepchat.sessions.records import MESSAGE_ID_LENGTH, new_id
    from stepchat.sessions.titles import title_from

    refused, session = conversation.unsaved_answer, conversation.session
    if refused is None or session is None:
        return ""
    before = conversation.path_to(refused.parent)
    # The next start restores the saved parts under the old id.
    answer = replace(refused, id=new_id(MESSAGE_ID_LENGTH), parent=before[-1].id if before else None)
    asked = next((one.message.text for one in before if isinstance(one.message, UserMessage)), "")
    session = replace(session, title=session.title or title_from(asked), leaf=answer.id, updated=time())
    return export_json(session, [*before, answer])


def describe_unsaved(conversation: Conversation) -> str:
    """The unsaved answer in a few words."""
    message = None if conversation.unsaved_answer is None else conversation.unsaved_answer.message
    if not isinstance(message, AssistantMessage):
        return "an answer"
    return f"an answer of {len(message.text) + len(message.reasoning):,} characters"


def describe_files(written: list[Path]) -> str:
    """A sentence that says where the files are and how to import them."""
    imports = " ".join(str(path) for path in written if path.suffix == ".json")
    hint = f"\nImport it with: stepchat sessions import {imports}" if imports else ""
    return as_sentence(f"Unsaved text was written to {' and '.join(map(str, written))}") + hint
