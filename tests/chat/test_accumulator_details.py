from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepchat import lossless_json
from stepchat.chat.accumulator import AnswerAccumulator
from stepchat.events import Delta
from stepchat.messages import AssistantMessage
from stepchat.reasoning.merge import DetailsMerge
from tests.sessions.samples import json_values, texts

TEXT, SUMMARY, ENCRYPTED = "reasoning.text", "reasoning.summary", "reasoning.encrypted"
CLAUDE, OPENAI = "anthropic-claude-v1", "openai-responses-v1"


def merge(*fragments: Any) -> list[Any]:
    """All fragments in one list."""
    merged = DetailsMerge()
    merged.add(fragments)
    return list(merged.result() or ())


def drafted(*deltas: Delta) -> AssistantMessage:
    draft = AnswerAccumulator(AssistantMessage())
    for delta in deltas:
        draft.add(delta)
    return draft.message()


def text(words: str | None, index: int | None = 0, **more: Any) -> dict[str, Any]:
    entry = {"type": TEXT, "text": words} if index is None else {"type": TEXT, "text": words, "index": index}
    return entry | more


def exact(value: Any) -> str:
    return lossless_json.dumps(value)


# The rules of docs/protocol.md, Merging


def test_rule_1_what_is_no_object_is_ignored():
    assert merge("words", None, 3, [text("a")], text("b")) == [text("b")]


@pytest.mark.parametrize("kind", [None, 7, [], {}, "", "reasoning.sketch"])
def test_rule_1_and_4_missing_and_unknown_types_are_kept_and_never_joined(kind):
    entry = {"type": kind, "text": "a", "index": 0, "anything": [1, {"x": None}]}
    assert merge(entry, entry) == [entry, entry]
    bare = {"text": "no type"}
    assert merge(bare, bare) == [bare, bare]


def test_rule_2_same_type_and_index_join_even_if_not_neighbours():
    merged = merge(text("a", 0), text("x", 1), {"type": SUMMARY, "summary": "s", "index": 0}, text("b", 0))
    assert merged == [text("ab", 0), text("x", 1), {"type": SUMMARY, "summary": "s", "index": 0}]


def test_rule_2_different_ids_are_different_entries():
    a, b = text("a", id="one"), text("b", id="two")
    assert merge(a, b, text("c", id="one"), text("d", id="two")) == [text("ac", id="one"), text("bd", id="two")]


def test_rule_2_a_missing_id_conflicts_with_none():
    assert merge(text("a", id=None), text("b", id="one"), text("c")) == [text("abc", id="one")]


def test_rule_3_without_index_only_neighbours_join():
    assert merge(text("a", None), text("b", None)) == [text("ab", None)]
    apart = [text("a", None), {"type": SUMMARY, "summary": "s"}, text("b", None)]
    assert merge(*apart) == apart
    assert merge(text("a", None, id="1"), text("b", None, id="2")) == [
        text("a", None, id="1"),
        text("b", None, id="2"),
    ]


def test_rule_3_no_index_is_invented_and_none_is_guessed():
    assert merge(text("a", 0), text("b", None)) == [text("a", 0), text("b", None)]
    assert merge(text("a", None), text("b", 0)) == [text("a", None), text("b", 0)]
    strange = [text("a", index) for index in ("0", 0.5, True, [])]
    assert merge(*strange) == strange


def test_rule_4_encrypted_data_is_never_glued():
    one = {"type": ENCRYPTED, "data": "AAAA", "id": "rs_1", "index": 0}
    other = {"type": ENCRYPTED, "data": "BBBB", "id": "rs_2", "index": 0}
    same_id = {"type": ENCRYPTED, "data": "CCCC", "id": "rs_1", "index": 0}
    assert merge(one, other, same_id) == [one, other, same_id]


def test_rule_4_a_repeated_encrypted_entry_is_dropped():
    one = {"type": ENCRYPTED, "data": "AAAA", "id": "rs_1", "format": OPENAI, "index": 0}
    again = {"index": 0, "id": "rs_1", "type": ENCRYPTED, "format": OPENAI, "data": "AAAA", "signature": None}
    assert merge(one, text("x"), again) == [one, text("x")]


def test_rule_4_encrypted_entries_that_differ_in_anything_are_both_kept():
    one = {"type": ENCRYPTED, "data": "AAAA", "n": 1}
    entries = [one, one | {"n": True}, one | {"n": lossless_json.Number("1.0")}, one | {"extra": ""}]
    assert exact(merge(*entries)) == exact(entries)


