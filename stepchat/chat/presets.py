"""Named sets of parameters: profiles, which the user writes in config.toml, and presets, which the window saves."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar, cast

from stepchat import lossless_json
from stepchat.errors import StoreError, UsageError
from stepchat.parameters.scopes import Scopes, Settings, from_stored, set_values, update_stored

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from stepchat.config.file import Config, Table
    from stepchat.messages import Json
    from stepchat.sessions.records import Session
    from stepchat.sessions.store import SessionStore

T = TypeVar("T")

_SETTING = "presets"
_NAME = re.compile(r"\w[\w.-]{0,40}")


def find_profile(config: Config, name: str) -> Table:
    """Raises UsageError."""
    for table in config.profiles:
        if table.name == name:
            return table
    known = ", ".join(table.name for table in config.profiles)
    hint = f"Known ones: {known}." if known else "Write a table [profiles.NAME] into config.toml."
    raise UsageError(f"There is no profile {name!r}.", hint)


def profile_settings(table: Table) -> Settings:
    """The parameters of a profile."""
    found: Any = table.values.get("parameters", ())
    return found


async def read_presets(store: SessionStore) -> dict[str, Settings]:
    """All that were saved, by name. Raises StoreError when they cannot be read."""
    presets = _raw(await store.setting(_SETTING), store.file)
    return {name: from_stored(cast("Json", value)) for name, value in presets.items() if isinstance(value, dict)}


async def read_presets_or_none(store: SessionStore) -> dict[str, Settings]:
    """The same for opening a session, which does not fail for want of presets."""
    with suppress(StoreError):
        return await read_presets(store)
    return {}


async def save_preset(store: SessionStore, name: str, settings: Settings, before: Settings | None = None) -> None:
    """Keep it; what this version does not know in one of this name stays in it. `before` is what it was changed from,
    None when it does not matter.

    Raises UsageError for a name that could not be typed again.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a preset.", "One word of letters, digits, dots and dashes.")

    def change(presets: Json) -> Json:
        kept: Any = presets.get(name, {})
        if not isinstance(kept, dict):
            raise _unreadable(f"The preset {name}", "it is not a table", store.file)
        kept = cast("Json", kept)
        return {**presets, name: update_stored(kept, from_stored(kept) if before is None else before, settings)}

    await _change(store, change)


async def delete_preset(store: SessionStore, name: str) -> None:
    """Raises UsageError."""

    def change(presets: Json) -> Json:
        find_preset(presets, name)
        return {kept: value for kept, value in presets.items() if kept != name}

    await _change(store, change)


async def _change(store: SessionStore, change: Callable[[Json], Json]) -> None:
    await store.update_setting(_SETTING, lambda kept: lossless_json.dumps(change(_raw(kept, store.file))))


def _raw(kept: str | None, file: Path) -> Json:
    """The presets with all that a newer version may have written. Raises StoreError."""
    try:
        presets: Any = lossless_json.loads(kept or "{}")
    except ValueError as error:
        raise _unreadable("The presets", str(error), file) from None
    if not isinstance(presets, dict):
        raise _unreadable("The presets", "it is not a table of presets", file)
    return cast("Json", presets)


def _unreadable(what: str, why: str, file: Path) -> StoreError:
    return StoreError(
        f"{what} in {file} cannot be read (table setting, row {_SETTING!r}): {why}.",
        "Nothing was changed. A newer stepchat may read it; or mend or delete that row with sqlite3.",
    )


def find_preset(presets: Mapping[str, T], name: str) -> T:
    """Raises UsageError."""
    if name in presets:
        return presets[name]
    hint = f"Known ones: {', '.join(presets)}." if presets else "/preset save NAME keeps the parameters of a session."
    raise UsageError(f"There is no preset {name!r}.", hint)


def build_scopes(
    config: Config,
    presets: Mapping[str, Settings],
    session: Session | None = None,
    *,
    profile: str | None = None,
    preset: str | None = None,
    settings: Settings = (),
    once: Settings = (),
) -> Scopes:
    """What a session asks with: what it remembers, under what the command line says. Raises UsageError.

    A profile or preset that the session remembers and that is gone says nothing; `missing` tells.
    """
    profile_name = profile if profile is not None else session.profile if session else ""
    preset_name = preset if preset is not None else session.preset if session else ""
    if profile:
        find_profile(config, profile)
    if preset:
        find_preset(presets, preset)
    table = next((table for table in config.profiles if table.name == profile_name), None)
    gone = [
        *([f"profile {profile_name}"] if profile_name and table is None else []),
        *([f"preset {preset_name}"] if preset_name and preset_name not in presets else []),
    ]
    return Scopes(
        config=config.parameters,
        profile=profile_settings(table) if table else (),
        preset=presets.get(preset_name, ()),
        session=set_values(from_stored(session.parameters) if session else (), settings),
        once=once,
        profile_name=profile_name,
        preset_name=preset_name,
        missing=f"This session uses the {' and the '.join(gone)}, which cannot be found." if gone else "",
    )
