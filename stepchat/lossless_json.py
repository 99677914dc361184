"""JSON in, the same JSON out: numbers keep their spelling, keys their order, lone surrogates survive.

`json` alone turns `1.10` into `1.1` and `1e400` into `Infinity`; what a server wants back must be what it sent.
"""

from __future__ import annotations

import json
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any, Self, cast

_INT_DIGITS = 4000
"""Python reads and writes integers of at most 4300 digits."""
DEPTH = 200
"""Deeper than any protocol, and shallow enough to be written from any place in the program."""


class Number(float):
    """A JSON number that `int` would not keep as it was spelled: a fraction, an exponent, -0, thousands of digits."""

    literal: str

    def __new__(cls, literal: str) -> Self:
        """Read one literal."""
        number = super().__new__(cls, literal)
        number.literal = literal
        return number

    def __reduce__(self) -> tuple[type[Number], tuple[str]]:
        return Number, (self.literal,)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _integer(literal: str) -> int | Number:
    return Number(literal) if literal == "-0" or len(literal) > _INT_DIGITS else int(literal)


_decoder = json.JSONDecoder(parse_float=Number, parse_int=_integer, parse_constant=_no_constant)


def loads(text: str, *, any_depth: bool = False) -> Any:
    """Parse. Raises ValueError, also when it is nested more than 200 deep.

    With `any_depth` it may be as deep as Python reads, and what is kept of it must be checked with `is_deep`.
    """
    try:
        value = _decoder.decode(text)
    except RecursionError:
        raise ValueError("JSON is nested too deeply") from None
    if not any_depth and text.count("[") + text.count("{") > DEPTH and is_deep(value):
        raise ValueError("JSON is nested too deeply")
    return value


def is_deep(value: Any) -> bool:
    """Whether it is nested too deeply to be written."""
    level: list[Any] = [value]
    for _ in range(DEPTH + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, list | dict)
            for inner in (
                cast("dict[str, Any]", outer).values() if isinstance(outer, dict) else cast("list[Any]", outer)
            )
        ]
        if not level:
            return False
    return True


def dumps(value: Any, *, ascii_only: bool = True) -> str:
    """Write compactly. `ascii_only` escapes everything else, so that lone surrogates can be encoded."""
    out: list[str] = []
    _write(value, out, encode_basestring_ascii if ascii_only else encode_basestring)
    return "".join(out)


def dumps_for_storage(value: Any) -> str:
    """Write for disk: readable UTF-8 where it can be encoded, escapes where it cannot."""
    text = dumps(value, ascii_only=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return dumps(value)
    return text


def _write(value: Any, out: list[str], quote: Any) -> None:
    match value:
        case str():
            out.append(quote(value))
        case None:
            out.append("null")
        case True:
            out.append("true")
        case False:
            out.append("false")
        case Number():
            out.append(value.literal)
        case dict():
            separator = "{"
            for key, item in cast("dict[str, Any]", value).items():
                out.append(f"{separator}{quote(str(key))}:")
                _write(item, out, quote)
                separator = ","
            out.append("}" if separator == "," else "{}")
        case list() | tuple():
            separator = "["
            for item in cast("list[Any]", value):
                out.append(separator)
                _write(item, out, quote)
                separator = ","
            out.append("]" if separator == "," else "[]")
        case _:
            out.append(json.dumps(value, allow_nan=False))
