"""Takes secrets out of what a server sent, wherever in it they are. What holds none stays the very same object."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def redacted(value: T, redact: Callable[[str], str]) -> T:
    """The same with `redact` applied to every string in it: in dicts, lists, tuples and dataclasses."""
    return cast("T", _redacted(value, redact))


def _redacted(value: Any, redact: Callable[[str], str]) -> Any:
    match value:
        case str():
            clean: Any = redact(value)
            return value if clean == value else clean
        case dict():
            given = cast("dict[Any, Any]", value)
            pairs = [(_redacted(key, redact), _redacted(item, redact)) for key, item in given.items()]
            same = all(a is c and b is d for (a, b), (c, d) in zip(pairs, given.items(), strict=True))
            return given if same else dict(pairs)
        case list() | tuple():
            items = cast("list[Any] | tuple[Any, ...]", value)
            found = [_redacted(item, redact) for item in items]
            if all(a is b for a, b in zip(found, items, strict=True)):
                return items
            return found if isinstance(items, list) else tuple(found)
        case _ if is_dataclass(value) and not isinstance(value, type):
            given = {field.name: getattr(value, field.name) for field in fields(value)}
            found = {name: _redacted(item, redact) for name, item in given.items()}
            changed = {name: item for name, item in found.items() if item is not given[name]}
            return replace(cast("Any", value), **changed) if changed else value
        case _:
            return value