def test_rule_4_server_tool_calls_are_kept_as_they_come():
    call = {"type": "reasoning.server_tool_call", "tool_name": "web", "arguments": "{}", "result": "", "index": 2}
    assert merge(call, call) == [call, call]


def test_rule_5_white_space_and_equal_fragments_are_real():
    assert merge(text("a"), text(" "), text("\n\n"), text("a"), text("a")) == [text("a \n\naa")]


def test_rule_5_other_keys_take_the_newest_value_that_is_not_null():
    merged = merge(
        text("a", format="unknown", signature=None, odd={"deep": 1}),
        text("b", format=None, signature="sig", odd=None),
        text(None, format=OPENAI, new=[1, 2]),
        text("c", signature=None),
    )
    assert merged == [text("abc", format=OPENAI, signature="sig", odd={"deep": 1}, new=[1, 2])]


def test_rule_5_a_fragment_with_neither_text_nor_signature_is_harmless():
    assert merge({"type": TEXT, "index": 0}, text("a"), {"type": TEXT, "index": 0}) == [text("a")]
    assert merge(text(None), text(None)) == [text(None)]
    assert merge(text(None), text("a")) == [text("a")]


def test_rule_6_an_empty_list_is_not_the_same_as_none():
    assert drafted(Delta(text="a")).reasoning_details is None
    assert drafted(Delta(details=())).reasoning_details == ()
    assert drafted(Delta(details=()), Delta(details=(text("a"),)), Delta(details=())).reasoning_details == (text("a"),)


def test_the_order_is_that_of_first_appearance():
    assert [entry["index"] for entry in merge(text("a", 2), text("b", 0), text("c", 1), text("d", 0))] == [2, 0, 1]


def test_row_12_a_late_signature_lands_on_its_entry():
    message = drafted(
        Delta(details=(text("I ", format=CLAUDE),)),
        Delta(details=(text("think", format=CLAUDE),)),
        Delta(text="Answer", details=({"type": TEXT, "index": 0, "signature": "c2ln", "format": CLAUDE},)),
    )
    assert message.reasoning_details == (text("I think", format=CLAUDE, signature="c2ln"),)


def test_words_after_a_signature_begin_a_new_entry():
    signed = text("a", format=CLAUDE, signature="one")
    assert merge(signed, text("b", format=CLAUDE), text("c"), {"type": TEXT, "index": 0, "signature": "two"}) == [
        signed,
        text("bc", format=CLAUDE, signature="two"),
    ]
    # No other format binds its words so tightly.
    assert merge(text("a", format="unknown", signature="s"), text("b")) == [text("ab", format="unknown", signature="s")]


def test_row_15_a_thousand_fragments_are_one_entry():
    assert merge(*(text("w ", format="unknown") for _ in range(1000))) == [text("w " * 1000, format="unknown")]


def test_fragments_are_not_changed_and_the_result_can_be_asked_again():
    merged = DetailsMerge()
    first = text("a", odd={"x": 1})
    merged.add([first, text("b")])
    assert merged.result() == merged.result() == (text("ab", odd={"x": 1}),)
    merged.add([text("c")])
    assert merged.result() == (text("abc", odd={"x": 1}),)
    assert first == text("a", odd={"x": 1})


def without_nulls(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if value is not None}


def naive(lists: list[list[Any] | None]) -> list[Any] | None:
    """The rules word for word, without regard to speed."""
    held: list[dict[str, Any]] | None = None
    for entries in lists:
        if entries is None:
            continue
        held = [] if held is None else held
        for d in entries:
            if isinstance(d, dict):
                naive_step(held, d)
    return held


def naive_step(held: list[dict[str, Any]], d: dict[str, Any]) -> None:
    kind, index = d.get("type"), d.get("index")
    if kind not in [TEXT, SUMMARY]:
        equal = [e for e in held if e.get("type") == ENCRYPTED and without_nulls(e) == without_nulls(d)]
        if kind != ENCRYPTED or not equal:
            held.append(dict(d))
        return
    candidates = held[::-1] if index is not None else held[-1:]
    for e in candidates:
        conflict = None not in (e.get("id"), d.get("id")) and e.get("id") != d.get("id")
        under_signature = e.get("format") == CLAUDE and e.get("signature") is not None and d.get("text")
        if e.get("type") == kind and e.get("index") == index and not conflict and not under_signature:
            break
    else:
        held.append(dict(d))
        return
    for key, value in d.items():
        if value is not None:
            e[key] = (e.get(key) or "") + value if key in ("text", "summary") else value


