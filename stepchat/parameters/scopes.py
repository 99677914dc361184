"""Who decides a parameter's value: config file, profile, preset, session, one turn; the later wins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, get_args

from stepchat.errors import UsageError
from stepchat.parameters.rules import check_combinations
from stepchat.parameters.values import parse_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stepchat.messages import Json

Settings: TypeAlias = tuple[tuple[str, Any], ...]
"""Dotted names with values, in the order they were set. None takes out what a weaker scope set."""

Scope: TypeAlias = Literal["config", "profile", "preset", "session", "once"]
SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True, slots=True)
class ResolvedSetting:
    """What is sent under a name (None: nothing), and the scope that says so (None: no scope says anything)."""

    value: Any = None
    scope: Scope | None = None


@dataclass(frozen=True, slots=True)
class Scopes:
    """What each scope says, from the weakest to the strongest."""

    config: Settings = ()
    profile: Settings = ()
    preset: Settings = ()
    session: Settings = ()
    once: Settings = ()
    profile_name: str = ""
    preset_name: str = ""
    missing: str = ""
    """What the session remembers and that is gone, in a sentence."""

    def settings_of(self, scope: Scope) -> Settings:
        """What one scope says."""
        return {
            "config": self.config,
            "profile": self.profile,
            "preset": self.preset,
            "session": self.session,
            "once": self.once,
        }[scope]

    def request(self) -> Json:
        """The parameters of the next request."""
        return to_request(setting for scope in SCOPES for setting in self.settings_of(scope))

    def checked(self) -> Json:
        """The same. Raises UsageError when some do not go together."""
        parameters = self.request()
        check_combinations(parameters)
        return parameters

    def resolve(self, name: str) -> ResolvedSetting:
        """The value of one name, and where it comes from."""
        scope: Scope | None = None
        value: Any = None
        settings: Settings = ()
        for candidate in SCOPES:
            layer = self.settings_of(candidate)
            settings += layer
            before, value = value, value_at(to_request(settings), name) if layer else value
            said = any(_within(set_name, name) for set_name, _ in layer)
            # A map that says nothing about the name matters only when it hides what a weaker scope says.
            if said or ((before, value) != (None, None) and any(_within(name, set_name) for set_name, _ in layer)):
                scope = candidate
        return ResolvedSetting(value, scope)

    def with_setting(self, scope: Scope, name: str, value: Any) -> Scopes:
        """The value in this scope; None sends nothing, whatever a weaker scope says. Raises UsageError."""
        changed = self._with(scope, set_value(self.settings_of(scope), name, value))
        if value is None:
            without = self.without(scope, name)
            # Nothing needs to be said against scopes that say nothing.
            changed = changed if without.resolve(name).value is not None else without
        changed.checked()
        return changed

    def without(self, scope: Scope, name: str) -> Scopes:
        """Let the weaker scopes decide again."""
        return self._with(scope, tuple(pair for pair in self.settings_of(scope) if not _within(pair[0], name)))

    def after_turn(self, asked: Settings) -> Scopes:
        """Without what was set for that question alone; what was set for the next one meanwhile stays."""
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
    """The settings with one more; what it replaces is taken out."""
    return (*(pair for pair in settings if not _within(pair[0], name)), (name, value))


def set_values(settings: Iterable[tuple[str, Any]], more: Iterable[tuple[str, Any]]) -> Settings:
    """The settings with all of these, one after the other."""
    together = tuple(settings)
    for name, value in more:
        together = set_value(together, name, value)
    return together


def _within(name: str, whole: str) -> bool:
    return name == whole or name.startswith(f"{whole}.")


def to_request(settings: Iterable[tuple[str, Any]]) -> Json:
    """Dotted names to the nested form of the request; later ones win, None takes a name out."""
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
    """What stands under a dotted name, None when nothing does."""
    value: Any = parameters
    for key in name.split("."):
        value = cast("Json", value).get(key) if isinstance(value, dict) else None
    return value


def from_stored(data: Mapping[str, Any]) -> Settings:
    """Read what `update_stored` made. What this version does not know, or would refuse, is not sent; on disk it stays."""
    found: list[tuple[str, Any]] = []
    for name, value in data.items():
        try:
            found.append((name, None if value is None else parse_value(name, value)))
        except UsageError:
            continue
    return tuple(found)


def update_stored(kept: Json, before: Settings, after: Settings) -> Json:
    """What is on disk, with what this program changed in it. What it does not know stays, and so does what another
    program changed meanwhile."""
    stayed = [setting for setting in before if setting in after]
    alike = next(
        (place for place, pair in enumerate(zip(stayed, after, strict=False)) if pair[0] != pair[1]), len(stayed)
    )
    names = {name for name, _ in after}
    gone = {name for name, _ in before} - names
    pairs = tuple((name, value) for name, value in kept.items() if name not in gone)
    return dict(set_values(pairs, after[alike:]))
