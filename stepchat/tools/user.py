"""Functions of the user as tools: Python files in the folder `tools/` next to config.toml.

A file is not run before the user has approved it as it is now. Each call is a process of its own (function_host.py).
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from stepchat.tools.base import Output, Tool, ToolError
from stepchat.tools.processes import python_command, run_program

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from stepchat.messages import Json
    from stepchat.tools.approvals import Settings

APPROVED: Final = "tools.files"
"""The setting in the database: hashes of approved files by name."""
_MOST_BYTES: Final = 1_000_000
_MOST_OUTPUT: Final = 10_000_000
_TOOL_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class UserFile:
    """A file with functions, as it is now."""

    path: Path
    digest: str
    is_new: bool = True
    """It was never approved; otherwise it has changed since."""


@dataclass(frozen=True, slots=True)
class UserTools:
    """What the folder has."""

    tools: tuple[Tool, ...] = ()
    waiting: tuple[UserFile, ...] = ()
    """Files that the user has to approve first."""
    problems: tuple[str, ...] = ()
    """Each with file and line."""


@dataclass(slots=True)
class UserFunctions:
    """The functions in a folder."""

    folder: Path
    _described: dict[str, UserTools] = field(default_factory=dict[str, UserTools])
    """By the hash of the file."""

    async def read(self, settings: Settings | None, taken: Collection[str]) -> UserTools:
        """The tools of all approved files. `taken` are the names of other tools. Without settings no file is approved."""
        tools: dict[str, Tool] = {}
        waiting: list[UserFile] = []
        problems: list[str] = []
        approved = _approved(await settings.setting(APPROVED)) if settings is not None else {}
        for path in self._files():
            try:
                digest = _digest(path)
            except OSError as error:
                problems.append(f"{path}: {error.strerror}.")
                continue
            if approved.get(path.name) != digest:
                waiting.append(UserFile(path, digest, path.name not in approved))
                continue
            if digest not in self._described:
                self._described[digest] = await _describe(path, digest)
            found = self._described[digest]
            problems += found.problems
            for tool in found.tools:
                if tool.name in taken or tool.name in tools:
                    problems.append(f"{path}: there is another tool {tool.name}; rename this function.")
                else:
                    tools[tool.name] = tool
        return UserTools(tuple(tools.values()), tuple(waiting), tuple(problems))

    def _files(self) -> list[Path]:
        try:
            found = sorted(self.folder.glob("*.py"))
        except OSError:
            return []
        return [path for path in found if not path.name.startswith(("_", "."))]


async def approve_file(settings: Settings, file: UserFile) -> None:
    """Let a file run as it is now. Raises StoreError."""
    await settings.update_setting(APPROVED, lambda kept: json.dumps(_approved(kept) | {file.path.name: file.digest}))


def _approved(kept: str | None) -> dict[str, str]:
    try:
        value: Any = json.loads(kept or "{}")
    except ValueError:
        return {}
    return cast("dict[str, str]", value) if isinstance(value, dict) else {}


def _digest(path: Path) -> str:
    from stepchat.files import read_regular_file

    return hashlib.sha256(read_regular_file(path, _MOST_BYTES)).hexdigest()


async def _describe(path: Path, digest: str) -> UserTools:
    try:
        answer = await _ask_host(path, digest)
    except ToolError as error:
        return UserTools(problems=(f"{path}: {error}",))
    if "error" in answer:
        return UserTools(problems=(_located(path, answer),))
    tools: list[Tool] = []
    problems: list[str] = []
    for row in cast("list[Json]", answer["tools"]):
        name = row["name"]
        if not _TOOL_NAME.fullmatch(name):
            problems.append(f"{path}, line {row['line']}: servers do not accept the name {name}.")
            continue
        tools.append(
            Tool(
                name=name,
                description=row["description"],
                parameters=row["parameters"],
                run=partial(_call, path, digest, name),
                source=f"tools/{path.name}",
                read_only=row["read_only"],
                timeout=row["timeout"],
                revision=digest,
            )
        )
    return UserTools(tuple(tools), problems=tuple(problems))


async def _call(path: Path, digest: str, name: str, arguments: Json) -> Output:
    answer = await _ask_host(path, digest, name, arguments)
    return Output(_located(path, answer), is_error=True) if "error" in answer else Output(str(answer["result"]))


async def _ask_host(path: Path, digest: str, name: str = "", arguments: Json | None = None) -> Json:
    """Raises ToolError."""
    command = python_command("stepchat.tools.function_host", str(path), digest, *([name] if name else []))
    done = await run_program(command, json.dumps(arguments or {}).encode(), limit=_MOST_OUTPUT)
    try:
        answer: Any = json.loads(done.output)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        last = done.errors.decode("utf-8", "replace").strip().rpartition("\n")[2][:300]
        raise ToolError(f"The process of the function ended with {done.code}. {last}".strip())
    return cast("Json", answer)


def _located(path: Path, answer: Json) -> str:
    where = f"{path.name}, line {answer['line']}" if answer.get("line") else path.name
    return f"{where}: {answer['error']}"
