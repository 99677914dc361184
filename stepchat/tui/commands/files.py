"""Commands that carry sessions out and in, and put the session that is open in its place."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stepchat.errors import StepchatError, UsageError
from stepchat.tui.chat import notices
from stepchat.tui.commands.command import Command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.messages import Json, Message
    from stepchat.sessions.records import Session
    from stepchat.tui.commands.command import Chat

_WITHOUT: Final = "--no-reasoning"
_FORCE: Final = "--force"
_NAME_AT_MOST: Final = 40


def _begun(chat: Chat) -> Session:
    """The session that is open, on disk."""
    session = chat.conversation.session
    if session is None or not chat.conversation.path:
        raise StepchatError("This session has not begun yet.", "Ask something first.")
    return session


async def export(chat: Chat, argument: str) -> None:
    """The form follows the name; without one a Markdown file named after the session comes into this directory."""
    from stepchat.chat.workspace import continuation_request_builder
    from stepchat.sessions.export.files import write_file
    from stepchat.sessions.export.formats import FORMATS, ExportOptions, format_of
    from stepchat.sessions.export.formats import export as pieces_of

    session, store = _begun(chat), chat.workspace.store
    options, words = _split(argument)
    path = _path(words or file_name((await store.session(session.id)).title))
    form = format_of(path.name)
    if form is None:
        suffixes = ", ".join(row.suffix for row in FORMATS.values())
        raise UsageError(f"{path} has no ending that names a form.", f"There are: {suffixes}.")
    to_api = await continuation_request_builder(store, chat.workspace.config, chat.workspace.environ)

    def next_request(kept: Session, said: Sequence[Message]) -> Json:
        # What came from another program goes on with what the window asks.
        model, server = kept.model or chat.conversation.model, kept.server or chat.workspace.server
        return to_api(replace(kept, model=model, server=server), said)

    form_options = ExportOptions(with_reasoning=_WITHOUT not in options, to_api=next_request)
    # What is on the screen is what is written, also while a newer branch exists in another window.
    leaf = None if form == "json" else chat.conversation.path[-1].id
    pieces = pieces_of(store, form, [session.id], form_options, leaf=leaf)
    await write_file(path, pieces, overwrite=_FORCE in options)
    notices.say(chat, f"Wrote {path.absolute()}")


def _split(argument: str) -> tuple[set[str], str]:
    """The options at the beginning, and the rest: a path may hold spaces."""
    options: set[str] = set()
    while (first := argument.partition(" ")[0]) in {_WITHOUT, _FORCE}:
        options.add(first)
        argument = argument.removeprefix(first).strip()
    return options, argument


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise UsageError(f"There is no home directory for {text}.", "Give the whole path.") from error


def file_name(title: str) -> str:
    """The words of a title as the name of a Markdown file."""
    words = "-".join(re.findall(r"\w+", title.casefold()))
    return f"{words[:_NAME_AT_MOST].rstrip('-') or 'session'}.md"


async def import_(chat: Chat, argument: str) -> None:
    if not argument:
        raise UsageError("There is no file named.", "Name one: /import PATH")
    from stepchat.sessions.importing.importer import import_file

    done = await import_file(chat.workspace.store, _path(argument))
    notices.say(chat, f"{done.describe()}.", "Ctrl+O shows them.")


async def pin(chat: Chat, _argument: str) -> None:
    session, store = _begun(chat), chat.workspace.store
    pinned = not (await store.session(session.id)).pinned
    await store.set_pinned([session.id], pinned=pinned)
    chat.tell("Pinned to the top of the session screen." if pinned else "No longer pinned.")


async def archive(chat: Chat, _argument: str) -> None:
    session, store = _begun(chat), chat.workspace.store
    archived = not (await store.session(session.id)).archived
    await store.set_archived([session.id], archived=archived)
    chat.tell("Archived: lists leave it out, searches find it." if archived else "Taken out of the archive.")


COMMANDS: tuple[Command, ...] = (
    Command("export", "Write the session to a file: .md, .html, .json, .jsonl", export, None, "[--force] [PATH]"),
    Command("import", "Add sessions from a file of stepchat, ChatGPT or llm", import_, None, "PATH"),
    Command("pin", "Keep the session at the top of the list, or no longer", pin),
    Command("archive", "Put the session out of the way, or take it back", archive),
)
