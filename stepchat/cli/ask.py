"""One question from the shell: the answer on stdout as it comes, reasoning and notices on stderr, an exit code."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

from stepchat import lossless_json
from stepchat.catalogue.capabilities import unsupported_warnings
from stepchat.chat.context_window import estimate_conversation_tokens
from stepchat.chat.turn import failure_of, run_turn
from stepchat.concurrency import run_in_daemon
from stepchat.errors import ApiKeyError, ConfigError, ServerError, StepchatError, UsageError, as_sentence
from stepchat.events import ConcurrentQuestion, Delta, MessageSaved, Notice, Retrying, Silence
from stepchat.messages import AssistantMessage, StoredMessage, to_json
from stepchat.reasoning.loops import RepetitionDetector
from stepchat.text.sanitize import sanitize

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from stepchat.chat.workspace import Workspace
    from stepchat.events import TurnEvent
    from stepchat.messages import Json

ANSWERED, FAILED, USAGE, NO_KEY, WRONG_FORM, STOPPED = 0, 1, 2, 3, 4, 130
_CUT = frozenset({"length", "content_filter"})
"""Ends that the server meant, but that leave the reader with a part of an answer."""

_CLOSED = "it is closed"


class OutputError(Exception):
    """stdout cannot be written. The words are empty when its reader has merely gone away."""


@dataclass(slots=True)
class Output:
    """Where the answer goes. A terminal gets cleaned text, a pipe gets exactly what the model wrote."""

    out: TextIO
    err: TextIO
    json: bool = False
    reasoning: bool = True
    _ends_with_newline: bool = field(default=True)
    _in_reasoning: bool = field(default=False)
    _silent: bool = field(default=False)

    def write_answer(self, text: str) -> None:
        self._end_reasoning()
        self._write(self.out, sanitize(text) if self.out.isatty() else text)
        self._ends_with_newline = text.endswith("\n")

    def write_reasoning(self, text: str) -> None:
        if not self.reasoning or self.json:
            return
        if self.err.isatty():
            # Dim while it lasts; one style change for the whole of it would bleed into other output.
            self._write(self.err, f"\x1b[2m{sanitize(text)}\x1b[22m")
        else:
            self._write(self.err, text)
        self._in_reasoning = True

    def _end_reasoning(self) -> None:
        if self._in_reasoning:
            self._in_reasoning = False
            self._write(self.err, "\n\n" if self.err.isatty() else "\n")

    def write_json_line(self, value: Json) -> None:
        self.write(lossless_json.dumps(value) + "\n")

    def write(self, text: str) -> None:
        """On stdout, as it is."""
        self._write(self.out, text)

    def print_notice(self, text: str) -> None:
        """A notice, on stderr."""
        self._end_reasoning()
        self.end_line()
        self._write(self.err, sanitize(f"stepchat: {text}", keep_newlines=False) + "\n")

    def report_silence(self, seconds: float, limit: float) -> None:
        """Say once that nothing arrives; 0 seconds mean that life returned."""
        if seconds and not self._silent:
            self.print_notice(f"Nothing has arrived for {seconds:.0f} s; giving up at {limit:.0f} s.")
        self._silent = bool(seconds)

    def end_line(self) -> None:
        """Leave the cursor of a terminal on an empty line; a pipe gets nothing the model did not write."""
        if not self._ends_with_newline and self.out.isatty():
            self._write(self.out, "\n")
            self._ends_with_newline = True

    def _write(self, stream: TextIO, text: str) -> None:
        try:
            try:
                stream.write(text)
            except UnicodeEncodeError:
                # Lone surrogates, or a terminal that is not UTF-8.
                encoding = stream.encoding or "ascii"
                stream.write(text.encode(encoding, "replace").decode(encoding))
            stream.flush()
        except OSError as error:
            _divert(stream)
            # Without stderr the answer can still be given.
            if stream is self.out:
                raise OutputError(_why_not(error)) from None


def _why_not(error: OSError) -> str:
    # A stream that was closed before the program began has a stand-in that cannot be written.
    return "" if isinstance(error, BrokenPipeError) else error.strerror or _CLOSED


def ask(opening: Awaitable[Workspace], text: str, output: Output, *, anyway: bool = False) -> int:
    """Ask one question; returns the exit code. Never raises StepchatError.

    One that cannot fit into the model's window is refused, but with `anyway`.
    """
    return run_guarded(lambda: asyncio.run(_ask(opening, text, output, anyway=anyway)), output)


def run_guarded(work: Callable[[], int], output: Output) -> int:
    """The exit code of `work`. What goes wrong is told in a sentence."""
    try:
        try:
            return work()
        except StepchatError as error:
            report_error(error, output)
            return exit_code(error)
    except OutputError as error:
        return _tell_lost(str(error), output)
    except KeyboardInterrupt:
        return STOPPED


def output_error_code(error: OSError, output: Output) -> int:
    """The exit code when something else than `output` could not write to stdout."""
    _divert(output.out)
    return _tell_lost(_why_not(error), output)


def _tell_lost(why: str, output: Output) -> int:
    if why:
        hint = "Leave it open, or name a file" if why == _CLOSED else "Free some space, or send it elsewhere"
        output.print_notice(f"Cannot write to stdout: {why}. {hint}.")
    return FAILED


def report_error(error: StepchatError, output: Output) -> None:
    """Tell of an error that came before any turn."""
    output.print_notice(str(error))
    if output.json:
        output.write_json_line(_result(None, AssistantMessage(stop="error"), error))


def exit_code(error: StepchatError) -> int:
    """Which code an error ends the program with."""
    match error:
        case ApiKeyError():
            return NO_KEY
        case UsageError() | ConfigError():
            return USAGE
        case _:
            return FAILED


async def _ask(opening: Awaitable[Workspace], text: str, output: Output, *, anyway: bool) -> int:
    from stepchat.chat.workspace import check_context_window, truncation_notice, with_available_model

    workspace = await opening
    try:
        if workspace.key_error is not None:
            raise workspace.key_error
        workspace.scopes.checked()
        workspace = await run_in_daemon(with_available_model, workspace)
        known = workspace.session
        path = [] if known is None else await workspace.store.other_processes.path(known.id)
        if not workspace.catalogue.models:
            workspace.catalogue.read(workspace.model)
        if not anyway:
            await check_context_window(workspace, path, text)
        session = await workspace.ensure_session(known, workspace.model, workspace.scopes)
        if output.json:
            output.write_json_line({"type": "session", "session": session.id})
        question = workspace.build_question(session, path, text)
        if workspace.scopes.missing:
            output.print_notice(workspace.scopes.missing)
        for words in unsupported_warnings(question.parameters, workspace.catalogue.find(workspace.model)):
            output.print_notice(words)
        turn = asyncio.ensure_future(_show(workspace, question, output))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
            with suppress(NotImplementedError):
                loop.add_signal_handler(number, turn.cancel)
        with suppress(asyncio.CancelledError):
            code = await turn
            if code != STOPPED and (
                words := await truncation_notice(workspace, estimate_conversation_tokens(path, text))
            ):
                output.print_notice(words)
            return code
        return STOPPED  # by a signal that came before the turn began
    finally:
        await workspace.close()


async def _show(workspace: Workspace, question: Any, output: Output) -> int:
    last: StoredMessage | None = None
    failure: StepchatError | None = None
    misses = ""
    repetition = RepetitionDetector()
    try:
        async with aclosing(run_turn(workspace.store, workspace.client, question)) as events:
            async for event in events:
                _event(event, output)
                if isinstance(event, Delta) and repetition.add(event.reasoning):
                    output.print_notice("The thinking goes round in circles; Ctrl+C stops it, what came is kept.")
                if isinstance(event, MessageSaved):
                    last = event.stored
                if isinstance(event, Notice) and event.is_schema_mismatch:
                    misses = event.text
    except StepchatError as error:
        failure = error
    answer = last.message if last is not None and isinstance(last.message, AssistantMessage) else None
    output.end_line()
    lacking = _lacking(answer, as_json=output.json) if answer is not None and answer.complete else ""
    if words := lacking if failure is None else str(failure):
        output.print_notice(words)
    if words := _nearest(workspace, question.model, failure):
        output.print_notice(words)
    if output.json:
        output.write_json_line(_result(question.session, answer or AssistantMessage(stop="error"), failure, misses))
    if failure is not None:
        return exit_code(failure)
    if answer is None or not answer.complete:
        return STOPPED
    if lacking:
        return FAILED
    return WRONG_FORM if misses else ANSWERED


def _lacking(answer: AssistantMessage, *, as_json: bool) -> str:
    """Why what ended as the server meant it is no answer all the same; "" when it is one."""
    if answer.stop == "content_filter":
        return "The answer was cut by the server's content filter; ask in other words or choose another model."
    if answer.stop == "length":
        where = "in the middle of the answer" if answer.text else "before an answer began"
        return f"The length limit was used up {where}; raise max_tokens and ask again."
    if answer.refusal:
        return f"The model refused: {answer.refusal}"
    if answer.tool_calls:
        # Who reads the JSON gets the calls, whole, and may answer them.
        return "" if as_json else _unanswered([call.name for call in answer.tool_calls])
    return "" if answer.text else "The model thought, but gave no answer; ask again."


def _nearest(workspace: Workspace, model: str, failure: StepchatError | None) -> str:
    """After a refusal that may come from the model's name: which names there are, by the list on disk."""
    from stepchat.servers.errors import status_of

    if not isinstance(failure, ServerError) or status_of(failure.code) not in {400, 404}:
        return ""
    catalogue = workspace.catalogue
    known = catalogue.models and catalogue.find(model) is not None
    if known or not catalogue.read() or catalogue.find(model) is not None:
        return ""
    near = catalogue.nearest(model)
    return f"{model} is not in the server's list of models. " + (
        f"Near: {', '.join(near)}." if near else "`stepchat models` shows what there is."
    )


