"""Copying: to the terminal (OSC 52, which works over SSH), to tmux, and to a clipboard tool of this machine if there is one.

Nothing that a shell or a terminal would obey is copied.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from stepchat.text.sanitize import sanitize_for_clipboard

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textual.app import App

OSC_52: Final = "\x1b]52;"
MAX_SEQUENCE: Final = 100_000
"""The longest OSC 52 sequence, which is a third longer than its text; many terminals ignore longer ones."""
_SCREEN_CHUNK: Final = 200
"""Characters that every version of GNU screen forwards in one DCS string."""
_TOOLS: Final = (
    ("WAYLAND_DISPLAY", ("wl-copy",)),
    ("DISPLAY", ("xclip", "-selection", "clipboard")),
    ("DISPLAY", ("xsel", "--clipboard", "--input")),
)
"""A variable that must be set in the environment, and the command of the tool."""
_TMUX: Final = ("TMUX", ("tmux", "load-buffer", "-w", "-"))
"""Loads a text into the buffer of tmux, which forwards it to the terminal around it."""
_TIMEOUT: Final = 5.0


def copy(app: App[Any], text: str, environ: Mapping[str, str] = os.environ) -> str:
    """Copy a text. Returns a message for the user at once; a tool that fails later is not reported."""
    text = sanitize_for_clipboard(text)
    app.copy_to_clipboard(text)
    tools = _tools(environ)
    if not app.is_headless:
        app.run_worker(partial(copy_with_tools, text, environ), thread=True, group="clipboard", exit_on_error=False)
    count = f"{len(text):,} character{'' if len(text) == 1 else 's'}"
    if tools:
        return f"Copied {count}."
    size = len(text.encode("utf-8", "replace")) * 4 // 3
    if size <= MAX_SEQUENCE:
        return f"Sent {count} to the terminal."
    return f"Sent {count} to the terminal, which may be too many for it. To save them: /copy PART FILE"


def for_multiplexer(sequence: str, environ: Mapping[str, str]) -> str:
    """Wraps an OSC 52 sequence so that tmux and GNU screen forward it to the terminal around them."""
    if "TMUX" in environ:
        # tmux takes the plain one if `set-clipboard` is on, and passes on the other if `allow-passthrough` is.
        return sequence + "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    if "STY" in environ or environ.get("TERM", "").startswith("screen"):
        chunks = (sequence[at : at + _SCREEN_CHUNK] for at in range(0, len(sequence), _SCREEN_CHUNK))
        wrapped = "".join(f"\x1bP{chunk}\x1b\\" for chunk in chunks)
        # Over SSH only TERM is known, and it may be that of tmux.
        return wrapped if "STY" in environ else sequence + wrapped
    return sequence


def copy_with_tools(text: str, environ: Mapping[str, str]) -> bool:
    """Copy a text to tmux, if it is running, and to the first tool that works. Returns whether one did."""
    tmux = _give(text, environ, _found([_TMUX], environ))
    return _give(text, environ, _tools(environ)) or tmux


def _tools(environ: Mapping[str, str]) -> list[Sequence[str]]:
    mac = _found([("PATH", ("pbcopy",))], environ) if sys.platform == "darwin" else []
    return _found(_TOOLS, environ) + mac


def _give(text: str, environ: Mapping[str, str], commands: Sequence[Sequence[str]]) -> bool:
    import subprocess

    for command in commands:
        try:
            done = subprocess.run(
                command,
                input=text.encode(),
                env=dict(environ),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_TIMEOUT,
                start_new_session=True,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            return True
    return False


def _found(tools: Sequence[tuple[str, Sequence[str]]], environ: Mapping[str, str]) -> list[Sequence[str]]:
    """The commands that are installed and whose variable is set."""
    from shutil import which

    path = environ.get("PATH", "")
    wanted = [command for variable, command in tools if environ.get(variable)]
    return [(found, *command[1:]) for command in wanted if (found := which(command[0], path=path))]
