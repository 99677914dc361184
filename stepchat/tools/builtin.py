"""stepchat's own tools. ADD A TOOL HERE: a decorated function is a tool; its signature and docstring are what models see.

They are off until the user switches them on, and change nothing. stepchat supplies parameters of the type `Surroundings`.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import partial
from itertools import islice
from threading import Event
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from stepchat.concurrency import run_in_daemon
from stepchat.tools import web
from stepchat.tools.base import Output, Tool, ToolError
from stepchat.tools.calculator import calculate as evaluate
from stepchat.tools.folders import Folders
from stepchat.tools.signature import arguments_of, describe
from stepchat.tools.source import Found

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    import httpx

    from stepchat.messages import Json
    from stepchat.tools.approvals import Settings
    from stepchat.tools.base import Report
    from stepchat.tools.folders import Place

_MOST_FILES: Final = 1_000
_MOST_MATCHES: Final = 200
_LONGEST_LINE: Final = 500


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What tools may access."""

    folders: Folders = field(default_factory=partial(Folders, ()))
    resolve_host: web.Resolve = web.resolve
    transport: httpx.AsyncBaseTransport | None = None
    """The HTTP transport; None for the network."""
    stopped: Event = field(default_factory=Event)
    """Set when the call was cancelled."""


@dataclass(frozen=True, slots=True)
class ToolFunction:
    """A function that is a tool."""

    function: Callable[..., Any]

    def tool(self, surroundings: Surroundings) -> Tool:
        """Make the tool, with what it may access."""
        described = describe(self.function, injected=_INJECTED)
        return Tool(
            name=self.function.__name__,
            description=described.description,
            parameters=described.parameters,
            run=partial(self.run, surroundings),
            read_only=True,
        )

    async def run(self, surroundings: Surroundings, given: Json, _report: Report) -> Output:
        """Call it, in a thread if it is not a coroutine function."""
        surroundings = replace(surroundings, stopped=Event())
        arguments = arguments_of(self.function, given, injected=_INJECTED)
        for name, annotation in inspect.get_annotations(self.function, eval_str=True).items():
            if annotation is Surroundings:
                arguments[name] = surroundings
        if inspect.iscoroutinefunction(self.function):
            return Output(await self.function(**arguments))
        try:
            return Output(await run_in_daemon(self.function, **arguments))
        finally:
            surroundings.stopped.set()


_INJECTED: Final = (Surroundings,)


def builtin_tools(surroundings: Surroundings) -> tuple[Tool, ...]:
    """All built-in tools."""
    return tuple(row.tool(surroundings) for row in _FUNCTIONS)


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """The built-in tools as a source."""

    tools: tuple[Tool, ...]

    async def read(self, settings: Settings | None, taken: Collection[str], wanted: Collection[str] | None) -> Found:  # noqa: ARG002 - as every source
        """All of them."""
        return Found(self.tools)

    async def close(self) -> None:
        """There is nothing to end."""


@ToolFunction
def current_time(timezone: str = "") -> str:
    """The current date and time, with weekday, week and UTC offset.

    Args:
        timezone: An IANA time zone such as Europe/Lisbon; the user's own if empty.
    """
    try:
        now = datetime.now(ZoneInfo(timezone)) if timezone.strip() else datetime.now(UTC).astimezone()
    except (OSError, ValueError, LookupError):
        raise ToolError(f"There is no time zone {timezone!r}. Use an IANA name such as Europe/Lisbon or UTC.") from None
    return f"{now:%A}, {now.isoformat(' ', 'seconds')} {now.tzname()}, week {now:%G-W%V}"


@ToolFunction
def calculate(expression: str) -> str:
    """Evaluate arithmetic exactly. Use it for every calculation with more than a few digits.

    Args:
        expression: An arithmetic expression such as (2**64 - 1) / 3 or sqrt(2) * sin(pi / 8). Operators: + - * / // % **.
            Functions: sqrt, ln, log, log10, log2, exp, sin, cos, tan, round, floor, ceil, abs, min, max, sum, mean,
            factorial, comb, perm, gcd, lcm and others. Constants: pi, e, tau.
    """
    return evaluate(expression)


