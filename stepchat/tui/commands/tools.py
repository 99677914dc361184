"""Commands about tools: which are on, the question about a call, and results by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from stepchat.chat.spending import ReportLine
from stepchat.chat.tool_calls import calls_without_result
from stepchat.chat.toolbox import check_names
from stepchat.errors import StepchatError, UsageError
from stepchat.files import read_regular_file
from stepchat.messages import ToolMessage
from stepchat.tools.approvals import always_approved, forget_always
from stepchat.tui.commands.command import Command, check_idle
from stepchat.tui.dialogs.pick import Choice, Picker

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from stepchat.tools.base import Tool
    from stepchat.tui.chat.screen import ChatScreen
    from stepchat.tui.dialogs.tools import ToolRow


async def tools(screen: ChatScreen, argument: str) -> None:
    """The dialog, or `on NAME ...` and `off NAME ...`; `off` alone switches all off."""
    word, *names = argument.split() if argument else [""]
    sources = screen.workspace.tools
    match word:
        case "":
            await _show(screen)
        case "on" | "off":
            if word == "on" and not names:
                await sources.tools(())
                raise UsageError("Which tool?", f"Known tools: {', '.join(sources.known)}.")
            await check_names([name for name in names if name not in screen.conversation.toolbox.on], sources)
            await _switch(screen, names or screen.conversation.toolbox.on, on=word == "on")
            on = screen.conversation.toolbox.on
            screen.flash(f"Tools on: {', '.join(on)}." if on else "All tools are off.")
        case _:
            raise UsageError(f"/tools {word} is unknown.", "Use /tools, /tools on NAME or /tools off NAME.")


async def _switch(screen: ChatScreen, names: Sequence[str], *, on: bool) -> None:
    toolbox = screen.conversation.toolbox
    before: list[str] = list(toolbox.on)
    known = screen.workspace.tools.known
    if not on and (split := {known.get(name, "") for name in names if name not in before} & {*before}):
        # Of a group that is on, the other tools stay on.
        before += [name for name, group in known.items() if group in split]
        names = [*names, *split]
    rest = [name for name in dict.fromkeys(before) if name not in names]
    await screen.conversation.set_tools([*rest, *names] if on else rest)
    screen.refresh_status()


async def _show(screen: ChatScreen) -> None:
    from stepchat.tui.dialogs.report import TextDialog
    from stepchat.tui.dialogs.tools import ToolsDialog

    async def toggle(name: str) -> Sequence[ToolRow]:
        await _switch(screen, [name], on=not screen.conversation.toolbox.is_on(name))
        return await _rows(screen, known.values())

    async def ask_again(name: str) -> Sequence[ToolRow]:
        await forget_always(screen.workspace.store, name)
        screen.conversation.toolbox.approved.clear()
        return await _rows(screen, known.values())

    await _review_files(screen)
    if screen.workspace.config.mcp:
        screen.flash("Starting the MCP servers …")
    known = {tool.name: tool for tool in await screen.workspace.tools.tools()}
    for problem in screen.workspace.tools.problems:
        screen.notice(problem, kind="warning")

    def view(name: str) -> None:
        screen.app.push_screen(TextDialog(name, lambda _: _description(known[name])))

    await screen.app.push_screen_wait(ToolsDialog(await _rows(screen, known.values()), toggle, ask_again, view))


async def _review_files(screen: ChatScreen) -> None:
    """Ask about files of the user that are new or have changed, before anything in them runs."""
    from stepchat.tools.source import approve_file
    from stepchat.tui.dialogs.report import TextDialog

    sources = screen.workspace.tools
    await sources.tools(())
    for file in sources.waiting:
        what = "is new" if file.is_new else "has changed"
        rows = [
            Choice("view", "View it"),
            Choice("approve", "Approve it as it is now", detail=file.effect),
            Choice("later", "Not now"),
        ]
        while True:
            chosen = await screen.app.push_screen_wait(Picker(f"{file.name} {what}", rows))
            if chosen != "view":
                break
            lines = [
                ReportLine(line)
                for line in read_regular_file(file.path, 1_000_000).decode("utf-8", "replace").splitlines()
            ]
            await screen.app.push_screen_wait(TextDialog(file.path.name, lambda _, lines=lines: lines))
        if chosen == "approve":
            await approve_file(screen.workspace.store, file)


def _description(tool: Tool) -> list[ReportLine]:
    """The definition of a tool as the model gets it."""
    lines = [ReportLine(line, "head" if not at else "plain") for at, line in enumerate(tool.description.splitlines())]
    schema = json.dumps(tool.parameters, indent=2, ensure_ascii=False)
    facts = f"{tool.source} · {'changes nothing' if tool.read_only else 'may change something'}"
    return [*lines, ReportLine(facts, "dim"), ReportLine(""), *map(ReportLine, schema.splitlines())]


async def _rows(screen: ChatScreen, known: Collection[Tool]) -> list[ToolRow]:
    from stepchat.tui.dialogs.tools import ToolRow

    conversation = screen.conversation
    toolbox = conversation.toolbox
    always = await always_approved(screen.workspace.store)
    messages = [stored.message for stored in conversation.path]
    called = [message.name for message in messages if isinstance(message, ToolMessage)]

    def approval(tool: Tool) -> str:
        if tool.read_only and tool.is_named_in(toolbox.settings.trusted):
            return "trusted"
        if always.get(tool.name) == tool.fingerprint:
            return "always"
        return "this session" if tool.fingerprint in toolbox.approved else "asks"

    return [
        ToolRow(tool.name, toolbox.is_on(tool.name), tool.source, approval(tool), called.count(tool.name))
        for tool in known
    ]


def _names(screen: ChatScreen) -> list[tuple[str, str]]:
    on = screen.conversation.toolbox.on
    options = [("off", "switch all off")] if on else []
    options += [(f"off {name}", "switch off") for name in on]
    return options + [
        (f"on {name}", "switch on")
        for name in screen.workspace.tools.known
        if not screen.conversation.toolbox.is_on(name)
    ]


async def approve(screen: ChatScreen, _argument: str) -> None:
    if not screen.focus_question():
        screen.flash("No tool call waits for your answer.")


async def answer_call(screen: ChatScreen, argument: str) -> None:
    """Take the text as the result of the first call that has none; with the last one the turn goes on."""
    check_idle(screen)
    conversation = screen.conversation
    calls = calls_without_result(conversation.path)
    if not calls or conversation.session is None:
        raise StepchatError("No call waits for a result.", "stepchat runs calls of tools that are on itself.")
    call = calls[0]
    if not argument:
        screen.prompt.insert("/answer-call ")
        screen.flash(f"Type or paste the result of {call.name}.")
        return
    end = conversation.path[-1]
    message = ToolMessage(call.id, call.name, argument)
    await conversation.add_result(await screen.workspace.store.append(end.session, end.id, message))
    screen.pane.show_result(conversation.path[-1])
    if len(calls) > 1:
        screen.pane.report_calls_left()
    else:
        screen.ask(None, conversation.path)


COMMANDS: tuple[Command, ...] = (
    Command("tools", "List the tools, or switch them on and off", tools, (), "[on|off NAME]", _names),
    Command(
        "approve",
        "Go to the question about a tool call",
        approve,
        ("alt+v", "leader v"),
        is_offered=lambda screen: screen.pane.question is not None,
    ),
    Command(
        "answer-call",
        "Type the result of a tool call that nobody runs",
        answer_call,
        (),
        "[TEXT]",
        is_offered=lambda screen: not screen.conversation.busy and bool(calls_without_result(screen.conversation.path)),
    ),
)
