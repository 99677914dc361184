"""An MCP server as configured: what to start or where to connect, with the values of environment variables filled in."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from stepchat.tools.base import ToolError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepchat.config.file import Table

_VARIABLE: Final = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")
_SECRET: Final = re.compile(r"key|token|secret|passw|auth|credential|cookie", re.IGNORECASE)
_SHORTEST_SECRET: Final = 8
_INHERITED: Final = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "USER")
"""The variables of stepchat that its servers get. The others hold API keys."""
REMOVED: Final = "[key removed]"


@dataclass(frozen=True, slots=True, repr=False)
class Server:
    """One server. Its values may be keys, so it has no repr."""

    name: str
    origin: str
    """The file that describes it."""
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    directory: Path | None = None
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    trusts_hints: bool = False
    start_timeout: float = 60
    timeout: float | None = None
    revision: str = ""
    """Changes when the configuration does. Contains no key."""
    secrets: tuple[str, ...] = ()
    """Values that may appear nowhere, the longest first."""

    @property
    def address(self) -> str:
        """The command or the address without its query, as it may be shown."""
        if not self.url:
            return self.redact(" ".join(self.command))
        parts = urlsplit(self.url)
        return self.redact(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")

    def redact(self, text: str) -> str:
        """The text without keys."""
        for secret in self.secrets:
            text = text.replace(secret, REMOVED)
        return text


def read_server(table: Table, origin: str, environ: Mapping[str, str]) -> Server:
    """The server of a table. Raises ToolError if a variable of the environment is missing."""
    values, secrets = table.values, set[str]()

    def filled(text: str, what: str) -> str:
        def value_of(match: re.Match[str]) -> str:
            value = environ.get(match["name"]) or match["default"]
            if value is None:
                raise ToolError(
                    f"The MCP server {table.name} needs the environment variable {match['name']} ({what}). Set it:"
                    f" export {match['name']}=..."
                )
            if _SECRET.search(match["name"]):
                secrets.add(value)
            return value

        return _VARIABLE.sub(value_of, text)

    env = {name: filled(value, f"env.{name}") for name, value in values.get("env", {}).items()}
    headers = {name: filled(value, f"headers.{name}") for name, value in values.get("headers", {}).items()}
    secrets |= {value for name, value in env.items() if _SECRET.search(name)}
    for value in headers.values():
        # Of `Bearer KEY` also the key alone.
        secrets |= {value, value.rpartition(" ")[2]}
    command = (values["command"], *values.get("args", ())) if values.get("command") else ()
    url = filled(values.get("url", ""), "url")
    secrets |= {secret for secret in urlsplit(url).netloc.rpartition("@")[0].split(":") if secret}
    directory = filled(values.get("cwd", ""), "cwd")
    return Server(
        name=table.name,
        origin=origin,
        command=tuple(filled(part, "args") for part in command),
        environment={name: environ[name] for name in _INHERITED if name in environ} | env,
        directory=Path(directory).expanduser() if directory else None,
        url=url,
        headers=headers,
        trusts_hints=values.get("trust_hints", False),
        start_timeout=values.get("start_timeout", 60),
        timeout=values.get("timeout") or None,
        revision=revision_of(table),
        secrets=tuple(sorted((one for one in secrets if len(one) >= _SHORTEST_SECRET), key=len, reverse=True)),
    )


def revision_of(table: Table) -> str:
    """A digest of what is started or connected to; without the values of variables and headers, which may change."""
    values: dict[str, Any] = {key: table.values.get(key) for key in ("command", "args", "cwd", "url")}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def find_program(server: Server) -> str:
    """The path of the program. Raises ToolError if there is none."""
    name = str(Path(server.command[0]).expanduser()) if server.command[0].startswith("~") else server.command[0]
    if server.directory is not None and "/" in name:
        name = str(server.directory / name)
    path = shutil.which(name, path=server.environment.get("PATH"))
    if path is None:
        raise ToolError(f"Cannot start the MCP server {server.name}: there is no program {server.command[0]}.")
    return str(Path(path).absolute())
