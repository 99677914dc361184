"""Where the first frame finds its files: the paths of config/paths.py, without importing it. A test compares the two."""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def first_frame_path(environ: "Mapping[str, str]") -> str:
    """`Paths.first_frame`."""
    return f"{_directory(environ, 'XDG_STATE_HOME', '.local/state')}/first-frame"


def database_path(environ: "Mapping[str, str]") -> str:
    """`Paths.database`."""
    return f"{_directory(environ, 'XDG_DATA_HOME', '.local/share')}/sessions.db"


def _directory(environ: "Mapping[str, str]", variable: str, below: str) -> str:
    home = environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 - pathlib is not loaded yet
    if own := environ.get("STEPCHAT_HOME"):
        return home + own[1:] if own == "~" or own.startswith("~/") else own
    if (base := environ.get(variable, "").strip()).startswith("/"):
        return f"{base}/stepchat"
    below = "Library/Application Support" if sys.platform == "darwin" else below
    return f"{home}/{below}/stepchat"
