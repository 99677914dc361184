"""Checks of values in import files."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeGuard, TypeVar, cast

from stepchat.messages import valid_time

if TYPE_CHECKING:
    from collections.abc import Generator

    from stepchat.messages import Json
    from stepchat.sessions.records import SessionContent

T = TypeVar("T")

_LONGEST_PLACE, _LONGEST_PROBLEM = 300, 600


class InvalidImportError(ValueError):
    """An import file is invalid. The message says what is wrong, and where."""

    def __init__(self, place: str, problem: str) -> None:
        # Both may quote the file, which can be long.
        place, problem = _shortened(place, _LONGEST_PLACE), _shortened(problem, _LONGEST_PROBLEM)
        super().__init__(f"{place}: {problem}" if place else problem)


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}..."


@contextmanager
def invalid_if_it_fails(place: str) -> Generator[None]:
    """Turn any error while reading foreign data into an InvalidImportError, because no file may crash the program."""
    try:
        yield
    except (InvalidImportError, OSError):
        raise
    except Exception as error:
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise InvalidImportError(place, f"cannot be read ({what})") from error


@dataclass(frozen=True, slots=True)
class ImportedSession:
    """A session read from a file. `place` is its position, for errors."""

    content: SessionContent
    place: str


def is_object(value: Any) -> TypeGuard[Json]:
    """Whether a value is a JSON object."""
    return isinstance(value, dict)


def expect_object(value: Any, place: str) -> Json:
    """Raises InvalidImportError, as do the functions below."""
    return cast("Json", expect(dict, value, place))


def expect_list(value: Any, place: str) -> list[Any]:
    return cast("list[Any]", expect(list, value, place))


def expect_text(value: Any, place: str) -> str:
    return expect(str, value, place)


def expect_optional_text(value: Any, place: str) -> str | None:
    return None if value is None else expect(str, value, place)


def expect_time(value: Any, place: str) -> float:
    """Seconds since 1970."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise InvalidImportError(place, f"{_named(value)} instead of a time")
    time = valid_time(value)
    if time is None:
        raise InvalidImportError(place, "a number that is not a time")
    return time


def expect(kind: type[T], value: Any, place: str) -> T:
    if not isinstance(value, kind):
        raise InvalidImportError(place, f"{_named(value)} instead of {_NAMES[kind.__name__]}")
    return value


_NAMES: Final = {"dict": "an object", "list": "a list", "str": "a text", "bool": "true or false"}


def _named(value: Any) -> str:
    return "nothing" if value is None else _NAMES.get(type(value).__name__, "a number")
