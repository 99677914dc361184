"""Functions of the user as tools: Python files in the folder `tools/` next to config.toml.

A file is not run before the user has approved it as it is now. Each call is a process of its own (function_host.py).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from stepchat.tools.base import Output, Tool, ToolError
from stepchat.tools.processes import python_command, run_program
from stepchat.tools.source import Found, WaitingFile, approved_files, read_file

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from stepchat.messages import Json
    from stepchat.tools.approvals import Settings
    from stepchat.tools.base import Report

APPROVED: Final = "tools.files"
"""The setting in the database: hashes of approved files by name."""
_EFFECT: Final = "its functions become tools, which are off"
_MOST_OUTPUT: Final = 10_000_000
_TOOL_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")


@dataclass(slots=True)
class UserFunctions:
    """The functions in a folder."""

    folder: Path
    _described: dict[str, Found] = field(default_factory=dict[str, Found])
    """By the hash of the file."""

    async def read(
        self,
        settings: Settings | None,
        taken: Collection[str],
        wanted: Collection[str] | None = None,  # noqa: ARG002 - as every source
    ) -> Found:
        """The tools of all approved files. `taken` are the names of other tools. Without settings no file is approved."""
        tools: dict[str, Tool] = {}
        waiting: list[WaitingFile] = []
        problems: list[str] = []
        paths = self._files()
        approved = await approved_files(settings, APPROVED) if paths else {}
        for path in paths:
            try:
                _, digest = read_file(path)
            except OSError as error:
                problems.append(f"{path}: {error.strerror}.")
                continue
            if approved.get(path.name) != digest:
                is_new = path.name not in approved
                waiting.append(WaitingFile(path, digest, APPROVED, path.name, _EFFECT, is_new))
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
        return Found(tuple(tools.values()), tuple(waiting), tuple(problems))

    async def close(self) -> None:
        """There is nothing to end: each call is a process of its own."""

    def _files(self) -> list[Path]:
        try:
            found = sorted(self.folder.glob("*.py"))
        except OSError:
            return []
        return [path for path in found if not path.name.startswith(("_", "."))]


async def _describe(path: Path, digest: str) -> Found:
    try:
        answer = await _ask_host(path, digest)
    except ToolError as error:
        return Found(problems=(f"{path}: {error}",))
    if "error" in answer:
        return Found(problems=(_located(path, answer),))
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
    return Found(tuple(tools), problems=tuple(problems))


async def _call(path: Path, digest: str, name: str, arguments: Json, _report: Report) -> Output:
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
