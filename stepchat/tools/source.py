"""What a source of tools is, and the files that some have: the user approves each of them, and again after each change."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from stepchat.files import read_regular_file

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from stepchat.tools.approvals import Settings
    from stepchat.tools.base import Tool

MOST_BYTES: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class WaitingFile:
    """A file that the user has to approve first, as it is now."""

    path: Path
    digest: str
    setting: str
    """The setting in the database with the hashes of approved files."""
    key: str
    """The name of the file in that setting."""
    effect: str
    """What follows from approving it."""
    is_new: bool = True
    """It was never approved; otherwise it has changed since."""

    @property
    def name(self) -> str:
        """A short name, with the folder if that is part of its meaning."""
        return f"tools/{self.path.name}" if self.path.parent.name == "tools" else self.path.name


@dataclass(frozen=True, slots=True)
class Found:
    """What a source has."""

    tools: tuple[Tool, ...] = ()
    waiting: tuple[WaitingFile, ...] = ()
    """Files that the user has to approve first."""
    problems: tuple[str, ...] = ()
    """Each with its place."""


class Source(Protocol):
    """Where tools come from."""

    async def read(self, settings: Settings | None, taken: Collection[str], wanted: Collection[str] | None) -> Found:
        """Its tools, except for names that are taken; at least those that are wanted (None: all). Raises StoreError."""
        ...

    async def close(self) -> None:
        """End what it has started."""
        ...


def read_file(path: Path) -> tuple[bytes, str]:
    """The content and its hash. Raises OSError."""
    content = read_regular_file(path, MOST_BYTES)
    return content, hashlib.sha256(content).hexdigest()


async def approved_files(settings: Settings | None, setting: str) -> dict[str, str]:
    """The hashes of approved files by name. Without settings no file is approved. Raises StoreError."""
    return {} if settings is None else _read(await settings.setting(setting))


async def approve_file(settings: Settings, file: WaitingFile) -> None:
    """Approve a file as it is now. Raises StoreError."""
    await settings.update_setting(file.setting, lambda kept: json.dumps(_read(kept) | {file.key: file.digest}))


def _read(kept: str | None) -> dict[str, str]:
    try:
        value: Any = json.loads(kept or "{}")
    except ValueError:
        return {}
    return cast("dict[str, str]", value) if isinstance(value, dict) else {}
