"""Commands about request parameters: set, once, presets, profiles."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stepchat.catalogue.capabilities import unsupported_reason
from stepchat.chat.connection import find_server
from stepchat.chat.presets import delete_preset, find_preset, find_profile, profile_settings, read_presets, save_preset
from stepchat.chat.switching import set_system_prompt, switch_model, switch_server
from stepchat.errors import StepchatError, UsageError
from stepchat.parameters.scopes import set_values
from stepchat.parameters.table import PARAMETERS, allowed_text, find_parameter
from stepchat.parameters.values import format_value, parse_text
from stepchat.servers.refusals import clear_rejection, reasoning_settings
from stepchat.tui.commands.command import Command
from stepchat.tui.dialogs.pick import Choice, Picker
from stepchat.tui.dialogs.settings import SettingsScreen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.parameters.scopes import Scope, Scopes
    from stepchat.parameters.scopes import Settings as Pairs
    from stepchat.tui.commands.command import Chat

_SETTING = re.compile(r"\s*([^\s=]+)(\s*=|\s+|$)\s*(.*)", re.DOTALL)


async def settings(chat: Chat, argument: str) -> None:
    conversation, catalogue = chat.conversation, chat.workspace.catalogue

    async def write(changed: Scopes) -> None:
        before = reasoning_settings(conversation.parameters)
        if changed.preset != conversation.scopes.preset and changed.preset_name:
            before = conversation.scopes.preset
            await save_preset(chat.workspace.store, changed.preset_name, changed.preset, before)
        await conversation.set_scopes(changed)
        for setting in reasoning_settings(conversation.parameters):
            if setting not in before:
                await _try_again(chat, setting.partition("=")[0])

    await conversation.load_rejected_settings()
    model = catalogue.find(conversation.model)
    await chat.app.push_screen_wait(
        SettingsScreen(
            conversation.scopes,
            lambda parameter, value: (
                unsupported_reason(parameter, model, value) or conversation.rejection_reason(parameter.name, value)
            ),
            write,
            chat.app.push_screen_wait,
            model=conversation.model.rpartition("/")[2],
            defaults=dict(model.default_parameters) if model is not None else None,
            typed=argument,
        )
    )


async def set_parameter(chat: Chat, argument: str) -> None:
    await _set(chat, argument, "session")


async def set_once(chat: Chat, argument: str) -> None:
    await _set(chat, argument, "once")


async def _set(chat: Chat, argument: str, scope: Scope) -> None:
    """`NAME=VALUE` or `NAME VALUE`; a name alone asks how it stands."""
    found = _SETTING.match(argument)
    scopes = chat.conversation.scopes
    if found is None and scope == "once":
        kept = f"For the next question only: {_words(scopes.once)}." if scopes.once else "Nothing is set only once."
        chat.tell(f"{kept} /once NAME=VALUE sets it.")
        return
    if found is None:
        await settings(chat, "")
        return
    name, sign, text = found.groups()
    if not text and "=" not in sign:
        parameter, decided = find_parameter(name), scopes.resolve(name)
        stands = (
            f"{name} = {format_value(decided.value)}, from {decided.scope}" if decided.scope else f"{name} is not sent"
        )
        chat.tell(f"{stands}; it must be {allowed_text(parameter)}.")
        return
    value = parse_text(name, text)
    await put(chat, scope, [(name, value)])
    when = " for the next question" if scope == "once" else ""
    if value is None:
        chat.tell(f"{name} is not sent{when}.")
    else:
        reason = unsupported_reason(find_parameter(name), chat.workspace.catalogue.find(chat.conversation.model), value)
        chat.tell(f"{name} = {format_value(value)}{when}{f', but {reason}' if reason else ''}")


async def put(chat: Chat, scope: Scope, settings: Sequence[tuple[str, Any]]) -> None:
    """Ask with these values from now on; None sends nothing."""
    scopes = chat.conversation.scopes
    for name, value in settings:
        scopes = scopes.with_setting(scope, name, value)
    await chat.conversation.set_scopes(scopes)
    for name, _ in settings:
        await _try_again(chat, name)


async def _try_again(chat: Chat, name: str) -> None:
    """What the user names anew is sent, also when the server did not take it before."""
    conversation, workspace = chat.conversation, chat.workspace
    named = [setting for setting in reasoning_settings(conversation.parameters) if setting.startswith(f"{name}=")]
    if named:
        await clear_rejection(workspace.store, workspace.client.base_url, conversation.model, named)
        await conversation.load_rejected_settings()


def _offers(chat: Chat, typed: str) -> Sequence[tuple[str, str]]:
    """Names, those that begin so first; after `NAME=` its values."""
    found = _SETTING.match(typed)
    name, sign, text = found.groups() if found else ("", "", "")
    if sign:
        return [(f"{name}={value}", words) for value, words in _values(chat, name, text)]
    named = [(f"{row.name}=", row.help) for row in PARAMETERS]
    starting = [offer for offer in named if offer[0].startswith(name)]
    return starting + [offer for offer in named if name in offer[0] and offer not in starting]


def _values(chat: Chat, name: str, typed: str) -> Sequence[tuple[str, str]]:
    """The first is what is typed already, so that Enter means just that."""
    try:
        row = find_parameter(name)
    except UsageError:
        return []
    choices = row.choices or (("true", "false") if row.kind == "bool" else ())
    if typed:
        return [(choice, "") for choice in choices if choice.startswith(typed)]
    decided = chat.conversation.scopes.resolve(name)
    unset = (
        f"unset; it is {format_value(decided.value)}, from {decided.scope}" if decided.value is not None else "not sent"
    )
    example = [] if choices or not row.example else [(row.example, "for example")]
    return [("", f"{unset}; {allowed_text(row)}"), *((choice, "") for choice in choices), *example]


async def preset(chat: Chat, argument: str) -> None:
    store, scopes = chat.workspace.store, chat.conversation.scopes
    presets = await read_presets(store)
    verb, _, name = argument.partition(" ")
    match verb, name.strip():
        case ("save", name) if name:
            kept = set_values(scopes.preset, scopes.session)
            await save_preset(store, name, kept)
            # What was the session's is the preset's now: the same is sent.
            await chat.conversation.set_scopes(replace(scopes, preset=kept, preset_name=name, session=(), missing=""))
            chat.tell(f"Preset {name}: {_words(kept)}")
            return
        case ("delete", name) if name:
            await delete_preset(store, name)
            chat.tell(f"The preset {name} is gone.")
            if name != scopes.preset_name:
                return
            chosen = ""
        case ("off", ""):
            chosen = ""
        case ("", ""):
            rows = [Choice(name, name, detail=_words(settings)) for name, settings in presets.items()]
            picked = await chat.app.push_screen_wait(
                Picker("Presets", rows, empty_text="No presets yet: /preset save NAME keeps what this session has set.")
            )
            if picked is None:
                return
            chosen = picked
        case _:
            chosen = argument
    settings = find_preset(presets, chosen) if chosen else ()
    changed = replace(scopes, preset=settings, preset_name=chosen, missing="")
    changed.checked()
    await chat.conversation.set_scopes(changed)
    if chosen or verb == "off":
        chat.tell(f"Preset {chosen}: {_words(settings)}" if chosen else "No preset.")


def _words(settings: Pairs) -> str:
    return ", ".join(f"{name}={format_value(value)}" for name, value in settings) or "nothing set"


async def profile(chat: Chat, argument: str) -> None:
    """Its server, model and parameters at once; its system prompt when the session has not begun."""
    scopes = chat.conversation.scopes
    tables = {table.name: table for table in chat.workspace.config.profiles}
    if not argument:
        rows = [Choice(name, name, detail=str(table.values.get("model", ""))) for name, table in tables.items()]
        picked = await chat.app.push_screen_wait(
            Picker("Profiles", rows, empty_text="No profiles: write a table [profiles.NAME] into config.toml.")
        )
        if picked is None:
            return
        argument = picked
    if argument == "off":
        await chat.conversation.set_scopes(replace(scopes, profile=(), profile_name="", missing=""))
        set_system_prompt(chat, None, before=scopes.profile_name)
        chat.tell("No profile.")
        return
    table = find_profile(chat.workspace.config, argument)
    changed = replace(scopes, profile=profile_settings(table), profile_name=argument, missing="")
    changed.checked()
    if chat.conversation.busy:
        raise StepchatError("It is still answering.", "Esc stops it.")
    model = table.values.get("model") or ""
    if named := table.values.get("server") or table.values.get("base_url"):
        place = find_server(named, chat.workspace.config)
        if place.base_url != chat.workspace.client.base_url:
            await switch_server(chat, replace(place, model=model or place.model))
    if model and model != chat.conversation.model:
        await switch_model(chat, model)
    await chat.conversation.set_scopes(changed)
    # That of a session that has begun stays.
    system = table.values.get("system") if chat.conversation.session is None else None
    set_system_prompt(chat, system, before=scopes.profile_name)
    chat.tell(f"Profile {argument}: {chat.conversation.model}, {_words(changed.profile)}")


def _profiles(chat: Chat) -> Sequence[tuple[str, str]]:
    return [
        *((table.name, str(table.values.get("model", ""))) for table in chat.workspace.config.profiles),
        ("off", ""),
    ]


COMMANDS: tuple[Command, ...] = (
    Command("settings", "See and change the request parameters", settings, "f4", "[WORDS]"),
    Command("set", "Set a request parameter", set_parameter, None, "NAME=VALUE", completions=_offers),
    Command("once", "Set one for the next question only", set_once, None, "NAME=VALUE", completions=_offers),
    Command("preset", "Use saved parameters, or save them", preset, None, "[NAME|save NAME|delete NAME|off]"),
    Command("profile", "Use a profile of config.toml", profile, None, "[NAME|off]", _profiles),
)
