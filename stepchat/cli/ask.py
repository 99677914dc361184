"""One-shot mode: one question from the shell, the answer on stdout as it arrives."""

from __future__ import annotations

import asyncio
import signal
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from stepchat import lossless_json
from stepchat.catalogue.capabilities import unsupported_warnings
from stepchat.chat.context_window import estimate_conversation_tokens
from stepchat.chat.turn import run_turn
from stepchat.cli.json_events import event_json, result_json
from stepchat.cli.output import ANSWERED, FAILED, STOPPED, WRONG_FORM, exit_code, run_guarded
from stepchat.concurrency import run_in_daemon
from stepchat.errors import ServerError, StepchatError, UsageError, as_sentence
from stepchat.events import (
    CallsLeft,
    ConcurrentQuestion,
    Delta,
    MessageSaved,
    Notice,
    Preparing,
    RequestStarted,
    Retrying,
    Silence,
    ToolCallDecided,
    ToolCallProgress,
    ToolCallReceived,
    ToolCallStarted,
)
from stepchat.messages import AssistantMessage, StoredMessage, ToolMessage, total_usage
from stepchat.parameters.extract import NotFoundError, extract, format_extracted, format_path
from stepchat.parameters.schema import correction_prompt, wants_json
from stepchat.reasoning.loops import RepetitionDetector
from stepchat.text.format import result_facts
from stepchat.text.sanitize import sanitize

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from stepchat.chat.request import Question
    from stepchat.chat.tool_calls import TurnTools
    from stepchat.chat.workspace import Workspace
    from stepchat.cli.output import Output
    from stepchat.events import TurnEvent
    from stepchat.messages import Attachment
    from stepchat.parameters.extract import Path


class GivenFiles(NamedTuple):
    """Files to attach to the question, and the content of stdin if that is one of them."""

    paths: Sequence[str] = ()
    piped: bytes | None = None


NO_FILES: Final = GivenFiles()


class JsonOutput(NamedTuple):
    """What becomes of an answer in JSON."""

    retries: int = 0
    """How often the model is asked again if the answer violates the schema."""
    path: Path | None = None
    """The value to print; None prints all of it."""


WHOLE_ANSWER: Final = JsonOutput()

_WINDOW_SHARE: Final = 0.9
"""The share of the context window from which a long prompt may explain an empty answer."""
_USUAL_WINDOW: Final = 32_768
"""Tokens, for models whose context window is unknown."""
_MOST_NAMES: Final = 5
_LONGEST_NAME: Final = 100


def ask(
    opening: Awaitable[Workspace],
    text: str,
    output: Output,
    *,
    anyway: bool = False,
    timeout: float | None = None,
    files: GivenFiles = NO_FILES,
    structure: JsonOutput = WHOLE_ANSWER,
) -> int:
    """Ask one question, and return the exit code. Never raises StepchatError.

    Rejects a question that certainly exceeds the context window, unless `anyway` is set. Stops the answer after `timeout`
    seconds.
    """

    def work() -> int:
        try:
            return asyncio.run(
                _ask(opening, text, output, anyway=anyway, seconds=timeout, files=files, structure=structure)
            )
        except StepchatError as error:
            if not output.json:
                raise
            output.print_error(error)
            output.write_json(result_json(None, AssistantMessage(stop="error"), error))
            return exit_code(error)

    return run_guarded(work, output)


