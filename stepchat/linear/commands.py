"""The slash commands of the linear mode: one table, from which /help and completion come."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stepchat.attachments.detection import describe
from stepchat.chat.attaching import attach_content, attach_files, files_named
from stepchat.chat.connection import find_server
from stepchat.chat.interrupted import CONTINUE
from stepchat.chat.switching import server_title, switch_server
from stepchat.chat.toolbox import check_names
from stepchat.concurrency import run_in_daemon
from stepchat.errors import StepchatError, UsageError
from stepchat.messages import AssistantMessage
from stepchat.parameters.budget import NAME as THINK_AT_MOST
from stepchat.parameters.budget import NO_LIMIT, parse_budget
from stepchat.parameters.scopes import set_values
from stepchat.parameters.values import parse_setting, parse_text
from stepchat.prompts.clipboard import read_clipboard, read_clipboard_file
from stepchat.prompts.library import fill_in, find_prompt, list_descriptions, prompt_names
from stepchat.text.format import date, money

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from stepchat.linear.chat import LinearChat

_MOST: Final = 20
"""Rows of a list."""
_SWITCH: Final = {"on": True, "off": False}


@dataclass(frozen=True, slots=True)
class Command:
    """A command: what it does, and its argument if it takes one."""

    name: str
    help: str
    run: Callable[[LinearChat, str], Awaitable[None]]
    argument: str = ""


async def help_(chat: LinearChat, _argument: str) -> None:
    for row in COMMANDS:
        chat.announcer.say(f"/{row.name} {row.argument}".rstrip() + f": {row.help}.")
    for name, description in list_descriptions(chat.workspace.paths.prompts):
        chat.announcer.say(f"/{name}: {description or 'a prompt of the library'}")
    chat.announcer.say(
        'Anything else is a question. """ begins and ends a text of several lines. Ctrl+C stops an answer, Ctrl+D quits.'
    )


async def quit_(chat: LinearChat, _argument: str) -> None:
    chat.is_over = True


async def new(chat: LinearChat, _argument: str) -> None:
    await chat.open(None)
    chat.announcer.say("New session.")


async def temporary(chat: LinearChat, _argument: str) -> None:
    if chat.workspace.start_options.temporary:
        await new(chat, "")
        return
    chat.is_over = chat.wants_temporary = True


async def retry(chat: LinearChat, _argument: str) -> None:
    if not chat.conversation.path:
        raise StepchatError("There is no question yet.")
    await chat.ask(None)


async def continue_(chat: LinearChat, _argument: str) -> None:
    path = chat.conversation.path
    last = path[-1].message if path else None
    if last is None:
        raise StepchatError("There is nothing to continue.")
    if isinstance(last, AssistantMessage) and last.complete and last.stop != "length":
        raise StepchatError("The last answer is complete.")
    await chat.ask(CONTINUE if isinstance(last, AssistantMessage) and last.text else None)


async def model(chat: LinearChat, argument: str) -> None:
    catalogue = chat.workspace.catalogue
    if not catalogue.models:
        await run_in_daemon(catalogue.read)
    if not argument:
        chat.announcer.say(f"Model: {chat.conversation.model}.")
        return
    chat.conversation.set_model(argument)
    chat.announcer.say(f"Model: {argument}.")
    if catalogue.models and catalogue.find(argument) is None:
        near = catalogue.nearest(argument)
        hint = f" Similar: {', '.join(near)}." if near else ""
        chat.announcer.say(f"It is not in the server's list of models; it is asked anyway.{hint}")


async def models(chat: LinearChat, argument: str) -> None:
    catalogue = chat.workspace.catalogue
    await run_in_daemon(catalogue.read)
    if catalogue.stale:
        await run_in_daemon(catalogue.refresh)
    found = catalogue.search(argument)
    for row in found[:_MOST]:
        chat.announcer.say(row.id)
    chat.announcer.say(_counted(len(found), "model"))