def _unanswered(names: list[str]) -> str:
    what = "a tool" if len(names) == 1 else f"{len(names)} tools"
    return f"The model asked for {what} ({', '.join(names)}) to go on; one-shot mode has none to offer."


def _event(event: TurnEvent, output: Output) -> None:
    if output.json:
        output.write_json_line(_event_json(event))
        return
    match event:
        case Delta():
            if event.reasoning:
                output.write_reasoning(event.reasoning)
            if event.text:
                output.write_answer(event.text)
        case Retrying():
            when = f"in {event.delay:.0f} s" if round(event.delay) else "now"
            output.print_notice(f"{as_sentence(event.reason)} Trying again {when} ({event.attempt} of {event.limit}).")
        case Silence():
            output.report_silence(event.seconds, event.limit)
        case Notice():
            output.print_notice(event.text)
        case ConcurrentQuestion():
            output.print_notice("Another stepchat asks in this session, too; each question is a branch of its own.")
        case _:
            pass


def _event_json(event: TurnEvent) -> Json:
    match event:
        case Delta():
            return _delta_json(event)
        case MessageSaved():
            return {"type": "message", "id": event.stored.id, "message": to_json(event.stored.message)}
        case Retrying():
            return {
                "type": "retrying",
                "attempt": event.attempt,
                "of": event.limit,
                "delay": event.delay,
                "reason": event.reason,
            }
        case Silence():
            return {"type": "silence", "seconds": event.seconds, "limit": event.limit}
        case Notice():
            return {"type": "notice", "text": event.text}
        case ConcurrentQuestion():
            return {"type": "asked_beside"}


