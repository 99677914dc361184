"""Named sets of parameters: profiles, which the user writes in config.toml, and presets, which the window saves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from stepchat import exact_json
from stepchat.errors import UsageError
from stepchat.scopes import Scopes, Settings, from_stored, put_all, to_stored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepchat.config import Config, Table
    from stepchat.sessions.records import Session
    from stepchat.sessions.store import SessionStore

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
    """All that were saved, by name."""
    try:
        data: Any = exact_json.loads(await store.setting(_SETTING) or "{}")
    except ValueError:
        data = {}
    presets = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
    return {
        name: from_stored(cast("dict[str, Any]", value)) for name, value in presets.items() if isinstance(value, dict)
    }


async def save_preset(store: SessionStore, name: str, settings: Settings) -> None:
    """Raises UsageError for a name that could not be typed again."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a preset.", "One word of letters, digits, dots and dashes.")
    presets = await read_presets(store)
    await _write(store, {**presets, name: settings})


async def delete_preset(store: SessionStore, name: str) -> None:
    """Raises UsageError."""
    presets = await read_presets(store)
    find_preset(presets, name)
    await _write(store, {kept: settings for kept, settings in presets.items() if kept != name})


async def _write(store: SessionStore, presets: Mapping[str, Settings]) -> None:
    await store.set_setting(_SETTING, exact_json.dumps({name: to_stored(value) for name, value in presets.items()}))


def find_preset(presets: Mapping[str, Settings], name: str) -> Settings:
    """Raises UsageError."""
    if name in presets:
        return presets[name]
    hint = f"Known ones: {', '.join(presets)}." if presets else "/preset save NAME keeps the parameters of a session."
    raise UsageError(f"There is no preset {name!r}.", hint)


def scopes_for(
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
        session=put_all(from_stored(session.parameters) if session else (), settings),
        once=once,
        profile_name=profile_name,
        preset_name=preset_name,
        missing=f"This session uses the {' and the '.join(gone)}, which {'are' if len(gone) > 1 else 'is'} gone."
        if gone
        else "",
    )
