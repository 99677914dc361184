"""The tables of scenarios. Add one here: `demo:NAME` of its group lists it, and the tests play it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stepchat.demo.scenarios import conversation, faults, files, framings, long_answers, reasoning, tools
from stepchat.demo.steps import Finish, Say, reasoning_steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stepchat.demo.steps import ScenarioRequest, Script, Step


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row. `example` holds options to try it with; it then ends quickly."""

    name: str
    about: str
    script: Script
    example: str = ""


def _help(ask: ScenarioRequest) -> Iterator[Step]:
    yield from reasoning_steps(
        ask, "They want to know what I can do. The ten lines that matter, and where the rest is."
    )
    yield Say(
        "Start a message with `demo:NAME`, or choose the model `demo/NAME`. Options follow as `key=value`; "
        "`speed=N` (tokens per second, 0 for no limit) works with all of them.\n\n"
    )
    rows = {scenario.name: scenario for scenario in SCENARIOS}
    for name in (*_FAVOURITES, *GROUPS):
        yield Say(_line(rows[name]))
    yield Finish()


def _listed(group: str) -> Scenario:
    """The scenario that lists a group."""

    def script(ask: ScenarioRequest) -> Iterator[Step]:
        rows = GROUPS[group]
        yield from reasoning_steps(ask, f"They ask for the {group}. I list all {len(rows)}, with what each one does.")
        for scenario in rows:
            yield Say(_line(scenario))
        yield Finish()

    return Scenario(group, f"lists all kinds of {group}", script)


def _line(scenario: Scenario) -> str:
    example = f" (`demo:{scenario.name} {scenario.example}`)" if scenario.example else ""
    return f"- `{scenario.name}`: {scenario.about}{example}\n"


def _unknown(ask: ScenarioRequest) -> Iterator[Step]:
    yield from reasoning_steps(ask, f"There is no script of this name: {ask.options['name']}")
    yield Say(f"There is no demo script called `{ask.options['name']}`. Send `demo:help` for the list.")
    yield Finish()


