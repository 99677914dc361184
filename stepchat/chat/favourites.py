"""Favourite and recently used models, stored in the session database."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from stepchat.errors import StoreError

if TYPE_CHECKING:
    from stepchat.sessions.store import SessionStore

FAVOURITES, RECENT = "favourite models", "recent models"
MOST_RECENT = 8


@dataclass(frozen=True, slots=True)
class ModelChoices:
    """Slugs of models; recent ones are newest first."""

    favourites: tuple[str, ...] = ()
    recent: tuple[str, ...] = ()

    @property
    def first(self) -> tuple[str, ...]:
        """The models at the top of the list."""
        return tuple(dict.fromkeys(self.favourites + self.recent))


async def read_model_choices(store: SessionStore) -> ModelChoices:
    return ModelChoices(_slugs(await store.setting(FAVOURITES)), _slugs(await store.setting(RECENT)))


async def toggle_favourite(store: SessionStore, slug: str) -> ModelChoices:
    """Make a model a favourite, or no longer. Raises StoreError if the stored list is unreadable, and leaves it as it is."""

    def change(stored: str | None) -> str:
        favourites = _items(stored)
        if favourites is None:
            raise StoreError(
                f"The favourite models in {store.file} cannot be read (table setting, row {FAVOURITES!r}).",
                "Nothing was changed. A newer stepchat may be able to read them; otherwise fix or delete the row with sqlite3.",
            )
        return json.dumps([name for name in favourites if name != slug] if slug in favourites else [*favourites, slug])

    await store.update_setting(FAVOURITES, change)
    return await read_model_choices(store)


async def remember_recent(store: SessionStore, slug: str) -> None:
    """Put a model first in the list of recent ones."""

    def change(stored: str | None) -> str:
        return json.dumps([slug, *(name for name in _slugs(stored) if name != slug)][:MOST_RECENT])

    await store.update_setting(RECENT, change)


def _slugs(stored: str | None) -> tuple[str, ...]:
    """The slugs that can be read; a picker with fewer models is better than none."""
    return tuple(item for item in _items(stored) or () if isinstance(item, str))


def _items(stored: str | None) -> list[Any] | None:
    """The stored list; None if it is not a list."""
    try:
        value: Any = json.loads(stored or "[]")
    except ValueError:
        return None
    return cast("list[Any]", value) if isinstance(value, list) else None
