"""JSON in, the same JSON out: numbers keep their spelling, keys their order, lone surrogates survive.

`json` turns `1.10` into `1.1` and `1e400` into `Infinity`, but a server must get back exactly what it sent.
"""

from __future__ import annotations

import json
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any, Self, cast

_INT_DIGITS = 4000
"""Python converts integers of at most 4300 digits."""
DEPTH = 200
"""Deeper than any protocol, and shallow enough to write from anywhere in the program without exhausting the stack."""


class Number(float):
    """A JSON number whose spelling `int` would lose: a fraction, an exponent, -0, thousands of digits."""

    literal: str

    def __new__(cls, literal: str) -> Self:
        """Parse one literal."""
        number = super().__new__(cls, literal)
        number.literal = literal
        return number

    def __reduce__(self) -> tuple[type[Number], tuple[str]]:
        return Number, (self.literal,)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _integer(literal: str) -> int | Number:
    return Number(literal) if literal == "-0" or len(literal) > _INT_DIGITS else int(literal)


def _null(_name: str) -> None:
    return None


_decoder = json.JSONDecoder(parse_float=Number, parse_int=_integer, parse_constant=_no_constant)
_lenient_decoder = json.JSONDecoder(parse_float=Number, parse_int=_integer, parse_constant=_null, strict=False)


def loads(text: str, *, any_depth: bool = False, lenient: bool = False) -> Any:
    """Parse. Raises ValueError, also for nesting deeper than 200.

    With `any_depth`, only Python limits the nesting; check what is stored with `is_deep`. `lenient` accepts raw control
    characters in strings, and NaN and Infinity, which become null.
    """
    try:
        value = (_lenient_decoder if lenient else _decoder).decode(text)
    except RecursionError:
        raise ValueError("JSON is nested too deeply") from None
    if not any_depth and text.count("[") + text.count("{") > DEPTH and is_deep(value):
        raise ValueError("JSON is nested too deeply")
    return value


def is_deep(value: Any) -> bool:
    """Whether a value is nested too deeply to be written."""
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


def without_surrogates(text: str) -> str:
    """Returns the text with surrogate pairs joined and lone surrogates as U+FFFD: strict parsers reject those in JSON."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def dumps(value: Any, *, ascii_only: bool = True) -> str:
    """Write compactly. `ascii_only` escapes all other characters, so that lone surrogates can be encoded."""
    out: list[str] = []
    _write(value, out, encode_basestring_ascii if ascii_only else encode_basestring)
    return "".join(out)


def dumps_for_storage(value: Any) -> str:
    """Write for disk: readable UTF-8, or escapes if the text cannot be encoded."""
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
