"""`stepchat sessions`: what is kept, from the shell. Every command has --json."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stepchat import cli_session_rows as rows
from stepchat.cli_completion import SessionName
from stepchat.errors import SessionNotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from stepchat.oneshot import Output
    from stepchat.paths import Paths
    from stepchat.sessions.export import ToApi
    from stepchat.sessions.incoming import Incoming
    from stepchat.sessions.records import Session
    from stepchat.sessions.store import SessionStore

FORMATS = ("markdown", "html", "json", "jsonl")
"""As in sessions/export.py, which is not imported for --help; a test compares them."""

as_json_option = click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def sessions() -> None:
    """What is kept. A SESSION is an ID, its beginning, or words of its title or text."""


@sessions.command("list")
@as_json_option
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1))
@click.option("--all", "every", is_flag=True, help="However many there are.")
@click.option("--archived", is_flag=True, help="The archived ones instead.")
@click.option("--deleted", is_flag=True, help="Those that were deleted and are not gone yet.")
def list_sessions(*, as_json: bool, limit: int, every: bool, archived: bool, deleted: bool) -> int:
    """The sessions, newest first."""

    async def work(store: SessionStore, output: Output) -> None:
        # Whether one was archived before it was deleted is no matter.
        found = await store.sessions(-1 if every else limit, archived=None if deleted else archived, deleted=deleted)
        if as_json:
            _put_json(output, [rows.summary(row) for row in found])
            return
        if not found:
            output.say("No such sessions." if archived or deleted else "No sessions yet. Start one: stepchat")
        for row in found:
            _put(output, rows.line(row))

    return _with_store(work)


@sessions.command("search")
@click.argument("words", nargs=-1, required=True)
@click.option("--reasoning", is_flag=True, help="Look into the reasoning, too.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1))
@as_json_option
def search_sessions(words: tuple[str, ...], *, reasoning: bool, limit: int, as_json: bool) -> int:
    """Sessions with these words in title, prompts or answers, newest first."""

    async def work(store: SessionStore, output: Output) -> None:
        from stepchat.sessions.search import ALL_FIELDS, USUAL_FIELDS, Options

        await store.finish_index()
        fields = ALL_FIELDS if reasoning else USUAL_FIELDS
        # The space says that the last word is whole.
        page = await store.search(" ".join(words) + " ", Options(fields=fields, limit=limit))
        found = page.sessions if page is not None else ()
        if as_json:
            _put_json(output, [rows.found(session) for session in found])
            return
        if not found:
            output.say("Nothing has these words.")
        for session in found:
            _put(output, rows.line(session.summary))
            for hit in session.hits:
                _put(output, f"    {hit.field}: {hit.snippet.text}")

    return _with_store(work)


@sessions.command("show")
@click.argument("session", type=SessionName())
@click.option("--no-reasoning", is_flag=True, help="Without the thoughts.")
@click.option("--ledger", is_flag=True, help="What reasoning came with each answer, and what went back, instead.")
@as_json_option
def show_session(session: str, *, no_reasoning: bool, ledger: bool, as_json: bool) -> int:
    """The conversation as text, or with --json as `export` gives it."""
    if ledger:
        return _with_store(_ledger(session, as_json=as_json))
    return _with_store(_exporting(session, "json" if as_json else "markdown", None, with_reasoning=not no_reasoning))


@sessions.command("rename")
@click.argument("session", type=SessionName())
@click.argument("title", nargs=-1, required=True)
@as_json_option
def rename_session(session: str, title: tuple[str, ...], *, as_json: bool) -> int:
    """Give a session another title; an empty one ('') brings back the automatic one."""

    async def work(store: SessionStore, output: Output) -> None:
        found = await store.named(session)
        kept = await store.set_title(found.id, " ".join(title))
        if as_json:
            _put_json(output, {"id": found.id, "title": kept})
        else:
            _put(output, f"{found.id}  {kept}")

    return _with_store(work)


@sessions.command("delete")
@click.argument("session", type=SessionName(), nargs=-1, required=True)
@click.option("--undo", is_flag=True, help="Bring deleted sessions back.")
@as_json_option
def delete_sessions(session: tuple[str, ...], *, undo: bool, as_json: bool) -> int:
    """Delete sessions. For 30 days `--undo` brings them back."""

    async def work(store: SessionStore, output: Output) -> None:
        if undo:
            found = [await _deleted(store, wanted) for wanted in session]
            await store.undelete([one.id for one in found if one.deleted is not None])
            for one in found:
                if one.deleted is None:
                    output.say(f"{one.id} is not deleted; it is there.")
        else:
            found = [await store.named(wanted) for wanted in session]
            await store.delete([one.id for one in found])
        if as_json:
            _put_json(output, [one.id for one in found])
            return
        for one in found:
            _put(output, f"{one.id}  {one.title}")
        if not undo:
            output.say(f"Back again: stepchat sessions delete --undo {' '.join(one.id for one in found)}")

    return _with_store(work)


async def _deleted(store: SessionStore, wanted: str) -> Session:
    """The deleted session, or the one that is there already. Raises SessionNotFoundError."""
    try:
        return await store.find(wanted, deleted=True)
    except SessionNotFoundError as error:
        try:
            return await store.find(wanted)
        except SessionNotFoundError:
            raise error from None


@sessions.command("pin")
@click.argument("session", type=SessionName(), nargs=-1, required=True)
@click.option("--undo", is_flag=True, help="Unpin them.")
@as_json_option
def pin_sessions(session: tuple[str, ...], *, undo: bool, as_json: bool) -> int:
    """Keep sessions at the top of the session screen."""
    return _with_store(
        _marking(
            session, lambda store, ids: store.set_pinned(ids, pinned=not undo), "pinned", not undo, as_json=as_json
        )
    )


@sessions.command("archive")
@click.argument("session", type=SessionName(), nargs=-1, required=True)
@click.option("--undo", is_flag=True, help="Take them out of the archive.")
@as_json_option
def archive_sessions(session: tuple[str, ...], *, undo: bool, as_json: bool) -> int:
    """Put sessions out of the way: lists leave them out, searches still find them."""
    return _with_store(
        _marking(
            session,
            lambda store, ids: store.set_archived(ids, archived=not undo),
            "archived",
            not undo,
            as_json=as_json,
        )
    )


@sessions.command("export")
@click.argument("session", type=SessionName(), required=False)
@click.option("--all", "every", is_flag=True, help="All sessions.")
@click.option("--leaf", metavar="MESSAGE", help="The branch to this message (its ID or the beginning of it).")
@click.option("--format", "form", type=click.Choice(FORMATS), help="The form; else as the file's name says, or JSON.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json: lossless.")
@click.option("--no-reasoning", is_flag=True, help="Without the thoughts.")
@click.option("-o", "--output", "target", default="-", help="A file; - is stdout.")
@click.option("--force", is_flag=True, help="Replace the file if there is one.")
def export_session(
    session: str | None,
    *,
    every: bool,
    leaf: str | None,
    form: str | None,
    as_json: bool,
    no_reasoning: bool,
    target: str,
    force: bool,
) -> int:
    """A session as Markdown, HTML (one file, no script), JSON (lossless) or JSONL (API messages, ready to send).

    JSON holds all branches of a session; the others, and JSON with --leaf, one.
    """
    from stepchat.sessions.export import FORMATS as ROWS
    from stepchat.sessions.export import format_of

    if (session is None) != every or (every and leaf is not None):
        raise click.UsageError("Give one SESSION, perhaps with --leaf, or --all.")
    chosen = "json" if as_json or (target == "-" and form is None) else form or format_of(target)
    if chosen is None:
        endings = ", ".join(row.suffix for row in ROWS.values())
        raise UsageError(
            f"{target} has no ending that names a form.", f"There are: {endings}; or say it with --format."
        )
    file = None if target == "-" else Path(target)
    return _with_store(_exporting(session, chosen, file, with_reasoning=not no_reasoning, leaf=leaf, force=force))


@sessions.command("import")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@as_json_option
def import_sessions(file: Path, *, as_json: bool) -> int:
    """Add what a file holds: stepchat's JSON, ChatGPT's conversations.json or its zip, or llm's logs.db; - is stdin.

    Twice adds nothing. A file that is not right is refused, and nothing of it stays.
    """
    # Before there is a loop, which would hold back Ctrl+C.
    incoming = _read_stdin() if str(file) == "-" else None

    async def work(store: SessionStore, output: Output) -> None:
        done = await (store.import_file(file) if incoming is None else store.import_read(incoming))
        if as_json:
            added = {"sessions": list(done.sessions), "messages": done.messages, "known": done.known}
            _put_json(output, added)
        else:
            known = f"; {done.known} were here before" if done.known else ""
            _put(output, f"{len(done.sessions)} sessions, {done.messages} messages{known}.")

    return _with_store(work)


def _read_stdin() -> list[Incoming]:
    from stepchat.sessions.imports import read_stream

    return read_stream(sys.stdin.buffer, "stdin")


def open_store(paths: Paths) -> SessionStore:
    """The user's store. Raises StoreError."""
    from stepchat.draft import fold
    from stepchat.sessions.store import SessionStore

    return SessionStore.open(paths, fold=fold)


