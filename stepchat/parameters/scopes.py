"""Where a parameter's value comes from: config file, profile, preset, session or one turn; the later one wins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, get_args

from stepchat.errors import UsageError
from stepchat.parameters.rules import check_combinations
from stepchat.parameters.table import PARAMETERS
from stepchat.parameters.values import parse_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stepchat.messages import Json

Settings: TypeAlias = tuple[tuple[str, Any], ...]
"""Dotted names with values, in the order they were set. None unsets the value of a weaker scope."""

Scope: TypeAlias = Literal["config", "profile", "preset", "session", "once"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
LOCAL = frozenset(row.name for row in PARAMETERS if row.is_local)
"""Parameters that stepchat uses itself."""


@dataclass(frozen=True, slots=True)
class ResolvedSetting:
    """The value that is sent under a name (None: nothing), and the scope it comes from (None: no scope sets it)."""

    value: Any = None
    scope: Scope | None = None


@dataclass(frozen=True, slots=True)
class Scopes:
    """The settings of each scope, from the weakest to the strongest."""

    config: Settings = ()
    profile: Settings = ()
    preset: Settings = ()
    session: Settings = ()
    once: Settings = ()
    profile_name: str = ""
    preset_name: str = ""
    missing: str = ""
    """A sentence about a profile or preset that the session refers to and that no longer exists."""

    def settings_of(self, scope: Scope) -> Settings:
        """The settings of one scope."""
        return {
            "config": self.config,
            "profile": self.profile,
            "preset": self.preset,
            "session": self.session,
            "once": self.once,
        }[scope]

    def request(self) -> Json:
        """The parameters of the next request, without those that are never sent."""
        settings = (setting for scope in SCOPES for setting in self.settings_of(scope))
        return to_request(setting for setting in settings if setting[0] not in LOCAL)

    def checked(self) -> Json:
        """The parameters of the next request. Raises UsageError if some cannot be combined."""
        parameters = self.request()
        check_combinations(parameters)
        return parameters

    def resolve(self, name: str) -> ResolvedSetting:
        """The value of a name, and the scope it comes from."""
        scope: Scope | None = None
        value: Any = None
        settings: Settings = ()
        for candidate in SCOPES:
            layer = self.settings_of(candidate)
            settings += layer
            before, value = value, value_at(to_request(settings), name) if layer else value
            sets = any(_within(set_name, name) for set_name, _ in layer)
            # A map that lacks this name counts only if it hides the value of a weaker scope.
            if sets or ((before, value) != (None, None) and any(_within(name, set_name) for set_name, _ in layer)):
                scope = candidate
        return ResolvedSetting(value, scope)

    def with_setting(self, scope: Scope, name: str, value: Any) -> Scopes:
        """Set a value in this scope. None sends nothing, whatever a weaker scope sets. Raises UsageError."""
        changed = self._with(scope, set_value(self.settings_of(scope), name, value))
        if value is None:
            without = self.without(scope, name)
            # There is nothing to unset if no weaker scope sets it.
            changed = changed if without.resolve(name).value is not None else without
        changed.checked()
        return changed

    def without(self, scope: Scope, name: str) -> Scopes:
        """Remove a value from this scope, so that the weaker scopes decide."""
        return self._with(scope, tuple(pair for pair in self.settings_of(scope) if not _within(pair[0], name)))

    def after_turn(self, asked: Settings) -> Scopes:
        """Remove what was set for the question just asked, but not what was set for the next one since."""
        return replace(self, once=tuple(pair for pair in self.once if pair not in asked))

    def _with(self, scope: Scope, settings: Settings) -> Scopes:
        match scope:
            case "config":
                return replace(self, config=settings)
            case "profile":
                return replace(self, profile=settings)
            case "preset":
                return replace(self, preset=settings)
            case "session":
                return replace(self, session=settings)
            case "once":
                return replace(self, once=settings)


def set_value(settings: Iterable[tuple[str, Any]], name: str, value: Any) -> Settings:
    """Add a setting; it replaces those of the same name or within it."""
    return (*(pair for pair in settings if not _within(pair[0], name)), (name, value))


def set_values(settings: Iterable[tuple[str, Any]], more: Iterable[tuple[str, Any]]) -> Settings:
    """Add settings, one after the other."""
    together = tuple(settings)
    for name, value in more:
        together = set_value(together, name, value)
    return together


def _within(name: str, whole: str) -> bool:
    return name == whole or name.startswith(f"{whole}.")


def to_request(settings: Iterable[tuple[str, Any]]) -> Json:
    """The nested JSON of a request. Later settings win, None removes a name."""
    body: Json = {}
    for name, value in settings:
        target = body
        *outer, last = name.split(".")
        for key in outer:
            inner = target.get(key)
            target[key] = dict(cast("Json", inner)) if isinstance(inner, dict) else {}
            target = target[key]
        if value is None:
            target.pop(last, None)
        else:
            target[last] = value
    return {name: value for name, value in body.items() if value != {} or name == "logit_bias"}


def value_at(parameters: Json, name: str) -> Any:
    """The value at a dotted name; None if there is none."""
    value: Any = parameters
    for key in name.split("."):
        value = cast("Json", value).get(key) if isinstance(value, dict) else None
    return value


def from_stored(data: Mapping[str, Any]) -> Settings:
    """Reads the result of `update_stored`. Settings that are unknown or invalid here are not sent, but stay on disk."""
    found: list[tuple[str, Any]] = []
    for name, value in data.items():
        try:
            found.append((name, None if value is None else parse_value(name, value)))
        except UsageError:
            continue
    return tuple(found)


def update_stored(stored: Json, before: Settings, after: Settings) -> Json:
    """Returns the stored settings with the changes from `before` to `after`. Other stored settings stay."""
    unchanged = [setting for setting in before if setting in after]
    common = next(
        (index for index, pair in enumerate(zip(unchanged, after, strict=False)) if pair[0] != pair[1]), len(unchanged)
    )
    names = {name for name, _ in after}
    removed = {name for name, _ in before} - names
    pairs = tuple((name, value) for name, value in stored.items() if name not in removed)
    return dict(set_values(pairs, after[common:]))