def _delta_json(delta: Delta) -> Json:
    line: Json = {"type": "delta"}
    for name, value in (
        ("id", delta.generation_id),
        ("model", delta.model),
        ("provider", delta.provider),
        ("reasoning", delta.reasoning),
        ("reasoning_details", None if delta.details is None else list(delta.details)),
        ("content", delta.text),
        ("refusal", delta.refusal),
        ("finish_reason", delta.finish_reason),
        ("native_finish_reason", delta.native_finish_reason),
        ("usage", delta.usage),
        ("logprobs", list(delta.logprobs) or None),
    ):
        if value is not None and value != "":
            line[name] = value
    if delta.text_was_reasoning:
        line["content_was_reasoning"] = True
    if delta.tool_calls:
        line["tool_calls"] = [
            {"index": call.index, "id": call.id, "function": {"name": call.name, "arguments": call.arguments}}
            for call in delta.tool_calls
        ]
    return line


def _result(session: str | None, answer: AssistantMessage, failure: StepchatError | None, misses: str = "") -> Json:
    details = answer.reasoning_details
    error: Json | None = None
    if failure is not None:
        error = {"code": failure_of(failure).code, "message": failure.message}
    return {
        "type": "result",
        "session": session,
        "message": {
            "role": "assistant",
            "content": answer.text,
            "reasoning": answer.reasoning,
            "reasoning_details": None if details is None else list(details),
            "tool_calls": [call.to_wire() for call in answer.tool_calls],
            "finish_reason": answer.finish_reason,
            "native_finish_reason": answer.native_finish_reason,
            "usage": answer.usage.raw or None,
            "model": answer.model or answer.model_asked,
            "provider": answer.provider or None,
            "error": error,
            "complete": answer.complete and answer.stop not in _CUT and failure is None,
            "wrong_form": misses or None,
        },
    }


def _divert(stream: TextIO) -> None:
    """Send what is left in a broken stream nowhere: Python would try once more at exit, and complain."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
