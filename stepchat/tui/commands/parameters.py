"""Commands about request parameters: set, once, presets, profiles."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stepchat.catalogue.capabilities import unsupported_reason
from stepchat.chat.connection import find_server
from stepchat.chat.presets import delete_preset, find_preset, find_profile, profile_settings, read_presets, save_preset
from stepchat.concurrency import run_in_daemon
from stepchat.errors import UsageError
from stepchat.messages import AssistantMessage
from stepchat.parameters.schema import correction_prompt, schema_mismatch, schema_of, wants_json
from stepchat.parameters.scopes import set_values
from stepchat.parameters.table import PARAMETERS, allowed_text, find_parameter
from stepchat.parameters.values import format_value, parse_schema, parse_text
from stepchat.servers.refusals import clear_rejection, reasoning_settings
from stepchat.tui.commands.command import Command, check_idle
from stepchat.tui.dialogs.pick import Choice, Picker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.parameters.scopes import Scope, Scopes
    from stepchat.parameters.scopes import Settings as Pairs
    from stepchat.tui.chat.screen import ChatScreen

_SETTING = re.compile(r"\s*([^\s=]+)(\s*=|\s+|$)\s*(.*)", re.DOTALL)


async def settings(screen: ChatScreen, argument: str) -> None:
    from stepchat.tui.dialogs.settings import SettingsScreen

    conversation, catalogue = screen.conversation, screen.workspace.catalogue

    async def write(changed: Scopes) -> None:
        before = reasoning_settings(conversation.parameters)
        if changed.preset != conversation.scopes.preset and changed.preset_name:
            before = conversation.scopes.preset
            await save_preset(screen.workspace.store, changed.preset_name, changed.preset, before)
        await conversation.set_scopes(changed)
        for setting in reasoning_settings(conversation.parameters):
            if setting not in before:
                await _clear_rejection(screen, setting.partition("=")[0])

    await conversation.load_rejected_settings()
    model = catalogue.find(conversation.model)
    await screen.app.push_screen_wait(
        SettingsScreen(
            conversation.scopes,
            lambda parameter, value: (
                unsupported_reason(parameter, model, value) or conversation.rejection_reason(parameter.name, value)
            ),
            write,
            screen.app.push_screen_wait,
            model=conversation.model.rpartition("/")[2],
            defaults=dict(model.default_parameters) if model is not None else None,
            typed=argument,
        )
    )


async def set_parameter(screen: ChatScreen, argument: str) -> None:
    await _set(screen, argument, "session")


async def set_once(screen: ChatScreen, argument: str) -> None:
    await _set(screen, argument, "once")


async def _set(screen: ChatScreen, argument: str, scope: Scope) -> None:
    """`NAME=VALUE` or `NAME VALUE`; a name alone shows its value."""
    found = _SETTING.match(argument)
    scopes = screen.conversation.scopes
    if found is None and scope == "once":
        kept = (
            f"For the next question only: {_words(scopes.once)}."
            if scopes.once
            else "Nothing is set for the next question only."
        )
        screen.flash(f"{kept} /once NAME=VALUE sets a parameter.")
        return
    if found is None:
        await settings(screen, "")
        return
    name, sign, text = found.groups()
    if not text and "=" not in sign:
        parameter, decided = find_parameter(name), scopes.resolve(name)
        stands = (
            f"{name} = {format_value(decided.value)}, from {decided.scope}" if decided.scope else f"{name} is not sent"
        )
        screen.flash(f"{stands}; it must be {allowed_text(parameter)}.")
        return
    value = parse_text(name, text)
    await put(screen, scope, [(name, value)])
    when = " for the next question" if scope == "once" else ""
    if value is None:
        screen.flash(f"{name} is not sent{when}.")
    else:
        reason = unsupported_reason(
            find_parameter(name), screen.workspace.catalogue.find(screen.conversation.model), value
        )
        is_effort = name in {"reasoning.effort", "reasoning_effort"}
        reason += ", so it is not sent" if reason and is_effort else ""
        screen.flash(f"{name} = {format_value(value)}{when}{f', but {reason}' if reason else ''}")


async def schema(screen: ChatScreen, argument: str) -> None:
    """Request answers in JSON by a schema. `off` stops that; without an argument, the schema is shown."""
    if argument:
        value = None if argument == "off" else await run_in_daemon(parse_schema, argument)
        await put(screen, "session", [("response_format", value)])
        row, model = find_parameter("response_format"), screen.workspace.catalogue.find(screen.conversation.model)
        reason = unsupported_reason(row, model, value)
        screen.flash(
            "Answers are not bound to a schema." if value is None
            else f"Answers follow the schema{f', but it is {reason}' if reason else ''}. /schema shows it, /schema off ends it."
        )  # fmt: skip
        return
    value = screen.conversation.parameters.get("response_format")
    if value is None:
        screen.flash("No schema. For example: /schema name, age int, tags [str]")
        return
    from stepchat.chat.inspection import json_lines
    from stepchat.chat.spending import ReportLine
    from stepchat.tui.dialogs.report import TextDialog

    found = schema_of({"response_format": value})
    lines = [ReportLine(line) for line in json_lines(value if found is None else found)]
    await screen.app.push_screen_wait(TextDialog("Schema of the answers", lambda _: lines))


async def correct(screen: ChatScreen, _argument: str) -> None:
    """Send what is wrong with the last answer back to the model."""
    last = screen.conversation.path[-1].message if screen.conversation.path else None
    if not isinstance(last, AssistantMessage) or not wants_json(last.parameters):
        screen.flash("The last answer was not asked for as JSON.")
        return
    mismatch = await run_in_daemon(schema_mismatch, last.text, last.parameters)
    if mismatch:
        screen.ask(correction_prompt(mismatch), is_typed=False)
    else:
        screen.flash("The last answer matches its schema.")


async def put(screen: ChatScreen, scope: Scope, settings: Sequence[tuple[str, Any]]) -> None:
    """Set these values; None unsets."""
    scopes = screen.conversation.scopes
    for name, value in settings:
        scopes = scopes.with_setting(scope, name, value)
    await screen.conversation.set_scopes(scopes)
    for name, _ in settings:
        await _clear_rejection(screen, name)


async def _clear_rejection(screen: ChatScreen, name: str) -> None:
    """Send a setting that the user names again, even if the server rejected it before."""
    conversation, workspace = screen.conversation, screen.workspace
    named = [setting for setting in reasoning_settings(conversation.parameters) if setting.startswith(f"{name}=")]
    if named:
        await clear_rejection(workspace.store, workspace.client.base_url, conversation.model, named)
        await conversation.load_rejected_settings()


def _offers(screen: ChatScreen, typed: str) -> Sequence[tuple[str, str]]:
    """Names, those with this prefix first; after `NAME=` its values."""
    found = _SETTING.match(typed)
    name, sign, text = found.groups() if found else ("", "", "")
    if sign:
        return [(f"{name}={value}", words) for value, words in _values(screen, name, text)]
    named = [(f"{row.name}=", row.help) for row in PARAMETERS]
    starting = [offer for offer in named if offer[0].startswith(name)]
    return starting + [offer for offer in named if name in offer[0] and offer not in starting]


def _values(screen: ChatScreen, name: str, typed: str) -> Sequence[tuple[str, str]]:
    """Values of a parameter. The first is what is typed already, so that Enter accepts it."""
    try:
        row = find_parameter(name)
    except UsageError:
        return []
    choices = row.choices or (("true", "false") if row.kind == "bool" else ())
    if typed:
        return [(choice, "") for choice in choices if choice.startswith(typed)]
    decided = screen.conversation.scopes.resolve(name)
    unset = (
        f"unset; it is {format_value(decided.value)}, from {decided.scope}" if decided.value is not None else "not sent"
    )
    example = [] if choices or not row.example else [(row.example, "for example")]
    return [("", f"{unset}; {allowed_text(row)}"), *((choice, "") for choice in choices), *example]


async def preset(screen: ChatScreen, argument: str) -> None:
    store, scopes = screen.workspace.store, screen.conversation.scopes
    presets = await read_presets(store)
    verb, _, name = argument.partition(" ")
    match verb, name.strip():
        case ("save", name) if name:
            kept = set_values(scopes.preset, scopes.session)
            await save_preset(store, name, kept)
            # The session's settings are the preset's now, so the request stays the same.
            await screen.conversation.set_scopes(replace(scopes, preset=kept, preset_name=name, session=(), missing=""))
            screen.flash(f"Preset {name}: {_words(kept)}")
            return
        case ("delete", name) if name:
            await delete_preset(store, name)
            screen.flash(f"Preset {name} deleted.")
            if name != scopes.preset_name:
                return
            chosen = ""
        case ("off", ""):
            chosen = ""
        case ("", ""):
            rows = [Choice(name, name, detail=_words(settings)) for name, settings in presets.items()]
            picked = await screen.app.push_screen_wait(
                Picker("Presets", rows, empty_text="No presets yet: /preset save NAME saves what this session has set.")
            )
            if picked is None:
                return
            chosen = picked
        case _:
            chosen = argument
    settings = find_preset(presets, chosen) if chosen else ()
    changed = replace(scopes, preset=settings, preset_name=chosen, missing="")
    changed.checked()
    await screen.conversation.set_scopes(changed)
    if chosen or verb == "off":
        screen.flash(f"Preset {chosen}: {_words(settings)}" if chosen else "No preset.")


def _words(settings: Pairs) -> str:
    return ", ".join(f"{name}={format_value(value)}" for name, value in settings) or "nothing set"


async def profile(screen: ChatScreen, argument: str) -> None:
    """Switch to its server, model and parameters; to its system prompt if the session has not started."""
    scopes = screen.conversation.scopes
    tables = {table.name: table for table in screen.workspace.config.profiles}
    if not argument:
        rows = [Choice(name, name, detail=str(table.values.get("model", ""))) for name, table in tables.items()]
        picked = await screen.app.push_screen_wait(
            Picker("Profiles", rows, empty_text="No profiles yet: add a table [profiles.NAME] to config.toml.")
        )
        if picked is None:
            return
        argument = picked
    if argument == "off":
        await screen.conversation.set_scopes(replace(scopes, profile=(), profile_name="", missing=""))
        screen.panes.set_system_prompt(None, before=scopes.profile_name)
        screen.flash("No profile.")
        return
    table = find_profile(screen.workspace.config, argument)
    changed = replace(scopes, profile=profile_settings(table), profile_name=argument, missing="")
    changed.checked()
    check_idle(screen)
    model = table.values.get("model") or ""
    if named := table.values.get("server") or table.values.get("base_url"):
        place = find_server(named, screen.workspace.config)
        if place.base_url != screen.workspace.client.base_url:
            await screen.switch_server(replace(place, model=model or place.model))
    if model and model != screen.conversation.model:
        await screen.switch_model(model)
    await screen.conversation.set_scopes(changed)
    # A session that has started keeps its system prompt.
    system = table.values.get("system") if screen.conversation.session is None else None
    screen.panes.set_system_prompt(system, before=scopes.profile_name)
    screen.flash(f"Profile {argument}: {screen.conversation.model}, {_words(changed.profile)}")


def _profiles(screen: ChatScreen) -> Sequence[tuple[str, str]]:
    return [
        *((table.name, str(table.values.get("model", ""))) for table in screen.workspace.config.profiles),
        ("off", ""),
    ]


COMMANDS: tuple[Command, ...] = (
    Command(
        "settings",
        "Show and change request parameters",
        settings,
        ("f4", "leader comma"),
        "[WORDS]",
        synonyms=("config", "temperature", "parameters", "options", "preferences"),
    ),
    Command("set", "Set a request parameter", set_parameter, (), "NAME=VALUE", completions=_offers),
    Command(
        "once", "Set a request parameter for the next question only", set_once, (), "NAME=VALUE", completions=_offers
    ),
    Command(
        "schema",
        "Answer in JSON by a schema: a file, or fields such as name, age int",
        schema,
        (),
        "[SCHEMA|off]",
        options=lambda _: [("off", "answer in text again")],
    ),
    Command("correct", "Ask for a corrected answer if it violates the schema", correct, needs=("idle",)),
    Command("preset", "Use or save a preset of parameters", preset, (), "[NAME|save NAME|delete NAME|off]"),
    Command("profile", "Use a profile of config.toml", profile, (), "[NAME|off]", _profiles),
)
