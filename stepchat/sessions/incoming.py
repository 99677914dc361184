"""What an import brings, and the words for a file that cannot be used."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeGuard, TypeVar, cast

if TYPE_CHECKING:
    from stepchat.messages import Json
    from stepchat.sessions.records import Conversation

T = TypeVar("T")


class NotUsableError(ValueError):
    """What is wrong, and in which place of the file."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}" if place else problem)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A conversation from a file; `place` is where it was."""

    conversation: Conversation
    place: str


def is_object(value: Any) -> TypeGuard[Json]:
    """Whether it is a JSON object."""
    return isinstance(value, dict)


def an_object(value: Any, place: str) -> Json:
    """Raises NotUsableError; so do the others."""
    return cast("Json", a(dict, value, place))


def a_list(value: Any, place: str) -> list[Any]:
    return cast("list[Any]", a(list, value, place))


def a_text(value: Any, place: str) -> str:
    return a(str, value, place)


def a_text_or_nothing(value: Any, place: str) -> str | None:
    return None if value is None else a(str, value, place)


def a_time(value: Any, place: str) -> float:
    """Seconds since 1970."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(float(value)):
        raise NotUsableError(place, f"{_named(value)} instead of a time")
    return float(value)


def a(kind: type[T], value: Any, place: str) -> T:
    if not isinstance(value, kind):
        raise NotUsableError(place, f"{_named(value)} instead of {_NAMES[kind.__name__]}")
    return value


_NAMES: Final = {"dict": "an object", "list": "a list", "str": "a text", "bool": "true or false"}


def _named(value: Any) -> str:
    return "nothing" if value is None else _NAMES.get(type(value).__name__, "a number")