@ToolFunction
def read_file(path: str, surroundings: Surroundings, start_line: int = 1, lines: int = 2_000) -> str:
    """Read a text file.

    Args:
        path: The file, relative to the working directory or absolute.
        start_line: The first line to return, counted from 1.
        lines: How many lines to return at most.
    """
    folders = surroundings.folders
    place = folders.locate(path)
    found = folders.read_text(place).splitlines()
    start = max(1, start_line)
    shown = found[start - 1 : start - 1 + max(1, lines)]
    if not shown:
        return f"[{place.name} has {len(found):,} lines.]" if found else f"[{place.name} is empty.]"
    text = "\n".join(shown)
    if len(shown) == len(found):
        return text
    return f"{text}\n[Lines {start:,} to {start + len(shown) - 1:,} of {len(found):,}.]"


@ToolFunction
def list_files(surroundings: Surroundings, path: str = ".", pattern: str = "") -> str:
    """List the files of a folder. Files that git ignores are left out.

    Args:
        path: The folder, relative to the working directory or absolute.
        pattern: A pattern for file names such as *.py; with it, subfolders are searched, too.
    """
    folders = surroundings.folders
    place = folders.locate(path)
    if pattern:
        matching = _matching(surroundings, place, pattern)
        names = [inner.name for inner in islice(matching, _MOST_FILES + 1)]
    else:
        entries = folders.entries(place)
        names = [entry.name + ("/" if entry.is_dir() else "") for entry in entries[: _MOST_FILES + 1]]
    if not names:
        return "[No files.]"
    more = f"\n[More than {_MOST_FILES:,} files; only the first are listed.]" if len(names) > _MOST_FILES else ""
    return "\n".join(names[:_MOST_FILES]) + more


@ToolFunction
def search_files(text: str, surroundings: Surroundings, path: str = ".", pattern: str = "") -> str:
    """Search files for a text and return the lines that contain it. Upper and lower case are the same.

    Args:
        text: The text to look for, exactly as it is written; not a regular expression.
        path: The file, or the folder to search with its subfolders.
        pattern: A pattern for file names such as *.py, to search only these.
    """
    if not text.strip():
        raise ToolError("Give a text to look for.")
    found: list[str] = []
    wanted = text.casefold()
    for place in _matching(surroundings, surroundings.folders.locate(path), pattern):
        try:
            content = surroundings.folders.read_text(place)
        except ToolError:
            continue  # binary, too large or unreadable
        if wanted not in content.casefold():
            continue
        for number, line in enumerate(content.splitlines(), 1):
            if wanted in line.casefold():
                found.append(f"{place.name}:{number}: {line.strip()[:_LONGEST_LINE]}")
                if len(found) == _MOST_MATCHES:
                    return "\n".join([*found, f"[Stopped after {_MOST_MATCHES} lines; narrow the search.]"])
    return "\n".join(found) or "[No matches.]"


@ToolFunction
async def fetch_url(url: str, surroundings: Surroundings, start: int = 0) -> str:
    """Fetch a page of the public web and return its text as Markdown.

    Args:
        url: The address, with http:// or https://.
        start: The first character to return, to go on in a long page.
    """
    text = await web.fetch(url, surroundings.resolve_host, surroundings.transport)
    return text[max(0, start) :] or "[The page has no text.]"


def _matching(surroundings: Surroundings, place: Place, pattern: str) -> Iterable[Place]:
    """The file itself, or the files below a folder whose name, or path from there, matches."""
    if place.path.is_file():
        return [place]
    depth = len(place.parts)
    return (
        inner
        for inner in surroundings.folders.walk(place, surroundings.stopped)
        if not pattern
        or fnmatchcase(inner.parts[-1], pattern)
        or fnmatchcase("/".join(inner.parts[depth:]), pattern.replace("**/", "*"))
    )


_FUNCTIONS: Final = tuple(row for row in tuple(globals().values()) if isinstance(row, ToolFunction))
