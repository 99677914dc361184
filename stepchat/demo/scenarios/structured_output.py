"""Answers in the form that response_format asks for."""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING, Any, cast

from stepchat.demo.scenarios.tools import sample
from stepchat.demo.steps import Finish, Say, reasoning_steps
from stepchat.parameters.schema import schema_of, wants_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepchat.demo.steps import ScenarioRequest, Step
    from stepchat.messages import Json


def is_requested(ask: ScenarioRequest) -> bool:
    """Whether an ordinary question wants JSON."""
    return wants_json(ask.body)


def structured_output(ask: ScenarioRequest) -> Iterator[Step]:
    """`wrong=value` gives one value that does not fit, `wrong=json` ends in the middle."""
    yield from reasoning_steps(ask, "They want JSON. I shall fill their schema with the first values that fit.")
    value = _value(ask)
    if ask.options.get("wrong") == "value" and isinstance(value, dict) and value:
        filled = cast("Json", value)
        value = {**filled, [*filled][-1]: {"not": "what was asked for"}}
    text = dumps(value, indent=2, ensure_ascii=False)
    yield Say(text[: len(text) * 2 // 3] if ask.options.get("wrong") == "json" else text)
    yield Finish()


def _value(ask: ScenarioRequest) -> Any:
    schema = schema_of(ask.body)
    if isinstance(schema, dict):
        return sample(cast("Json", schema))
    return {"question": ask.question, "answer": 1229, "primes": [2, 3, 5, 7], "certain": True}
