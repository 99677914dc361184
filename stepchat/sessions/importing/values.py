"""What an import brings, and the words for a file that cannot be used."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeGuard, TypeVar, cast

from stepchat.messages import sensible

if TYPE_CHECKING:
    from collections.abc import Generator

    from stepchat.messages import Json
    from stepchat.sessions.records import Conversation

T = TypeVar("T")

_LONGEST_PLACE, _LONGEST_PROBLEM = 300, 600


class NotUsableError(ValueError):
    """What is wrong, and in which place of the file."""

    def __init__(self, place: str, problem: str) -> None:
        # Either may hold a text of the file, however long.
        place, problem = _shortened(place, _LONGEST_PLACE), _shortened(problem, _LONGEST_PROBLEM)
        super().__init__(f"{place}: {problem}" if place else problem)


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}..."


@contextmanager
def reading(place: str) -> Generator[None]:
    """A fault while something foreign is read means that it cannot be used: no file may end the program."""
    try:
        yield
    except (NotUsableError, OSError):
        raise
    except Exception as error:
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise NotUsableError(place, f"It cannot be read ({what})") from error


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
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise NotUsableError(place, f"{_named(value)} instead of a time")
    time = sensible(value)
    if time is None:
        raise NotUsableError(place, "a number that is no time")
    return time


def a(kind: type[T], value: Any, place: str) -> T:
    if not isinstance(value, kind):
        raise NotUsableError(place, f"{_named(value)} instead of {_NAMES[kind.__name__]}")
    return value


_NAMES: Final = {"dict": "an object", "list": "a list", "str": "a text", "bool": "true or false"}


def _named(value: Any) -> str:
    return "nothing" if value is None else _NAMES.get(type(value).__name__, "a number")
