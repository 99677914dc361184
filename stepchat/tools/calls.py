"""Checks and runs tool calls with limits, and turns every failure into a message for the model."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, cast

from stepchat.concurrency import run_in_daemon
from stepchat.tools.base import Output, Tool, ToolError, ignore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepchat.messages import Json, ToolCall
    from stepchat.tools.base import Report

_MOST_PROBLEMS: Final = 5
_QUOTED: Final = 500
"""Characters of invalid arguments to quote for the model."""
_HEAD: Final = 0.75
"""The share of a long output that is kept from its beginning; the rest is from its end."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a call."""

    timeout: float = 60.0
    """Seconds."""
    output: int = 40_000
    """Characters of a result."""


@dataclass(frozen=True, slots=True)
class ReadyCall:
    """A call with arguments that fit the schema of its tool."""

    call: ToolCall
    tool: Tool
    arguments: Json


@dataclass(frozen=True, slots=True)
class Result:
    """The result for the model, and how long the call took."""

    text: str
    is_error: bool = False
    seconds: float | None = None
    size: int = 0
    """Characters before truncation."""


@dataclass(slots=True)
class Toolset:
    """The tools of one turn, by name."""

    tools: Mapping[str, Tool]
    limits: Limits = field(default_factory=Limits)
    _validators: dict[str, Any] = field(default_factory=dict[str, Any])

    async def check(self, call: ToolCall) -> ReadyCall | Result:
        """Returns the call if it can run, otherwise the error for the model. Calls with invalid arguments do not run."""
        tool = self.tools.get(call.name)
        if tool is None:
            return Result(
                f"There is no tool {call.name!r}. Available: {', '.join(sorted(self.tools)) or 'none'}.", True
            )
        try:
            arguments = parse_arguments(call.arguments)
            validator = self._validators.get(tool.fingerprint)
            if validator is None:
                # In a thread: importing the library takes longer than a frame.
                validator = self._validators[tool.fingerprint] = await run_in_daemon(_validator, tool.parameters)
            if problems := _problems(validator, arguments):
                return Result(f"Wrong arguments, the tool did not run: {problems}", True)
        except ToolError as error:
            return Result(str(error), True)
        return ReadyCall(call, tool, arguments)

    async def run(self, ready: ReadyCall, report: Report = ignore) -> Result:
        """Run a call. Errors become part of the result; only cancelling raises."""
        began = monotonic()
        seconds = ready.tool.timeout or self.limits.timeout
        try:
            async with asyncio.timeout(seconds):
                output = await ready.tool.run(ready.arguments, report)
        except TimeoutError:
            output = Output(f"No result: stopped after {seconds:g} s. It may have taken effect in part.", is_error=True)
        except ToolError as error:
            output = Output(str(error), is_error=True)
        except Exception as error:  # noqa: BLE001 - a tool is code of anyone
            output = Output(f"{type(error).__name__}: {error}", is_error=True)
        text = truncated(output.text, self.limits.output)
        return Result(text, output.is_error, monotonic() - began, len(output.text))


def parse_arguments(text: str) -> Json:
    """The arguments of a call; none at all are an empty object. Raises ToolError."""
    if not text.strip():
        return {}
    try:
        value: Any = json.loads(text, parse_constant=_reject_constant)
    except (ValueError, RecursionError) as error:
        if isinstance(error, json.JSONDecodeError):
            what = f"{error.msg} at line {error.lineno}, column {error.colno}"
        else:
            what = str(error) if isinstance(error, ToolError | ValueError) else "it is nested too deeply"
        raise ToolError(
            f"The arguments are not JSON, the tool did not run: {what}. You wrote: {_short(text)}"
        ) from None
    if not isinstance(value, dict):
        raise ToolError(f"The arguments must be a JSON object, the tool did not run. You wrote: {_short(text)}")
    return cast("Json", value)


def _reject_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON value")


def _short(text: str) -> str:
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"


def _validator(schema: Json) -> Any:
    """Returns the validator of a schema. Raises ToolError if the schema is invalid."""
    from jsonschema.validators import Draft202012Validator, validator_for
    from referencing import Registry

    try:
        kind: Any = validator_for(schema, default=Draft202012Validator)
        kind.check_schema(schema)
        # An empty registry: the default one would fetch references from the network.
        return kind(schema, registry=cast("Any", Registry)())
    except Exception as error:  # noqa: BLE001 - the library fails in many ways on what is not a schema
        raise ToolError(f"The tool did not run: its schema is wrong ({_short(str(error).splitlines()[0])}).") from None


def _problems(validator: Any, arguments: Json) -> str:
    try:
        errors: list[Any] = list(validator.iter_errors(arguments))
    except RecursionError:
        raise ToolError("The tool did not run: its arguments are nested too deeply.") from None
    except Exception as error:  # noqa: BLE001 - a schema may refer to what it does not contain
        raise ToolError(f"The tool did not run: its schema cannot be used ({_short(str(error))}).") from None
    errors.sort(key=lambda error: [str(part) for part in error.absolute_path])
    texts = [f"at {error.json_path}: {_short(error.message)}" for error in errors[:_MOST_PROBLEMS]]
    more = [f"and {len(errors) - _MOST_PROBLEMS} more"] if len(errors) > _MOST_PROBLEMS else []
    return "; ".join([*texts, *more])


def truncated(text: str, limit: int) -> str:
    """The text, or its beginning and end with a note of what is missing in between."""
    if len(text) <= limit:
        return text
    head = int(limit * _HEAD)
    tail = text[-(limit - head) :] if limit > head else ""
    return f"{text[:head]}\n\n[… {len(text) - limit:,} of {len(text):,} characters left out …]\n\n{tail}"
