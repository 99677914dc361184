"""`stepchat sessions export` and `import`: what is kept, carried away and brought back."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stepchat.cli.completion import SessionParameter
from stepchat.cli.context import as_json_option, print_json, print_line, with_store
from stepchat.errors import SessionNotFoundError, StepchatError, StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from stepchat.cli.ask import Output
    from stepchat.sessions.export.formats import ToApi
    from stepchat.sessions.importing.values import ImportedSession
    from stepchat.sessions.store import SessionStore

FORMATS = ("markdown", "html", "json", "jsonl")
"""As in sessions/export/formats.py, which is not imported for --help; a test compares them."""

_CANDIDATES = 8


@click.command("export")
@click.argument("session", type=SessionParameter(), required=False)
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
    from stepchat.sessions.export.formats import FORMATS as ROWS
    from stepchat.sessions.export.formats import format_of

    if (session is None) != every or (every and leaf is not None):
        raise click.UsageError("Give one SESSION, perhaps with --leaf, or --all.")
    if as_json and form not in {None, "json"}:
        raise UsageError(f"--json and --format {form} name two forms.", "Give one of them.")
    chosen = "json" if as_json or (target == "-" and form is None) else form or format_of(target)
    if chosen is None:
        endings = ", ".join(row.suffix for row in ROWS.values())
        raise UsageError(
            f"{target} has no ending that names a form.", f"There are: {endings}; or say it with --format."
        )
    file = None if target == "-" else Path(target)
    return with_store(exporting(session, chosen, file, with_reasoning=not no_reasoning, leaf=leaf, force=force))


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@as_json_option
def import_sessions(file: Path, *, as_json: bool) -> int:
    """Add what a file holds: stepchat's JSON, ChatGPT's conversations.json or its zip, or llm's logs.db; - is stdin.

    Twice adds nothing. A file that is not right is refused, and nothing of it stays.
    """
    # Before there is a loop, which would hold back Ctrl+C.
    incoming = _read_stdin() if str(file) == "-" else None

    async def work(store: SessionStore, output: Output) -> None:
        done = await (store.import_file(file) if incoming is None else store.import_parsed(incoming))
        if as_json:
            print_json(output, done.as_json())
        else:
            print_line(output, f"{done.describe()}.")

    return with_store(work)


def _read_stdin() -> list[ImportedSession]:
    from stepchat.sessions.importing.importer import read_stream

    return read_stream(sys.stdin.buffer, "stdin")


def exporting(
    wanted: str | None,
    form: str,
    file: Path | None,
    *,
    with_reasoning: bool,
    leaf: str | None = None,
    force: bool = False,
) -> Callable[[SessionStore, Output], Awaitable[None]]:
    """Write one session, or without a name all of them; of these what cannot be written is told and left out."""

    async def work(store: SessionStore, output: Output) -> None:
        from stepchat.sessions.export.files import write_file
        from stepchat.sessions.export.formats import ExportOptions, export

        left_out: list[str] = []

        def leave_out(session: str, error: StepchatError) -> None:
            left_out.append(session)
            output.print_notice(f"{session} is left out. {error}")

        ids = None if wanted is None else [(await store.find(wanted)).id]
        to_api = await _requests(store) if form == "jsonl" else None
        options = ExportOptions(with_reasoning=with_reasoning, to_api=to_api)
        end = None if leaf is None or ids is None else await _message_id(store, ids[0], leaf)
        pieces = export(store, form, ids, options, leaf=end, leave_out=leave_out if ids is None else None)
        if file is not None:
            await write_file(file, pieces, overwrite=force)
            output.print_notice(f"Wrote {file}.")
        else:
            async for piece in pieces:
                output.write(_fit_for_stdout(piece, escape_as_json=form in {"json", "jsonl"}))
        if left_out:
            count = "1 session" if len(left_out) == 1 else f"{len(left_out)} sessions"
            raise StoreError(f"The export is without {count}.", "The rest was written.")

    return work


async def _requests(store: SessionStore) -> ToApi:
    from stepchat.chat.workspace import continuation_request_builder
    from stepchat.config.file import read_config
    from stepchat.config.paths import find_paths

    return await continuation_request_builder(store, read_config(find_paths(os.environ).config_file), os.environ)


async def _message_id(store: SessionStore, session_id: str, beginning: str) -> str:
    """The message of this session whose id begins so. Raises StoreError, as for a session."""
    found = [row.id for row in await store.messages(session_id) if beginning and row.id.startswith(beginning.lower())]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(found[:_CANDIDATES]) + (" and more" if len(found) > _CANDIDATES else "")
        raise StoreError(f"{beginning!r} is the beginning of several IDs: {names}.", "Give more of it.")
    raise SessionNotFoundError(
        f"There is no message {beginning!r} in the session {session_id}.",
        f"`stepchat sessions show {session_id} --json` has the IDs of all.",
    )


def _fit_for_stdout(text: str, *, escape_as_json: bool) -> str:
    """A pipe gets the text exactly. A terminal, or an encoding that is not UTF-8, gets nothing it obeys or cannot show."""
    from stepchat import lossless_json
    from stepchat.text.sanitize import sanitize

    unicode = sys.stdout.encoding.lower().replace("-", "") == "utf8"
    if not escape_as_json:
        return sanitize(text) if sys.stdout.isatty() else text
    if not sys.stdout.isatty() and unicode:
        return text
    # Still the same JSON.
    return "".join(
        char if sanitize(char) == char and (unicode or char.isascii()) else lossless_json.dumps(char)[1:-1]
        for char in text
    )
