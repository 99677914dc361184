"""JSON in, the same JSON out: numbers keep their spelling, keys their order, lone surrogates survive.

`json` alone turns `1.10` into `1.1` and `1e400` into `Infinity`; what a server wants back must be what it sent.
"""

from __future__ import annotations

import json
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any, Self, cast


class Number(float):
    """A JSON number with a fraction or an exponent, as it was spelled."""

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


_decoder = json.JSONDecoder(parse_float=Number, parse_constant=_no_constant)


def loads(text: str) -> Any:
    """Parse. Raises ValueError."""
    try:
        return _decoder.decode(text)
    except RecursionError:
        raise ValueError("JSON is nested too deeply") from None


def dumps(value: Any, *, ascii_only: bool = True) -> str:
    """Write compactly. `ascii_only` escapes everything else, so that lone surrogates can be encoded."""
    out: list[str] = []
    _write(value, out, encode_basestring_ascii if ascii_only else encode_basestring)
    return "".join(out)


def stored(value: Any) -> str:
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
