"""A request as a command for a shell that says the same, with the key's variable where the key was."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST = 100_000
"""Characters that may stand in one argument; most systems refuse more than 128 KB."""
_OWN = frozenset({"user-agent", "accept-encoding"})
"""Headers of the program, not of the request."""


def curl(url: str, headers: Mapping[str, str], body: str, variable: str) -> str:
    """The command. `body` is one line of ASCII JSON; `variable` names the place of the key in the environment."""
    parts = [f"curl --no-buffer {shlex.quote(url)}"]
    for name, value in headers.items():
        match name.lower():
            case "authorization":
                parts.append(f'-H "Authorization: Bearer ${variable}"')
            case known if known in _OWN:
                pass
            case _:
                parts.append(f"-H {shlex.quote(f'{name}: {value}')}")
    if len(body) <= _LONGEST:
        return " \\\n  ".join([*parts, f"--data-raw {shlex.quote(body)}"]) + "\n"
    # From standard input; no line of it can be the end mark, because it is one line that begins with a brace.
    return " \\\n  ".join([*parts, "--data-binary @- <<'END'"]) + f"\n{body}\nEND\n"
