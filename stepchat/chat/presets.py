"""Named sets of parameters: profiles, written by the user in config.toml, and presets, saved by the window."""

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
    """The profile with this name. Raises UsageError."""
    for table in config.profiles:
        if table.name == name:
            return table
    known = ", ".join(table.name for table in config.profiles)
    hint = f"Known profiles: {known}." if known else "Add a table [profiles.NAME] to config.toml."
    raise UsageError(f"There is no profile {name!r}.", hint)


def profile_settings(table: Table) -> Settings:
    """The parameters of a profile."""
    found: Any = table.values.get("parameters", ())
    return found


async def read_presets(store: SessionStore) -> dict[str, Settings]:
    """All saved presets by name. Raises StoreError if they cannot be read."""
    presets = _raw(await store.setting(_SETTING), store.file)
    return {name: from_stored(cast("Json", value)) for name, value in presets.items() if isinstance(value, dict)}


async def read_presets_or_empty(store: SessionStore) -> dict[str, Settings]:
    """All saved presets; none if they cannot be read, because a session opens without them as well."""
    with suppress(StoreError):
        return await read_presets(store)
    return {}


async def save_preset(store: SessionStore, name: str, settings: Settings, before: Settings | None = None) -> None:
    """Save a preset. Settings that a newer version stored in it are preserved.

    `before` are the settings from which the user started; None means those on disk. Raises UsageError for an invalid name.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is not a valid preset name.", "Use one word of letters, digits, dots and dashes.")

    def change(presets: Json) -> Json:
        stored: Any = presets.get(name, {})
        if not isinstance(stored, dict):
            raise _unreadable(f"The preset {name}", "it is not a table", store.file)
        stored = cast("Json", stored)
        return {**presets, name: update_stored(stored, from_stored(stored) if before is None else before, settings)}

    await _change(store, change)


async def delete_preset(store: SessionStore, name: str) -> None:
    """Raises UsageError if there is no such preset."""

    def change(presets: Json) -> Json:
        find_preset(presets, name)
        return {other: value for other, value in presets.items() if other != name}

    await _change(store, change)


async def _change(store: SessionStore, change: Callable[[Json], Json]) -> None:
    await store.update_setting(_SETTING, lambda stored: lossless_json.dumps(change(_raw(stored, store.file))))


def _raw(stored: str | None, file: Path) -> Json:
    """The presets, including entries by a newer version. Raises StoreError."""
    try:
        presets: Any = lossless_json.loads(stored or "{}")
    except ValueError as error:
        raise _unreadable("The presets", str(error), file) from None
    if not isinstance(presets, dict):
        raise _unreadable("The presets", "it is not a table of presets", file)
    return cast("Json", presets)


def _unreadable(what: str, why: str, file: Path) -> StoreError:
    return StoreError(
        f"{what} in {file} cannot be read (table setting, row {_SETTING!r}): {why}.",
        "Nothing was changed. A newer stepchat may be able to read it; otherwise fix or delete that row with sqlite3.",
    )


def find_preset(presets: Mapping[str, T], name: str) -> T:
    """The preset with this name. Raises UsageError."""
    if name in presets:
        return presets[name]
    hint = (
        f"Known presets: {', '.join(presets)}." if presets else "/preset save NAME saves the parameters of a session."
    )
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
    """The parameters of a session: its own, and those of the command line, which win. Raises UsageError.

    A profile or preset of the session that no longer exists is ignored and mentioned in `missing`.
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
