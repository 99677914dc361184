from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepchat import lossless_json
from stepchat.errors import StoreError
from stepchat.events import Delta, ToolCallFragment
from stepchat.sessions import records
from tests.sessions import samples

if TYPE_CHECKING:
    from stepchat.messages import Message


@given(st.lists(samples.deltas, max_size=4))
def test_deltas_come_back_as_they_were(deltas: list[Delta]) -> None:
    text = records.deltas_to_text(deltas)
    text.encode()
    assert records.deltas_from_text(text) == deltas
    # Equal numbers can be spelled differently; equal bytes cannot.
    assert records.deltas_to_text(records.deltas_from_text(text)) == text


def test_an_empty_list_of_details_is_not_no_list() -> None:
    came_empty, did_not_come = records.deltas_from_text(records.deltas_to_text([Delta(details=()), Delta()]))
    assert came_empty.details == ()
    assert did_not_come.details is None


def test_numbers_in_a_part_keep_their_spelling() -> None:
    detail = lossless_json.loads(
        '{"budget": 1.10, "big": 123456789012345678901234567890, "far": 1e400, "\\ud800": "\\udfff"}'
    )
    text = records.deltas_to_text([Delta(details=(detail,))])
    for spelling in ("1.10", "123456789012345678901234567890", "1e400", r'"\ud800":"\udfff"'):
        assert spelling in text


def test_a_fragment_tells_an_empty_string_from_none() -> None:
    delta = Delta(tool_calls=(ToolCallFragment(0, "", None, ""), ToolCallFragment()))
    assert records.deltas_from_text(records.deltas_to_text([delta])) == [delta]


@pytest.mark.parametrize(
    "text", ["", "{", "7", "null", "[7]", '[{"unknown": 1}]', '[{"details": 7}]', '[{"tool_calls": [7]}]']
)
def test_a_part_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        records.deltas_from_text(text)


@given(samples.any_message)
def test_messages_come_back_as_they_were(message: Message) -> None:
    text = records.message_to_text(message)
    text.encode()
    back = records.message_from_text("m", text)
    assert back == message
    assert records.message_to_text(back) == text


def test_a_broken_message_is_named() -> None:
    with pytest.raises(StoreError, match="m1broken"):
        records.message_from_text("m1broken", '{"role": "user"}')


def test_ids_are_no_words_and_differ() -> None:
    ids = {records.new_id(records.SESSION_ID_LENGTH) for _ in range(2000)}
    assert len(ids) == 2000
    assert all(re.fullmatch(r"[a-z][0-9][0-9a-z]{10}", name) for name in ids)
    # Short beginnings tell most of them apart, as with git.
    assert len({name[:6] for name in ids}) > 1990