async def _ask(
    opening: Awaitable[Workspace],
    text: str,
    output: Output,
    *,
    anyway: bool,
    seconds: float | None,
    files: GivenFiles,
    structure: JsonOutput,
) -> int:
    loop = asyncio.get_running_loop()
    deadline = None if seconds is None else loop.time() + seconds
    from stepchat.chat.workspace import check_context_window, truncation_notice

    workspace = await opening
    try:
        workspace = await _ready(workspace)
        known = workspace.session
        path = [] if known is None else await workspace.store.complete_path(known.id)
        attachments = await _attach(workspace, files)
        if not anyway:
            await check_context_window(workspace, path, text, attachments)
        session = await workspace.ensure_session(known, workspace.model, workspace.scopes)
        if output.json:
            output.write_json({"type": "session", "session": session.id})
        question = workspace.build_question(session, path, text, attachments=attachments)
        tools = await _tools(workspace)
        output.plain = output.plain or wants_json(question.parameters)
        _print_warnings(workspace, question, output)
        turn = asyncio.ensure_future(_show_turns(workspace, question, tools, output, structure))
        if deadline is not None:
            loop.call_at(deadline, turn.cancel)
        for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
            with suppress(NotImplementedError):
                loop.add_signal_handler(number, turn.cancel)
        code = STOPPED  # by a signal that came before the turn began
        with suppress(asyncio.CancelledError):
            code = await turn
            if code != STOPPED and (
                notice := await truncation_notice(workspace, estimate_conversation_tokens(path, text, attachments))
            ):
                output.print_notice(notice)
        if code == STOPPED and deadline is not None and loop.time() >= deadline:
            output.print_notice(f"Stopped after {seconds:g} s (--timeout). Everything received is saved.")
            return FAILED
        return code
    finally:
        await workspace.close()


async def _ready(workspace: Workspace) -> Workspace:
    """The workspace with a model, and what is known about it. Raises StepchatError if nothing can be asked."""
    from stepchat.chat.workspace import with_available_model

    if workspace.key_error is not None:
        raise workspace.key_error
    workspace.scopes.checked()
    workspace = await run_in_daemon(with_available_model, workspace)
    if not workspace.catalogue.models:
        workspace.catalogue.read(workspace.model)
    return workspace


def _print_warnings(workspace: Workspace, question: Question, output: Output) -> None:
    warnings = unsupported_warnings(question.parameters, workspace.catalogue.find(workspace.model))
    for warning in (workspace.scopes.missing, *warnings):
        if warning:
            output.print_notice(warning)


async def _attach(workspace: Workspace, files: GivenFiles) -> tuple[Attachment, ...]:
    if files == NO_FILES:
        return ()
    from stepchat.chat.attaching import attach_content, attach_files

    found = await attach_files(workspace, workspace.model, files.paths)
    if files.piped is None:
        return found
    return (*found, await attach_content(workspace, workspace.model, "stdin", files.piped))


async def _tools(workspace: Workspace) -> TurnTools | None:
    """The tools that are on. Raises UsageError for a name that no tool has, or for one that is allowed but not on."""
    options, session = workspace.start_options, workspace.session
    from stepchat.chat.toolbox import Toolbox, check_names
    from stepchat.tools.approvals import AllowList

    toolbox = Toolbox(workspace.tools, workspace.config.tools, options.tools, options.no_tools)
    toolbox.start_session(None if session is None else session.tools)
    if named := (*options.tools, *options.allowed_tools):
        await check_names(named, workspace.tools)
    for name in options.allowed_tools:
        if not toolbox.is_on(name):
            raise UsageError(f"--allow-tool {name}: this tool is not on.", f"Switch it on: --tool {name}")
    allowed = AllowList(options.allowed_tools, options.allow_all_tools)
    return await toolbox.for_turn(workspace.store, allowed)


async def _show_turns(
    workspace: Workspace, question: Question, tools: TurnTools | None, output: Output, structure: JsonOutput
) -> int:
    """Ask, and ask again while the answer violates its schema; returns the exit code."""
    output.holds_answer = structure != WHOLE_ANSWER
    shown = await _show_turn(workspace, question, tools, output)
    for attempt in range(structure.retries):
        if not shown.mismatch:
            break
        output.print_notice(f"Asking for a correction ({attempt + 1} of {structure.retries}).")
        path = await workspace.store.complete_path(question.session)
        question = replace(question, path=path, text=correction_prompt(shown.mismatch), attachments=())
        shown = await _show_turn(workspace, question, tools, output)
    output.holds_answer = False
    if output.json or structure == WHOLE_ANSWER or not shown.text:
        return shown.code
    if structure.path is None:
        output.write_answer(shown.text)
        output.end_line()
        return shown.code
    return _print_extracted(shown, structure.path, output)


