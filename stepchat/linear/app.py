"""The linear mode: the chat as appended lines, for screen readers, dumb terminals, serial lines and `script`."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from stepchat.chat.command_lines import command_name, nearest_command
from stepchat.concurrency import run_in_daemon
from stepchat.errors import StepchatError
from stepchat.linear.chat import LinearChat
from stepchat.linear.commands import BY_NAME, ask_with, complete
from stepchat.linear.line_input import LineInput
from stepchat.prompts.library import prompt_names

if TYPE_CHECKING:
    from stepchat.chat.workspace import Workspace


def run_linear(workspace: Workspace, *, shows_reasoning: bool) -> bool:
    """Run until the user quits. Returns whether to continue with a temporary session."""
    with asyncio.Runner() as runner:
        chat = runner.run(_begin(workspace, shows_reasoning=shows_reasoning))
        try:
            _read_lines(chat, runner)
        finally:
            runner.run(chat.workspace.close())
    if chat.conversation.session is not None:
        is_temporary = workspace.start_options.temporary
        resume = f"Resume with: stepchat --resume {chat.conversation.session.id}"
        chat.announcer.say("Nothing of this session is stored." if is_temporary else resume)
    return chat.wants_temporary


async def _begin(workspace: Workspace, *, shows_reasoning: bool) -> LinearChat:
    session = workspace.session
    path = await workspace.store.complete_path(session.id) if session is not None else []
    chat = LinearChat(workspace, path, sys.stdout, shows_reasoning=shows_reasoning)
    with suppress(StepchatError):
        await run_in_daemon(workspace.catalogue.read)
    # In a temporary session, readline's list has only what is typed in it, and is never written.
    chat.input = LineInput((await workspace.store.prompts())[::-1], lambda line: complete(chat, line))
    await chat.greet()
    for name in workspace.start_options.files:
        await handle(chat, f"/attach {name}")
    return chat


def _read_lines(chat: LinearChat, runner: asyncio.Runner) -> None:
    """Read and handle lines. No event loop runs while readline waits, so it controls the terminal and Ctrl+C."""
    while not chat.is_over and chat.input is not None:
        try:
            line = chat.input.read()
        except EOFError:
            chat.announcer.say("")
            return
        except KeyboardInterrupt:
            chat.announcer.say("\nNothing to stop. Ctrl+D or /quit quits.")
            continue
        if line:
            try:
                runner.run(handle(chat, line))
            except KeyboardInterrupt:
                chat.announcer.say("Cancelled.")


async def handle(chat: LinearChat, line: str) -> None:
    """Run a command, or ask a question. Errors are announced."""
    try:
        await _run(chat, line)
    except StepchatError as error:
        chat.announcer.fail(error)


async def _run(chat: LinearChat, line: str) -> None:
    name, argument = command_name(line), line.partition(" ")[2].strip()
    if not name:
        await chat.ask(line)
    elif (command := BY_NAME.get(name)) is not None:
        await command.run(chat, argument)
    elif name in prompt_names(chat.workspace.paths.prompts):
        await ask_with(chat, name, argument)
    else:
        near = nearest_command(name, BY_NAME)
        hint = f"Did you mean /{near}?" if near else "/help lists the commands."
        raise StepchatError(f"There is no command /{name}.", f"{hint} A space before it makes it a question.")
