"""Hostile and ordinary values for the tests of the store."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from stepchat import exact_json
from stepchat.events import Delta, ToolCallFragment
from stepchat.messages import AssistantMessage, Failure, Json, Timing, ToolCall, ToolMessage, Usage, UserMessage

# Every code point, lone surrogates and NUL included.
texts = st.text(st.characters(exclude_categories=()), max_size=30)

numbers = st.one_of(
    st.integers(),
    st.integers(min_value=10**30, max_value=10**60),
    st.sampled_from(["1.10", "1e400", "-0.0", "1E+2", "0.30000000000000004", "1e-400", "100.0"]).map(exact_json.loads),
)

json_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)
objects: st.SearchStrategy[Json] = st.dictionaries(texts, json_values, max_size=4)
details = st.one_of(st.none(), st.lists(objects, max_size=4).map(tuple))
seconds = st.one_of(st.none(), st.floats(min_value=0, max_value=1e6))

fragments = st.builds(
    ToolCallFragment,
    index=st.one_of(st.none(), st.integers(0, 9)),
    id=st.one_of(st.none(), texts),
    name=st.one_of(st.none(), texts),
    arguments=st.one_of(st.none(), texts),
)
deltas = st.builds(
    Delta,
    text=texts,
    reasoning=texts,
    details=details,
    tool_calls=st.lists(fragments, max_size=3).map(tuple),
    refusal=texts,
    text_was_reasoning=st.booleans(),
    finish_reason=st.one_of(st.none(), texts),
    native_finish_reason=st.one_of(st.none(), texts),
    usage=st.one_of(st.none(), objects),
    model=st.one_of(st.none(), texts),
    provider=st.one_of(st.none(), texts),
    generation_id=st.one_of(st.none(), texts),
    reasoning_field=st.one_of(st.none(), texts),
    logprobs=st.lists(objects, max_size=2).map(tuple),
)

users = st.builds(UserMessage, text=texts, time=st.floats(min_value=0, max_value=1e10))
tools = st.builds(ToolMessage, call_id=texts, name=texts, text=texts, is_error=st.booleans())
answers = st.builds(
    AssistantMessage,
    text=texts,
    reasoning=texts,
    reasoning_details=details,
    tool_calls=st.lists(st.builds(ToolCall, id=texts, name=texts, arguments=texts), max_size=3).map(tuple),
    refusal=texts,
    stop=st.sampled_from(["stop", "length", "tool_calls", "content_filter", "cancelled", "cut", "error"]),
    finish_reason=st.one_of(st.none(), texts),
    native_finish_reason=st.one_of(st.none(), texts),
    model_asked=texts,
    model=texts,
    provider=texts,
    server=texts,
    generation_id=texts,
    reasoning_field=st.one_of(st.none(), texts),
    parameters=objects,
    logprobs=st.lists(objects, max_size=2).map(tuple),
    usage=st.builds(Usage, raw=objects),
    timing=st.builds(
        Timing,
        started=st.floats(min_value=0, max_value=1e10),
        first_reasoning=seconds,
        first_text=seconds,
        ended=seconds,
    ),
    error=st.one_of(st.none(), st.builds(Failure, code=st.one_of(st.none(), st.integers(), texts), message=texts)),
    prefix=texts,
)
any_message = st.one_of(users, tools, answers)
