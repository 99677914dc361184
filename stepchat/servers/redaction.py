"""Removes secrets from any part of a value. A value without secrets is returned as the same object."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def redacted(value: T, redact: Callable[[str], str]) -> T:
    """Applies `redact` to every string in dicts, lists, tuples and dataclasses."""
    return cast("T", _redacted(value, redact))


def _redacted(value: Any, redact: Callable[[str], str]) -> Any:
    match value:
        case str():
            cleaned: Any = redact(value)
            return value if cleaned == value else cleaned
        case dict():
            original = cast("dict[Any, Any]", value)
            pairs = [(_redacted(key, redact), _redacted(item, redact)) for key, item in original.items()]
            same = all(a is c and b is d for (a, b), (c, d) in zip(pairs, original.items(), strict=True))
            return original if same else dict(pairs)
        case list() | tuple():
            items = cast("list[Any] | tuple[Any, ...]", value)
            cleaned = [_redacted(item, redact) for item in items]
            if all(a is b for a, b in zip(cleaned, items, strict=True)):
                return items
            return cleaned if isinstance(items, list) else tuple(cleaned)
        case _ if is_dataclass(value) and not isinstance(value, type):
            original = {field.name: getattr(value, field.name) for field in fields(value)}
            cleaned = {name: _redacted(item, redact) for name, item in original.items()}
            changed = {name: item for name, item in cleaned.items() if item is not original[name]}
            return replace(cast("Any", value), **changed) if changed else value
        case _:
            return value