async def server(chat: LinearChat, argument: str) -> None:
    if not argument:
        chat.announcer.say(f"Server: {chat.workspace.server}.")
        return
    switched = await switch_server(chat.workspace, find_server(argument, chat.workspace.config))
    chat.set_workspace(switched.workspace)
    if switched.connection.config.model:
        chat.conversation.set_model(switched.connection.config.model)
    chat.announcer.say(f"Server: {server_title(switched.connection.config)}. Model: {chat.conversation.model}.")
    if switched.connection.key_error is not None:
        chat.announcer.fail(switched.connection.key_error)


async def sessions(chat: LinearChat, _argument: str) -> None:
    found = await chat.workspace.store.sessions(_MOST)
    for row in found:
        cost = "" if row.cost is None else f", {money(row.cost)}"
        turns = "1 turn" if row.turns == 1 else f"{row.turns} turns"
        chat.announcer.say(f"{row.id}: {row.title or 'untitled'}, {date(row.updated)}, {turns}{cost}")
    chat.announcer.say("/resume with an ID or with words opens one." if found else "No sessions yet.")


async def resume(chat: LinearChat, argument: str) -> None:
    if not argument:
        raise UsageError("Which session?", "Give an ID or words of it: /resume primes. /sessions lists the newest.")
    await chat.open(await chat.workspace.store.find(argument))
    chat.announce_session()


async def show(chat: LinearChat, argument: str) -> None:
    if argument not in {"", "all"}:
        raise UsageError(
            f"There is no {argument!r} to show.", "/show is the last exchange, /show all the whole session."
        )
    path = chat.conversation.path
    chat.announce_messages(path if argument else path[-2:])


async def reasoning(chat: LinearChat, argument: str) -> None:
    if argument not in {"", *_SWITCH}:
        raise UsageError(f"The reasoning is on or off, not {argument!r}.")
    chat.shows_reasoning = _SWITCH.get(argument, not chat.shows_reasoning)
    chat.announcer.say(f"Reasoning is {'read out' if chat.shows_reasoning else 'only announced'}.")


async def set_(chat: LinearChat, argument: str) -> None:
    conversation = chat.conversation
    if not argument:
        settings = ", ".join(f"{name}={value}" for name, value in conversation.parameters.items())
        chat.announcer.say(f"Parameters: {settings or 'the defaults of the server'}. /set NAME=VALUE changes one.")
        return
    name, value = parse_setting(argument)
    scopes = conversation.scopes
    changed = scopes.without("session", name) if value is None else scopes.with_setting("session", name, value)
    await conversation.set_scopes(changed)
    chat.announcer.say(f"{name} is {'not set' if value is None else value}.")


async def think(chat: LinearChat, argument: str) -> None:
    conversation = chat.conversation
    if argument:
        value = None if argument.lower() in NO_LIMIT else parse_text(THINK_AT_MOST, argument)
        scopes = conversation.scopes
        await conversation.set_scopes(
            scopes.without("session", THINK_AT_MOST)
            if value is None
            else scopes.with_setting("session", THINK_AT_MOST, value)
        )
    limit = parse_budget(conversation.scopes.resolve(THINK_AT_MOST).value)
    chat.announcer.say(
        f"Thinks at most {limit}, then answers." if limit else "No limit on thinking. /think 20s sets one."
    )


async def system(chat: LinearChat, argument: str) -> None:
    session = chat.conversation.session
    if session is not None:
        if argument:
            raise StepchatError("The system prompt belongs to the whole session.", "Start a new one first: /new")
        chat.announcer.say(f"System prompt: {session.system or 'none'}.")
        return
    chat.set_workspace(replace(chat.workspace, system=argument or None))
    chat.announcer.say("System prompt set for the new session." if argument else "No system prompt.")


async def title(chat: LinearChat, argument: str) -> None:
    session = chat.conversation.session
    if session is None:
        raise StepchatError("This session has not started yet.", "Ask something first.")
    chat.announcer.say(f"Title: {await chat.workspace.store.set_title(session.id, argument)}.")


