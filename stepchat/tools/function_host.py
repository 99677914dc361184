"""The process in which functions of the user run; its arguments are FILE SHA256 [NAME].

Without a name it describes the functions of the file. With one it calls that function with the arguments on stdin. The answer
is one JSON object on stdout; what the function prints goes to stderr. Imports only what it needs, because each call starts it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import hashlib
import inspect
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from stepchat.tools.signature import SignatureError, arguments_of, describe

if TYPE_CHECKING:
    from collections.abc import Callable

_MODULE = "stepchat_user_tools"


def main() -> None:
    """Answer, and exit with 0 whatever happened: an error is an answer, too."""
    _end_with_parent()
    answer_to = os.dup(1)
    os.dup2(2, 1)
    file, digest, *name = sys.argv[1:]
    answer = _attempt(Path(file), digest, name[0] if name else None)
    with os.fdopen(answer_to, "wb") as stream:
        stream.write(json.dumps(answer, ensure_ascii=True).encode())


def _attempt(file: Path, digest: str, name: str | None) -> dict[str, Any]:
    try:
        functions = _load(file, digest)
        if name is None:
            return {"tools": [_described(one) for one in functions.values()]}
        function = functions[name]
        return {"result": _text(_call(function, json.loads(sys.stdin.buffer.read() or b"{}")))}
    except SyntaxError as error:
        return {"error": f"SyntaxError: {error.msg}", "line": error.lineno}
    except BaseException as error:  # noqa: BLE001 - the code of the user may raise anything, SystemExit included
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
        what = str(error) if isinstance(error, SignatureError) else f"{type(error).__name__}: {error}"
        return {"error": what, "line": lines[-1] if lines else getattr(error, "line", None)}


def _load(file: Path, digest: str) -> dict[str, Callable[..., Any]]:
    """The public functions that the file defines. Files beside it cannot be imported: nobody has approved them."""
    source = file.read_bytes()
    if hashlib.sha256(source).hexdigest() != digest:
        raise RuntimeError("the file has changed; the user has to approve it again in /tools")
    module = ModuleType(_MODULE)
    module.__file__ = str(file)
    sys.modules[_MODULE] = module
    exec(compile(source, str(file), "exec"), vars(module))  # noqa: S102 - approved by the user, byte for byte
    names = getattr(module, "__all__", [name for name in vars(module) if not name.startswith("_")])
    found = {name: getattr(module, name) for name in names}
    return {name: value for name, value in found.items() if inspect.isfunction(value) and value.__module__ == _MODULE}


def _described(function: Callable[..., Any]) -> dict[str, Any]:
    line = function.__code__.co_firstlineno
    try:
        described = describe(function)
    except SignatureError as error:
        error.line = line  # pyright: ignore[reportAttributeAccessIssue] - read by `_attempt`
        error.args = (f"{function.__name__}, {error}",)
        raise
    timeout = getattr(function, "timeout", None)
    return {
        "name": function.__name__,
        "description": described.description,
        "parameters": described.parameters,
        "read_only": getattr(function, "read_only", False) is True,
        "timeout": timeout if isinstance(timeout, int | float) else None,
        "line": line,
    }


def _call(function: Callable[..., Any], given: dict[str, Any]) -> Any:
    result = function(**arguments_of(function, given))
    return asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result


async def _awaited(result: Any) -> Any:
    return await result


def _text(result: Any) -> str:
    if isinstance(result, str):
        return result
    if result is None:
        return "Done."
    return json.dumps(result, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, enum.Enum):
        return value.value
    return sorted(map(str, value)) if isinstance(value, set | frozenset) else str(value)  # pyright: ignore[reportUnknownArgumentType] - any set


def _end_with_parent() -> None:
    """On Linux, end when stepchat is killed."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