some_text = st.one_of(st.none(), st.sampled_from(["", " ", "a", "bc", "\n", "é\ud800"]))
fragments = st.fixed_dictionaries(
    {"type": st.sampled_from([TEXT, TEXT, SUMMARY, ENCRYPTED, "reasoning.sketch", None])},
    optional={
        "index": st.one_of(st.none(), st.integers(0, 2)),
        "id": st.sampled_from([None, "x", "y"]),
        "text": some_text,
        "summary": some_text,
        "data": st.sampled_from([None, "A", "B"]),
        "signature": st.sampled_from([None, "s", "t"]),
        "format": st.sampled_from([None, "unknown", CLAUDE]),
        "odd": st.sampled_from([None, "1", {"a": []}]),
    },
)
fragment_lists = st.lists(st.one_of(st.none(), st.lists(st.one_of(fragments, fragments, st.none(), texts))))


@settings(max_examples=60, deadline=None)
@given(fragment_lists)
def test_merging_equals_the_rules_read_naively(lists):
    draft = AnswerAccumulator(AssistantMessage())
    for entries in lists:
        draft.add(Delta(details=None if entries is None else tuple(entries)))
    merged = draft.message().reasoning_details
    assert exact(None if merged is None else list(merged)) == exact(naive(lists))


@settings(max_examples=60, deadline=None)
@given(fragment_lists)
def test_merging_does_not_depend_on_how_fragments_are_grouped(lists):
    together = Delta(details=tuple(entry for entries in lists for entry in entries or ()))
    assert exact(drafted(together).reasoning_details or ()) == exact(
        drafted(*(Delta(details=tuple(entries)) for entries in lists if entries is not None)).reasoning_details or ()
    )


extras = st.dictionaries(st.text(min_size=1).filter(lambda key: key not in {"text", "summary"}), json_values)


@st.composite
def sent_entries(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What a model produced, and the fragments in which a server of the documented protocol would send it."""
    whole: list[dict[str, Any]] = []
    queues: list[list[dict[str, Any]]] = []
    for index in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from([TEXT, SUMMARY, ENCRYPTED, "reasoning.sketch"]))
        extra = {
            key: value for key, value in draw(extras).items() if key not in {"type", "index"} and value is not None
        }
        entry = {"type": kind, **extra, "index": index}
        if kind not in (TEXT, SUMMARY):
            entry["data"] = f"{draw(texts)}{index}"
            whole.append(entry)
            queues.append([entry])
            continue
        pieces = draw(st.lists(texts, min_size=1, max_size=5))
        name = "text" if kind == TEXT else "summary"
        parts = [{"type": kind, name: piece, "index": index} for piece in pieces]
        # Everything else comes with any of the fragments, or alone at the end.
        for key, value in extra.items():
            draw(st.sampled_from(parts))[key] = value
        if draw(st.booleans()):
            entry["signature"] = "c2ln"
            parts.append({"type": kind, "index": index, "signature": "c2ln"})
        whole.append(entry | {name: "".join(pieces)})
        queues.append(parts)
    # Each begins before the next one; after that they may be mixed.
    sent: list[dict[str, Any]] = []
    begun = 0
    while any(queues):
        open_ones = [number for number in range(min(begun + 1, len(queues))) if queues[number]]
        if begun < len(queues) and begun not in open_ones:
            begun += 1
            continue
        number = draw(st.sampled_from(open_ones))
        begun = max(begun, number + 1)
        sent.append(queues[number].pop(0))
    return whole, sent


@settings(max_examples=40, deadline=None)
@given(sent_entries())
def test_merging_what_the_protocol_sends_is_lossless(entries):
    whole, sent = entries
    merged = drafted(*(Delta(details=(fragment,)) for fragment in sent)).reasoning_details or ()
    assert [exact(dict(sorted(entry.items()))) for entry in merged] == [
        exact(dict(sorted(entry.items()))) for entry in whole
    ]


def test_row_30_strange_streams_cost_no_square():
    looked_at = 0

    class Watched(str):
        __slots__ = ()

        def __ne__(self, other: object) -> bool:
            nonlocal looked_at
            looked_at += 1
            return super().__ne__(other)

        __hash__ = str.__hash__

    merge(*(text("w", id=Watched(number)) for number in range(2000)))
    assert looked_at <= 2000 * 64
