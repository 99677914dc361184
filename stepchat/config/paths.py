"""The directories that stepchat uses. `STEPCHAT_HOME` overrides all of them; platformdirs honours `XDG_*`."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stepchat.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Paths:
    """The locations of files and directories. Creates nothing."""

    data: Path
    config: Path
    state: Path

    @property
    def database(self) -> Path:
        return self.data / "sessions.db"

    @property
    def config_file(self) -> Path:
        return self.config / "config.toml"

    @property
    def user_themes(self) -> Path:
        return self.config / "themes"

    @property
    def user_tools(self) -> Path:
        """Python files whose functions are tools."""
        return self.config / "tools"

    @property
    def prompts(self) -> Path:
        """The prompt library."""
        return self.config / "prompts"

    @property
    def models(self) -> Path:
        """The lists of models, one file per server."""
        return self.state / "models"

    @property
    def mcp(self) -> Path:
        """What MCP servers write to stderr, one file per server."""
        return self.state / "mcp"

    @property
    def results(self) -> Path:
        """Images and other data that tools returned."""
        return self.data / "results"

    @property
    def trusted_servers(self) -> Path:
        """The server addresses that the user has approved outside config.toml, one per line."""
        return self.state / "named-servers"

    @property
    def first_frame(self) -> Path:
        """The style of the next start's first frame (first_frame/frame.py)."""
        return self.state / "first-frame"


def find_paths(environ: Mapping[str, str]) -> Paths:
    """The directories of this user. Raises StoreError."""
    if home := environ.get("STEPCHAT_HOME"):
        try:
            root = Path(home).expanduser()
        except RuntimeError as error:
            raise StoreError(
                f"The directory {home} names an unknown user.",
                "Set STEPCHAT_HOME to a directory you can write to.",
            ) from error
        return Paths(root, root, root)
    import platformdirs

    dirs = platformdirs.PlatformDirs("stepchat", appauthor=False)
    return Paths(Path(dirs.user_data_dir), Path(dirs.user_config_dir), Path(dirs.user_state_dir))


def private_directory(path: Path) -> Path:
    """Create a directory that only its owner can enter (0700). An existing one stays as it is. Raises StoreError."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        hint = "Set STEPCHAT_HOME to a directory you can write to."
        if isinstance(error, FileExistsError):
            raise StoreError(f"Cannot use the directory {path}: it is a file.", f"Move it away. Or: {hint}") from error
        raise StoreError(f"Cannot use the directory {path}: {error.strerror or error}.", hint) from error
    return path


def path_exists(path: Path) -> bool:
    """Whether it exists; False if this user cannot see it."""
    try:
        return path.exists()
    except OSError:
        return False


def write_private(path: Path, content: bytes) -> bool:
    """Replace a file atomically; only its owner can read it. Returns False if it cannot be written."""
    import tempfile

    try:
        private_directory(path.parent)
        # mkstemp creates it with mode 0600.
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:50]}.")
    except (OSError, StoreError):
        return False
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        return False
    return True
