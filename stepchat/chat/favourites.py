"""The models a person likes, and those chosen last: kept among the store's settings."""

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
    """Slugs; the recent ones begin with the newest."""

    favourites: tuple[str, ...] = ()
    recent: tuple[str, ...] = ()

    @property
    def first(self) -> tuple[str, ...]:
        """What stands at the top."""
        return tuple(dict.fromkeys(self.favourites + self.recent))


async def read_model_choices(store: SessionStore) -> ModelChoices:
    return ModelChoices(_slugs(await store.setting(FAVOURITES)), _slugs(await store.setting(RECENT)))


async def toggle_favourite(store: SessionStore, slug: str) -> ModelChoices:
    """Like it, or no longer. Raises StoreError when what is kept cannot be read: that is not written over."""

    def change(kept: str | None) -> str:
        liked = _items(kept)
        if liked is None:
            raise StoreError(
                f"The favourite models in {store.file} cannot be read (table setting, row {FAVOURITES!r}).",
                "Nothing was changed. A newer stepchat may read them; or mend or delete that row with sqlite3.",
            )
        return json.dumps([name for name in liked if name != slug] if slug in liked else [*liked, slug])

    await store.update_setting(FAVOURITES, change)
    return await read_model_choices(store)


async def remember_recent(store: SessionStore, slug: str) -> None:
    """It was chosen just now."""

    def change(kept: str | None) -> str:
        return json.dumps([slug, *(name for name in _slugs(kept) if name != slug)][:MOST_RECENT])

    await store.update_setting(RECENT, change)


def _slugs(kept: str | None) -> tuple[str, ...]:
    """Without what cannot be read: a picker without them is better than none."""
    return tuple(item for item in _items(kept) or () if isinstance(item, str))


def _items(kept: str | None) -> list[Any] | None:
    """What is kept, None when that is no list."""
    try:
        value: Any = json.loads(kept or "[]")
    except ValueError:
        return None
    return cast("list[Any]", value) if isinstance(value, list) else None
