"""Attaches files to a question: reads them, checks the model, and stores them before they are shown."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stepchat.attachments.reading import MOST_FILES, Recipient, load_content, load_file
from stepchat.concurrency import run_in_daemon, start_daemon
from stepchat.errors import UsageError
from stepchat.text.sanitize import sanitize_title

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from stepchat.attachments.reading import LoadedFile
    from stepchat.catalogue.models import Model
    from stepchat.chat.workspace import Workspace
    from stepchat.messages import Attachment

_PATIENCE: Final = 3.0
"""Seconds for the server to say which files the model accepts."""
_LONGEST: Final = 60.0
"""Seconds for reading, downscaling or extracting the text of one file."""


async def attach_files(
    workspace: Workspace, model: str, paths: Sequence[str | Path], *, patience: float = _LONGEST
) -> tuple[Attachment, ...]:
    """All of the files or, if one cannot be attached, none. Raises UsageError and StoreError."""
    if len(paths) > MOST_FILES:
        raise UsageError(f"These are {len(paths):,} files; at most {MOST_FILES} can be attached at once.")
    recipient = _recipient(workspace, model)
    loaded = [await _in_time(run_in_daemon(load_file, Path(path), recipient), str(path), patience) for path in paths]
    return tuple([await _store(workspace, file) for file in loaded])


async def attach_content(workspace: Workspace, model: str, name: str, data: bytes) -> Attachment:
    """What is not a file, such as the clipboard, as an attachment. Raises UsageError and StoreError."""
    loaded = await _in_time(run_in_daemon(load_content, name, data, _recipient(workspace, model)), name, _LONGEST)
    return await _store(workspace, loaded)


async def _in_time(reading: Awaitable[LoadedFile], name: str, patience: float) -> LoadedFile:
    """The file, if it can be read in time: a damaged one must not keep the user from sending the question without it."""
    try:
        return await asyncio.wait_for(reading, patience)
    except TimeoutError:
        raise UsageError(
            f"Reading {sanitize_title(name)} takes more than {patience:g} s.", "Attach a part of it."
        ) from None


def _recipient(workspace: Workspace, model: str) -> Recipient:
    catalogue = workspace.catalogue

    def look_up() -> tuple[Model | None, Sequence[Model]]:
        # One-shot mode may have loaded only its own model.
        if catalogue.find(model) is None or len(catalogue.models) <= 1:
            catalogue.read()
        if not catalogue.models:
            with suppress(TimeoutError):
                start_daemon(catalogue.refresh).result(_PATIENCE)
        return catalogue.find(model), catalogue.models

    return Recipient(model, look_up)


async def _store(workspace: Workspace, loaded: LoadedFile) -> Attachment:
    await workspace.store.add_attachment(loaded.content)
    return loaded.attachment


def files_named(argument: str) -> list[Path]:
    """The files of an argument of /attach: one path, which may contain spaces, or a pattern. Blocks. Raises UsageError."""
    try:
        path = Path(argument.removeprefix("file://")).expanduser()
    except RuntimeError as error:
        raise UsageError(f"There is no home directory for {argument}.", "Give the whole path.") from error
    if os.path.lexists(path) or not any(mark in argument for mark in "*?["):
        return [path]
    found = sorted(glob(str(path), recursive=True))  # noqa: PTH207 - the pattern may be absolute
    files = [Path(name) for name in found if os.path.isfile(name)]  # noqa: PTH113 - never fails
    if not files:
        raise UsageError(f"No file matches {argument}.", "Patterns are those of the shell: src/*.py, docs/**/*.md")
    return files