def _print_extracted(shown: _ShownTurn, path: Path, output: Output) -> int:
    try:
        values = extract(lossless_json.loads(shown.text), path)
    except (ValueError, RecursionError):
        output.print_notice(f"The answer is not JSON, so it has no {format_path(path)}: {shown.text[:_LONGEST_NAME]}")
        return shown.code or WRONG_FORM
    except NotFoundError as error:
        output.print_notice(f"Nothing to extract: {error}.")
        return shown.code or WRONG_FORM
    for value in values:
        text = format_extracted(value)
        output.write((sanitize(text) if output.out.isatty() else text) + "\n")
    return shown.code


class _ShownTurn(NamedTuple):
    code: int
    text: str = ""
    mismatch: str = ""


async def _show_turn(workspace: Workspace, question: Question, tools: TurnTools | None, output: Output) -> _ShownTurn:
    answers: list[AssistantMessage] = []
    ended, is_answered = "", False
    failure: StepchatError | None = None
    mismatch = ""
    repetition = RepetitionDetector()
    try:
        async with aclosing(run_turn(workspace.store, workspace.client, question, tools=tools)) as events:
            async for event in events:
                _show_event(event, output)
                if isinstance(event, Delta) and repetition.add(event.reasoning):
                    output.print_notice("The reasoning repeats itself. Ctrl+C stops it and keeps the partial answer.")
                if isinstance(event, MessageSaved):
                    is_answered = isinstance(event.stored.message, AssistantMessage)
                    answers += [event.stored.message] if isinstance(event.stored.message, AssistantMessage) else []
                if isinstance(event, CallsLeft):
                    is_answered = is_answered and event.why != "stopped"
                    ended = "" if output.json else _calls_left(event, tools)
                if isinstance(event, Notice) and event.is_schema_mismatch:
                    mismatch = event.text
    except StepchatError as error:
        failure = error
    answer = answers[-1] if answers else None
    output.end_line()
    lacking = ""
    if answer is not None and answer.complete:
        known = workspace.catalogue.find(question.model)
        window = known.context_length if known is not None else None
        lacking = ended or _why_no_answer(answer, window)
    if text := lacking if failure is None else str(failure):
        output.print_notice(text)
    if text := _model_suggestion(workspace, question.model, failure):
        output.print_notice(text)
    if output.json:
        result = result_json(question.session, answer or AssistantMessage(stop="error"), failure, mismatch)
        if len(answers) > 1:
            total = total_usage(one.usage for one in answers)
            cost = total["cost"]
            result["total"] = total | {"cost": None if cost is None else float(cost)}
        output.write_json(result)
    if failure is not None:
        return _ShownTurn(exit_code(failure))
    if answer is None or not answer.complete or not is_answered:
        return _ShownTurn(STOPPED)
    if lacking:
        return _ShownTurn(FAILED)
    return _ShownTurn(WRONG_FORM if mismatch else ANSWERED, answer.text, mismatch)


def _why_no_answer(answer: AssistantMessage, window: int | None) -> str:
    """Why a turn that ended normally has no usable answer; "" if it has one."""
    if answer.stop == "content_filter":
        return "The server's content filter truncated the answer. Rephrase the question, or choose another model."
    if answer.stop == "length":
        where = "in the middle of the answer" if answer.text else "before the answer began"
        return f"The token limit was reached {where}. Raise max_tokens and retry."
    if answer.refusal:
        return f"The model refused: {answer.refusal}"
    # With --json, a program gets the calls and can answer them.
    return "" if answer.text or answer.tool_calls else _empty_answer(answer, window)


