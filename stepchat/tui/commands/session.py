"""Commands about the session as a whole: title, branches, undo, pin, archive, delete, export, import."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from stepchat.errors import StepchatError, UsageError
from stepchat.tui.commands.command import Command, check_idle, path_completions, user_path
from stepchat.tui.commands.message import fork_from

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stepchat.messages import Json, Message
    from stepchat.sessions.records import Session
    from stepchat.tui.chat.screen import ChatScreen

_WITHOUT: Final = "--no-reasoning"
_FORCE: Final = "--force"
_MAX_NAME_LENGTH: Final = 40


def _session(screen: ChatScreen) -> Session:
    """The session on screen. The table says `needs=("session",)`, so there is one."""
    session = screen.conversation.session
    if session is None:
        raise StepchatError("This session has not started yet.", "Ask something first.")
    return session


async def title(screen: ChatScreen, argument: str) -> None:
    """Without text, show it, with what names the session in the shell; `off` resets it to the first question."""
    session, store = _session(screen), screen.workspace.store
    if not argument:
        found = await store.session(session.id)
        origin = f"fork of {found.forked_from}" if found.forked_from else ""
        facts = " · ".join(filter(None, (f"ID {found.id}", origin)))
        screen.notice(f"Title: {found.title or 'untitled'}", f"{facts} · stepchat --resume {found.id}")
        return
    kept = await store.set_title(session.id, "" if argument == "off" else argument)
    screen.show_title()
    screen.flash(f"Title reset to the first question: {kept}" if argument == "off" else f"Title: {kept}")


async def tree(screen: ChatScreen, _argument: str) -> None:
    # Not needed by the first frame.
    from stepchat.tui.dialogs.tree import TreeScreen

    store = screen.workspace.store
    messages = await store.messages(_session(screen).id)
    focused, path = screen.view.focused_message, screen.conversation.path
    at = focused.stored.id if focused is not None and focused.stored is not None else None
    chosen = await screen.app.push_screen_wait(TreeScreen(messages, path[-1].id if path else None, at))
    if chosen is None:
        return
    check_idle(screen)
    if chosen.action == "fork":
        await fork_from(screen, next(stored for stored in messages if stored.id == chosen.message_id))
    else:
        await screen.show_leaf(await store.deepest_leaf(chosen.message_id), chosen.message_id)
        screen.focus_transcript()


async def undo(screen: ChatScreen, _argument: str) -> None:
    if last := screen.conversation.path_to_question():
        await screen.show_leaf(last[-1].parent)
        screen.flash("Undid the last exchange. {key:redo} redoes it.")
    else:
        screen.flash("Nothing to undo.")


async def redo(screen: ChatScreen, _argument: str) -> None:
    path = screen.conversation.path
    end = await screen.workspace.store.exchange_after(_session(screen).id, path[-1].id if path else None)
    if end is not None:
        await screen.show_leaf(end)
        screen.flash("")
        screen.view.scroll_to_end()
    else:
        screen.flash("Nothing to redo.")


async def delete(screen: ChatScreen, _argument: str) -> None:
    session = _session(screen)
    await screen.workspace.store.delete([session.id])
    await screen.open(None)
    way = "{key:sessions} lists it: {key:sessions.show-archived} twice, then {key:sessions.delete} restores it."
    screen.notice("Session deleted.", f"{way} Within 30 days.")


async def pin(screen: ChatScreen, _argument: str) -> None:
    session, store = _session(screen), screen.workspace.store
    pinned = not (await store.session(session.id)).pinned
    await store.set_pinned([session.id], pinned=pinned)
    screen.flash("Pinned to the top of the session screen." if pinned else "Unpinned.")


async def archive(screen: ChatScreen, _argument: str) -> None:
    session, store = _session(screen), screen.workspace.store
    archived = not (await store.session(session.id)).archived
    await store.set_archived([session.id], archived=archived)
    screen.flash("Archived: hidden from lists, found by searches." if archived else "Unarchived.")


async def export(screen: ChatScreen, argument: str) -> None:
    """The format follows the file name; without one, a Markdown file named after the session is written to this directory."""
    from stepchat.chat.workspace import continuation_request_builder
    from stepchat.sessions.export.files import FilesBeside, write_file
    from stepchat.sessions.export.formats import FORMATS, ExportOptions, format_of
    from stepchat.sessions.export.formats import export as pieces_of

    session, store, path = _session(screen), screen.workspace.store, screen.conversation.path
    if not path:
        raise StepchatError("This branch has no messages.", "/redo brings them back.")
    options, words = _split(argument)
    target = user_path(words or file_name((await store.session(session.id)).title))
    form = format_of(target.name)
    if form is None:
        suffixes = ", ".join(row.suffix for row in FORMATS.values())
        raise UsageError(f"{target} has no ending that names a format.", f"Known endings: {suffixes}.")
    to_api = await continuation_request_builder(
        store, screen.workspace.config, screen.workspace.environ, screen.workspace.paths.models
    )

    def next_request(kept: Session, messages: Sequence[Message], contents: Mapping[str, bytes]) -> Json:
        # An imported session continues with the model and server of the window.
        model, server = kept.model or screen.conversation.model, kept.server or screen.workspace.server
        return to_api(replace(kept, model=model, server=server), messages, contents)

    beside = FilesBeside(target)
    form_options = ExportOptions(with_reasoning=_WITHOUT not in options, to_api=next_request, link=beside.link)
    # Write the branch on screen, even if another window has a newer one.
    leaf = None if form == "json" else path[-1].id
    pieces = pieces_of(store, form, [session.id], form_options, leaf=leaf)
    await write_file(target, pieces, overwrite=_FORCE in options)
    await beside.write()
    screen.notice(f"Wrote {target.absolute()}")


def _export_names(screen: ChatScreen, typed: str) -> Sequence[tuple[str, str]]:
    """A file name for each export format that fits what is typed; none once it names a format."""
    from stepchat.sessions.export.formats import FORMATS, format_of

    name = _split(typed)[1]
    session = screen.conversation.session
    if session is None or name.startswith("-") or name.endswith(("/", "~")) or format_of(name) is not None:
        return []
    stem = name or file_name(session.title).removesuffix(".md")
    folder, slash, last = stem.rpartition("/")
    base, dot, extension = last.partition(".") if last.count(".") == 1 else (last, "", "")
    begun = typed.removesuffix(name) + folder + slash + base
    return [(begun + row.suffix, row.summary) for row in FORMATS.values() if row.suffix.startswith(dot + extension)]


def _split(argument: str) -> tuple[set[str], str]:
    """The options at the beginning, and the rest: a path may contain spaces."""
    options: set[str] = set()
    while (first := argument.partition(" ")[0]) in {_WITHOUT, _FORCE}:
        options.add(first)
        argument = argument.removeprefix(first).strip()
    return options, argument


def file_name(title: str) -> str:
    """The words of a title as the name of a Markdown file."""
    words = "-".join(re.findall(r"\w+", title.casefold()))
    return f"{words[:_MAX_NAME_LENGTH].rstrip('-') or 'session'}.md"


async def import_(screen: ChatScreen, argument: str) -> None:
    if not argument:
        raise UsageError("No file named.", "Name one: /import PATH")
    from stepchat.sessions.importing.importer import import_file

    done = await import_file(screen.workspace.store, user_path(argument))
    screen.notice(f"{done.describe()}.", "{key:sessions} shows them.")


COMMANDS: tuple[Command, ...] = (
    Command("title", "Rename the session, or show its title and ID", title, (), "[TEXT|off]", needs=("session",), synonyms=("rename", "name")),
    Command("tree", "Show all branches of the session and go to one", tree, ("f5", "leader b"), needs=("session",), synonyms=("branches", "rewind")),
    Command("undo", "Undo the last exchange", undo, ("alt+z", "leader z"), needs=("session", "idle"), synonyms=("rollback",)),
    Command("redo", "Redo it", redo, ("leader y",), needs=("session", "idle")),
    Command("pin", "Pin or unpin the session", pin, needs=("session",)),
    Command("archive", "Archive or unarchive the session", archive, needs=("session",)),
    Command("delete", "Delete the session", delete, needs=("session", "idle"), synonyms=("rm", "remove")),
    Command(
        "export", "Write the session to a file; its extension names the format", export, (), "[--force] [PATH]",
        completions=_export_names, needs=("session",), synonyms=("save", "write", "w", "share")),
    Command(
        "import", "Add sessions from a file by stepchat, ChatGPT or llm", import_, (), "PATH",
        completions=lambda _, typed: path_completions(typed), takes_any=True,
    ),
)  # fmt: skip