async def attach(chat: LinearChat, argument: str) -> None:
    """Attach files or the clipboard; without an argument, list the attached files."""
    workspace, slug = chat.workspace, chat.conversation.model
    if not argument:
        names = ", ".join(f"{one.name}, {describe(one)}" for one in chat.attachments)
        chat.announcer.say(f"Attached: {names}." if names else "No files are attached.")
        return
    if argument == "clipboard":
        name, content = await run_in_daemon(read_clipboard_file, workspace.environ)
        found = (await attach_content(workspace, slug, name, content),)
    else:
        found = await attach_files(workspace, slug, await run_in_daemon(files_named, argument))
    chat.attachments = tuple(dict.fromkeys((*chat.attachments, *found)))
    for one in found:
        chat.announcer.say(f"Attached {one.name}, {describe(one)}, about {one.tokens:,} tokens.")


async def detach(chat: LinearChat, argument: str) -> None:
    kept = tuple(one for one in chat.attachments if argument not in {"", one.name})
    count = len(chat.attachments) - len(kept)
    chat.attachments = kept
    chat.announcer.say(f"Detached {count} file{'' if count == 1 else 's'}.")


COMMANDS: Final = (
    Command("help", "List the commands", help_),
    Command("quit", "Quit", quit_),
    Command("new", "Start a new session", new),
    Command("temporary", "Start a session that is not stored", temporary),
    Command("retry", "Regenerate the last answer", retry),
    Command("continue", "Continue a truncated, stopped or interrupted answer", continue_),
    Command("show", "Read the last exchange again, or the whole session", show, "[all]"),
    Command("sessions", "List the newest sessions", sessions),
    Command("resume", "Open a session", resume, "ID or words"),
    Command("title", "Set the title; without one, restore the automatic title", title, "TEXT"),
    Command("model", "Show or change the model", model, "[NAME]"),
    Command("models", "List the models of the server", models, "[WORDS]"),
    Command("server", "Show or change the server", server, "[NAME]"),
    Command("system", "Set the system prompt of a new session", system, "TEXT"),
    Command("attach", "Attach files to the next question; without a path, list them", attach, "[PATH|clipboard]"),
    Command("detach", "Remove this file; without a name, all of them", detach, "[NAME]"),
    Command("set", "Set a request parameter", set_, "NAME=VALUE"),
    Command("think", "Limit the reasoning, then answer", think, "[20s or TOKENS or off]"),
    Command("reasoning", "Read the reasoning out, or only announce it", reasoning, "[on|off]"),
)
"""Add a command here."""
BY_NAME: Final = {row.name: row for row in COMMANDS}


async def ask_with(chat: LinearChat, name: str, typed: str) -> None:
    """Ask with a prompt of the library; see docs/prompts.md. Raises StepchatError."""
    prompt = find_prompt(chat.workspace.paths.prompts, name)
    environ = chat.workspace.environ
    text = ""
    if prompt.text.parts or typed:
        text = fill_in(prompt, typed, Path.cwd(), lambda: read_clipboard(environ))
    await check_names(prompt.tools, chat.workspace.tools)
    if prompt.starts_session:
        await chat.open(None)
        if prompt.server:
            await server(chat, prompt.server)
        if prompt.model:
            await model(chat, prompt.model)
        if prompt.tools:
            await chat.conversation.set_tools(prompt.tools)
        if prompt.system is not None:
            chat.set_workspace(replace(chat.workspace, system=prompt.system))
        chat.announcer.say(f"New session with the prompt {prompt.name}.")
    scopes = chat.conversation.scopes
    if prompt.starts_session:
        await chat.conversation.set_scopes(replace(scopes, session=set_values(scopes.session, prompt.settings)))
    else:
        await chat.conversation.set_scopes(replace(scopes, once=set_values(scopes.once, prompt.settings)))
    if text:
        await chat.ask(text)


def complete(chat: LinearChat, line: str) -> list[str]:
    """The completions of a line."""
    if not line.startswith("/"):
        return []
    name, space, argument = line[1:].partition(" ")
    if not space:
        return [f"/{known}" for known in (*BY_NAME, *prompt_names(chat.workspace.paths.prompts))]
    if name == "model":
        return [f"/model {row.id}" for row in chat.workspace.catalogue.search(argument)]
    return []


def _counted(number: int, noun: str) -> str:
    more = f" The first {_MOST} are above." if number > _MOST else ""
    return f"{number} {noun}{'' if number == 1 else 's'}.{more}"