def _empty_answer(answer: AssistantMessage, window: int | None) -> str:
    if answer.reasoning or answer.reasoning_details or answer.usage.reasoning_tokens:
        return "The model reasoned, but gave no answer. Retry."
    prompt = answer.usage.prompt_tokens or 0
    if prompt >= _WINDOW_SHARE * (window or _USUAL_WINDOW):
        return (
            f"The model returned nothing. The prompt has {prompt:,} tokens and may be too long for its context window;"
            " start a new session or shorten the question."
        )
    return "The model returned nothing. Retry."


def _model_suggestion(workspace: Workspace, model: str, failure: StepchatError | None) -> str:
    """The nearest model names from the list on disk, when the error may come from a mistyped one; "" otherwise."""
    from stepchat.servers.errors import status_of

    if not isinstance(failure, ServerError) or status_of(failure.code) not in {400, 404}:
        return ""
    catalogue = workspace.catalogue
    known = catalogue.models and catalogue.find(model) is not None
    if known or not catalogue.read() or catalogue.find(model) is not None:
        return ""
    near = catalogue.nearest(model)
    return f"{model} is not in the server's list of models. " + (
        f"Similar: {', '.join(near)}." if near else "`stepchat models` lists them."
    )


def _calls_left(event: CallsLeft, tools: TurnTools | None) -> str:
    """Why the turn ends with calls that have no result; "" if the user stopped it."""
    if event.why == "stopped":
        return ""
    if event.why == "round limit" and tools is not None:
        return (
            f"The model called tools in {tools.rounds} rounds without an answer. Raise the limit with [tools] rounds in"
            " config.toml, or ask in the window."
        )
    names = [call.name for call in event.calls]
    what = "a tool" if len(names) == 1 else f"{len(names)} tools"
    shown = ", ".join(name[:_LONGEST_NAME] for name in names[:_MOST_NAMES]) + (
        ", ..." if len(names) > _MOST_NAMES else ""
    )
    return f"The model called {what} ({shown}) that stepchat does not have. --json prints the calls for a program to answer."


def _show_event(event: TurnEvent, output: Output) -> None:
    if output.json:
        output.write_json(event_json(event))
        return
    match event:
        case Delta():
            if event.reasoning:
                output.write_reasoning(event.reasoning)
            if event.text:
                output.write_answer(event.text)
        case Retrying():
            when = f"in {event.delay:.0f} s" if round(event.delay) else "now"
            output.print_notice(f"{as_sentence(event.reason)} Retrying {when} ({event.attempt} of {event.limit}).")
        case Silence():
            output.report_silence(event.seconds, event.limit)
        case Notice():
            output.print_notice(event.text)
        case Preparing(text):
            output.print_notice(f"{text} …")
        case ConcurrentQuestion():
            output.print_notice(
                "Another stepchat is asking in this session as well. Each question becomes its own branch."
            )
        case (
            MessageSaved()
            | ToolCallReceived()
            | ToolCallDecided()
            | ToolCallStarted()
            | ToolCallProgress()
            | CallsLeft()
            | RequestStarted()
        ):
            _show_tools(event, output)


def _show_tools(event: TurnEvent, output: Output) -> None:
    """Calls and results as lines on stderr, where the reasoning goes; what did not run is always reported."""
    match event:
        case ToolCallDecided(call, False, "option"):
            output.print_notice(f"{call.name} did not run. Allow it with: --allow-tool {call.name}")
        case ToolCallStarted(call):
            output.write_tool_line(f"→ {call.name} {call.arguments}")
        case MessageSaved(StoredMessage(message=ToolMessage() as result)):
            facts = result_facts(result.size or len(result.text), result.seconds, is_error=result.is_error)
            output.write_tool_line(f"← {result.name} ({facts}): {result.text}")
        case MessageSaved(StoredMessage(message=AssistantMessage(stop="answer_now"))):
            output.print_notice("The reasoning reached think_at_most; asking for the answer now.")
        case RequestStarted():
            output.end_answer()
        case _:
            pass