_ANSWERS = (
    Scenario(
        "talk", "an ordinary conversation, chosen by words in the question and by its turn", conversation.conversation
    ),
    Scenario("welcome", "a first answer that shows every kind of Markdown", conversation.welcome),
    Scenario("roundtrip", "reports the reasoning that your request sent back", conversation.roundtrip),
    Scenario("primes", "an answer with code and a table", conversation.primes),
    Scenario("compare", "an answer with one table", conversation.compare),
    Scenario("languages", "Chinese, Japanese, Korean, Thai, Arabic, combining marks and emoji", conversation.languages),
    Scenario("haiku", "a short answer", conversation.haiku),
    Scenario(
        "long",
        f"as long as you like; kind is one of {' '.join(long_answers.KINDS)}",
        long_answers.long_answer,
        "tokens=500 reasoning=100 kind=mixed",
    ),
    *(
        Scenario(f"long_{kind}", f"a long answer made only of: {kind}", long_answers.only(kind), "tokens=300")
        for kind in long_answers.KINDS
    ),
    Scenario("hostile", "escape sequences, control and bidi characters, markup, everywhere", reasoning.hostile),
    Scenario("files", "describes the files in the question: name, type, size", files.describe),
    Scenario("tools", "two tool calls at once, in fragments; then an answer about their results", tools.tools),
    Scenario(
        "agent", "four rounds of tool calls with a wrong call and a refusal; switch the tools on first", tools.agent
    ),
    Scenario("endless", "calls calculate again and again", tools.endless),
    Scenario(
        "form",
        "JSON as response_format asks; wrong=value and wrong=json violate it",
        tools.structured_output,
    ),
)
_REASONING = (
    Scenario("noreasoning", "an answer without any reasoning", reasoning.no_reasoning),
    Scenario(
        "details", "every type of reasoning_details, a late signature, unknown keys, exact numbers", reasoning.details
    ),
    Scenario("surrogates", "lone surrogates in reasoning, details and text", reasoning.surrogates),
    Scenario("encrypted", "reasoning that is only encrypted", reasoning.encrypted),
    Scenario("summary", "summaries of reasoning, then the encrypted reasoning", reasoning.summary),
    Scenario("signed", "signed reasoning; the signature arrives alone, after the answer has begun", reasoning.signed),
    Scenario("blocks", "several numbered blocks of reasoning, also between pieces of the answer", reasoning.blocks),
    Scenario("empty_details", "reasoning_details is an empty list on every chunk", reasoning.empty_details),
    Scenario(
        "reasoning_content", "reasoning in the field reasoning_content, without details", reasoning.reasoning_content
    ),
    Scenario("plain_reasoning", "reasoning in the field reasoning, without details", reasoning.plain_reasoning),
    Scenario("think_tags", "reasoning between think tags inside the content", reasoning.think_tags),
    Scenario("lone_close_tag", "only the closing think tag", reasoning.lone_close_tag),
    Scenario("loop", "reasoning that repeats itself", reasoning.loop, "times=10"),
)
_FAULTS = (
    Scenario("length", "reasons until the token limit; finish_reason length and no answer", faults.length),
    Scenario("content_filter", "truncated by a content filter", faults.content_filter),
    Scenario("refusal", "the model refuses to answer", faults.refusal),
    Scenario("empty", "a regular end without any answer", faults.empty),
    Scenario("slow", "only keep-alive comments for wait seconds, then an answer", faults.slow, "wait=0.1"),
    Scenario("silent", "after `at` tokens nothing for wait seconds", faults.silent, "at=5 wait=0.1"),
    *(
        Scenario(f"http{status}", f"HTTP {status}; with times=N, only N times", faults.http(status), "times=1")
        for status in faults.STATUSES
    ),
    Scenario("html502", "HTTP 502 with an HTML page", faults.html502, "times=1"),
    Scenario("raw_error", "HTTP 400 whose reason is hidden in metadata.raw", faults.raw_error),
    Scenario("unavailable", "HTTP 503 in the availability form", faults.unavailable, "times=1"),
    Scenario("pinned", "HTTP 404 while reasoning_details are sent back", faults.pinned),
    Scenario("no_effort", "HTTP 400 while reasoning.effort is sent", faults.no_effort),
    Scenario("bad_signature", "HTTP 400 while reasoning_details are sent back", faults.bad_signature),
    *(
        Scenario(f"error{shape}", f"after `at` tokens: {about}", faults.error(shape), "at=5")
        for shape, about in faults.SHAPES.items()
    ),
    Scenario(
        "network_error", "finish_reason stop without any answer, native reason network_error", faults.network_error
    ),
    Scenario("nodone", "finish_reason, but no [DONE]", faults.nodone),
    Scenario("cut", "a clean end in the middle, without finish_reason and [DONE]", faults.cut, "at=5"),
    Scenario("drop", "the connection closes in the middle of a chunk", faults.drop, "at=5"),
    Scenario("reset", "the connection is reset in the middle of a chunk", faults.reset, "at=5"),
    Scenario("drop_headers", "the connection closes before any header", faults.drop_headers, "times=1"),
    Scenario("json", "HTTP 200 with the whole completion as JSON instead of a stream", framings.as_json),
    Scenario("json_error", "HTTP 200 with an error as JSON", faults.json_error),
    Scenario("bad_json", "events that are not JSON, or not an object, between the regular ones", framings.bad_json),
    Scenario("null_error", 'every chunk has "error": null', framings.null_error),
    Scenario("no_last_blank", "the last empty line is missing (done=0: [DONE] as well)", framings.no_last_blank),
    Scenario("crlf", "lines end with CR LF", framings.crlf),
    Scenario("cr", "lines end with CR", framings.cr),
    Scenario("bom", "a byte order mark at the beginning", framings.bom),
    Scenario("chopped", "HTTP chunks of a few bytes, split inside characters", framings.chopped),
    Scenario("separators", "U+2028, U+2029 and U+0085 inside the JSON", framings.separators),
    Scenario("usage_each", "running totals of usage on every chunk", framings.usage_each),
    Scenario("usage_empty", "the usage chunk has an empty list of choices", framings.usage_empty),
    Scenario("usage_tokens", "usage has tokens and no cost, as with most servers", framings.usage_tokens),
    Scenario("usage_preview", "a preview of the usage at the beginning", framings.usage_preview),
)
GROUPS: dict[str, tuple[Scenario, ...]] = {"answers": _ANSWERS, "reasoning": _REASONING, "faults": _FAULTS}
_FAVOURITES = ("welcome", "primes", "languages", "roundtrip", "tools", "form", "long")
SCENARIOS = (
    Scenario("help", "what to try first", _help),
    *(_listed(group) for group in GROUPS),
    *(scenario for rows in GROUPS.values() for scenario in rows),
)


def choose(ask: ScenarioRequest) -> tuple[Script | None, Mapping[str, str]]:
    """The script of a request and its options; None if the model names an unknown script."""
    rows = {scenario.name: scenario.script for scenario in SCENARIOS}
    question = ask.question.strip()
    if question.startswith("demo:"):
        name, options = _parse(question.removeprefix("demo:"))
        return rows.get(name, _unknown), {"name": name, **options}
    if ask.model.id.startswith("demo/"):
        name, options = _parse(ask.model.id.removeprefix("demo/"))
        return rows.get(name), options
    if _must_call(ask):
        return tools.tools, {}
    if files.has_files(ask):
        return files.describe, {}
    return tools.structured_output if tools.wants_structured_output(ask) else conversation.conversation, {}


def _parse(words: str) -> tuple[str, dict[str, str]]:
    """Parse `NAME key=value ...`; in a model's name, which has no spaces, commas separate."""
    name, *rest = re.split(r"[\s,;]+", words.strip())
    pairs = (word.partition("=") for word in rest)
    return name, {key: value for key, equals, value in pairs if equals}


def _must_call(ask: ScenarioRequest) -> bool:
    choice = ask.body.get("tool_choice")
    return bool(ask.body.get("tools")) and (choice == "required" or isinstance(choice, dict))