def _marking(
    wanted: tuple[str, ...],
    mark: Callable[[SessionStore, list[str]], Awaitable[None]],
    name: str,
    value: bool,  # noqa: FBT001 - it goes into the JSON as it is
    *,
    as_json: bool,
) -> Callable[[SessionStore, Output], Awaitable[None]]:
    async def work(store: SessionStore, output: Output) -> None:
        found = [await store.named(text) for text in wanted]
        await mark(store, [one.id for one in found])
        if as_json:
            _put_json(output, [{"id": one.id, "title": one.title, name: value} for one in found])
            return
        for one in found:
            _put(output, f"{one.id}  {one.title or 'untitled'}")

    return work


def _exporting(
    wanted: str | None,
    form: str,
    file: Path | None,
    *,
    with_reasoning: bool,
    leaf: str | None = None,
    force: bool = False,
) -> Callable[[SessionStore, Output], Awaitable[None]]:
    async def work(store: SessionStore, output: Output) -> None:
        from stepchat.sessions.export import Options, export
        from stepchat.sessions.files import write_file

        ids = None if wanted is None else [(await store.find(wanted)).id]
        to_api = await _requests(store) if form == "jsonl" else None
        options = Options(with_reasoning=with_reasoning, to_api=to_api)
        end = None if leaf is None or ids is None else await _message_id(store, ids[0], leaf)
        pieces = export(store, form, ids, options, leaf=end)
        if file is not None:
            await write_file(file, pieces, overwrite=force)
            output.say(f"Wrote {file}.")
            return
        async for piece in pieces:
            output.put(_fit_for_stdout(piece, escape_as_json=form in {"json", "jsonl"}))

    return work


