"""The models a person likes, and those chosen last: kept among the store's settings."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from stepchat.sessions.store import SessionStore

FAVOURITES, RECENT = "favourite models", "recent models"
MOST_RECENT = 8


@dataclass(frozen=True, slots=True)
class Choices:
    """Slugs; the recent ones begin with the newest."""

    favourites: tuple[str, ...] = ()
    recent: tuple[str, ...] = ()

    @property
    def first(self) -> tuple[str, ...]:
        """What stands at the top."""
        return tuple(dict.fromkeys(self.favourites + self.recent))


async def read_choices(store: SessionStore) -> Choices:
    return Choices(await _read(store, FAVOURITES), await _read(store, RECENT))


async def toggle_favourite(store: SessionStore, slug: str) -> Choices:
    """Like it, or no longer."""
    liked = await _read(store, FAVOURITES)
    liked = tuple(name for name in liked if name != slug) if slug in liked else (*liked, slug)
    await store.set_setting(FAVOURITES, json.dumps(liked))
    return await read_choices(store)


async def remember_recent(store: SessionStore, slug: str) -> None:
    """It was chosen just now."""
    recent = await _read(store, RECENT)
    kept = (slug, *(name for name in recent if name != slug))[:MOST_RECENT]
    await store.set_setting(RECENT, json.dumps(kept))


async def _read(store: SessionStore, name: str) -> tuple[str, ...]:
    try:
        value: Any = json.loads(await store.setting(name) or "[]")
    except ValueError:
        return ()
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return tuple(item for item in items if isinstance(item, str))
