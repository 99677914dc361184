"""The short form of a JSON schema: `name, age int, tags [str], address {street, zip str?}, kind a|b: what it is`.

Fields are separated by commas or newlines. A field is a name, a type (str if left out) and, after a colon, a description up to
the next comma or newline. `?` after a type allows null. Every field is required, and no other is allowed.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from stepchat.errors import UsageError

if TYPE_CHECKING:
    from stepchat.messages import Json

TYPES: Final[dict[str, Json]] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "any": {},
}
"""Add a type here."""
_SYNONYMS: Final = {"string": "str", "text": "str", "integer": "int", "number": "float", "boolean": "bool"}
_HINT: Final = "For example: 'name, age int, tags [str], kind small|large, address {street, zip str?}'"
_TOKEN: Final = re.compile(r"[ \t\r]*(?:(?P<word>[^\W][\w.-]*)|(?P<sign>[\n,:?|\[\]{}])|(?P<bad>\S))")
_DESCRIPTION: Final = re.compile(r"[^,\n{}\[\]]*")
_MOST_LEVELS: Final = 10


class _Token(NamedTuple):
    text: str
    """A word, a sign, or "" at the end."""
    at: int
    is_word: bool = False


def parse_short_schema(text: str) -> Json:
    """The JSON schema. Raises UsageError with the position of what is wrong."""
    parser = _Parser(text)
    schema = parser.fields("")
    if not schema["properties"]:
        raise parser.error("a field is missing")
    return schema


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._next = self._read()

    def _read(self) -> _Token:
        match = _TOKEN.match(self._text, self._at)
        if match is None:
            return _Token("", len(self._text))
        if match["bad"] is not None:
            self._next = _Token(match["bad"], match.start("bad"))
            raise self.error(f"{match['bad']!r} does not belong here")
        self._at = match.end()
        name = match.lastgroup or "sign"
        return _Token(match[name], match.start(name), name == "word")

    def _take(self, sign: str = "") -> _Token | None:
        """The next token, if it is this sign or, without one, a word."""
        token = self._next
        if not (token.text == sign if sign else token.is_word):
            return None
        self._next = self._read()
        return token

    def error(self, what: str, token: _Token | None = None) -> UsageError:
        at = (token or self._next).at
        line, column = self._text.count("\n", 0, at) + 1, at - self._text.rfind("\n", 0, at)
        where = f"column {column}" if "\n" not in self._text else f"line {line}, column {column}"
        stop = "" if what.endswith("?") else "."
        return UsageError(f"The schema is wrong at {where}: {what}{stop}", _HINT)

    def fields(self, end: str) -> Json:
        """The fields up to this sign, as an object."""
        properties: Json = {}
        while True:
            while self._take(",") or self._take("\n"):
                pass
            if self._next.text == end and not self._next.is_word:
                break
            name = self._take()
            if name is None:
                raise self.error(
                    f"a name is expected, not {self._next.text!r}" if self._next.text else f"{end} is missing"
                )
            if name.text in properties:
                raise self.error(f"{name.text} occurs twice", name)
            properties[name.text] = self._field()
            if self._next.text not in {",", "\n", end} or self._next.is_word:
                raise self.error(
                    f"a comma is expected, not {self._next.text!r}" if self._next.text else f"{end} is missing"
                )
        if end:
            self._take(end)
        return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}

    def _field(self) -> Json:
        schema = self._type() if self._next.is_word or self._next.text in {"[", "{"} else dict(TYPES["str"])
        if self._take("?"):
            schema = _or_null(schema)
        if self._next.text == ":":
            match = _DESCRIPTION.match(self._text, self._at)
            words = match[0].strip() if match else ""
            self._at += len(match[0]) if match else 0
            self._next = self._read()
            schema |= {"description": words} if words else {}
        return schema

    def _type(self) -> Json:
        self._depth += 1
        if self._depth > _MOST_LEVELS:
            raise self.error(f"nested more than {_MOST_LEVELS} levels deep")
        try:
            if self._take("{"):
                return self.fields("}")
            if self._take("["):
                return self._list()
            word = self._take()
            if word is None:
                raise self.error(
                    f"a type is expected, not {self._next.text!r}" if self._next.text else "a type is missing"
                )
            return self._choices(word) if self._next.text == "|" else self._named(word)
        finally:
            self._depth -= 1

    def _list(self) -> Json:
        items = dict(TYPES["str"]) if self._next.text == "]" else self._type()
        if self._take("?"):
            items = _or_null(items)
        if self._take("]") is None:
            raise self.error("] is missing")
        return {"type": "array", "items": items}

    def _choices(self, first: _Token) -> Json:
        words = [first.text]
        while self._take("|"):
            word = self._take()
            if word is None:
                raise self.error("a word is expected after |")
            words.append(word.text)
        return {"type": "string", "enum": list(dict.fromkeys(words))}

    def _named(self, word: _Token) -> Json:
        name = _SYNONYMS.get(word.text.lower(), word.text.lower())
        if name not in TYPES:
            near = get_close_matches(name, [*TYPES, *_SYNONYMS], 1)
            meant = f"did you mean {near[0]}?" if near else f"types: {', '.join(TYPES)}"
            raise self.error(f"there is no type {word.text}; {meant}", word)
        return dict(TYPES[name])


def _or_null(schema: Json) -> Json:
    kind: Any = schema.get("type")
    if not isinstance(kind, str):
        return schema
    more = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, "type": [kind, "null"], **more}