async def _requests(store: SessionStore) -> ToApi:
    from stepchat.config import read_config
    from stepchat.paths import find_paths
    from stepchat.workspace import requests_to_go_on

    return await requests_to_go_on(store, read_config(find_paths(os.environ).config_file))


async def _message_id(store: SessionStore, session_id: str, beginning: str) -> str:
    """The message of this session whose id begins so. Raises UsageError."""
    found = [row.id for row in await store.messages(session_id) if beginning and row.id.startswith(beginning.lower())]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{beginning!r} is the beginning of several ids: {', '.join(found[:8])}.", "Give more of it.")
    raise UsageError(
        f"There is no message {beginning!r} in the session {session_id}.",
        f"`stepchat sessions show {session_id} --json` has the ids of all.",
    )


def _ledger(wanted: str, *, as_json: bool) -> Callable[[SessionStore, Output], Awaitable[None]]:
    async def work(store: SessionStore, output: Output) -> None:
        from stepchat import ledger_report

        session = await store.find(wanted)
        sendings = await store.traffic.sendings(session.id)
        accounts = ledger_report.accounts(await store.path(session.id), sendings)
        if as_json:
            _put_json(output, [ledger_report.as_json(account) for account in accounts])
            return
        for account in accounts:
            _put(output, f"{account.id}  {account.message.model or account.message.model_asked}")
            for line in ledger_report.lines(account):
                _put(output, f"    {line}")

    return work


def _fit_for_stdout(text: str, *, escape_as_json: bool) -> str:
    """A pipe gets the text exactly. A terminal, or an encoding that is not UTF-8, gets nothing it obeys or cannot show."""
    from stepchat import exact_json
    from stepchat.transcript.clean import clean

    unicode = sys.stdout.encoding.lower().replace("-", "") == "utf8"
    if not escape_as_json:
        return clean(text) if sys.stdout.isatty() else text
    if not sys.stdout.isatty() and unicode:
        return text
    # Still the same JSON.
    return "".join(
        char if clean(char) == char and (unicode or char.isascii()) else exact_json.dumps(char)[1:-1] for char in text
    )


def _with_store(use: Callable[[SessionStore, Output], Awaitable[None]]) -> int:
    import asyncio

    from stepchat.oneshot import Output, guarded
    from stepchat.paths import find_paths

    output = Output(sys.stdout, sys.stderr)

    async def work() -> int:
        store = open_store(find_paths(os.environ))
        try:
            await use(store, output)
        finally:
            await store.close()
        return 0

    return guarded(lambda: asyncio.run(work()), output)


def _put(output: Output, text: str) -> None:
    from stepchat.transcript.clean import clean

    output.put(clean(text, keep_newlines=False) + "\n")


def _put_json(output: Output, value: Any) -> None:
    from stepchat import exact_json

    output.put(exact_json.dumps(value) + "\n")
