from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from stepchat.transcript.logprobs import Token, lay_out, read_tokens, visible


def test_what_a_server_sends_is_read():
    entry = {
        "token": " Hi",
        "logprob": math.log(0.5),
        "top_logprobs": [{"token": "a", "logprob": math.log(0.1)}, {"token": " Hi", "logprob": math.log(0.5)}, None],
    }
    (token,) = read_tokens([entry])
    assert (token.text, round(token.probability, 6), token.certainty) == (" Hi", 0.5, "doubtful")
    assert [text for text, _ in token.alternatives] == [" Hi", "a"]


def test_what_is_odd_counts_as_impossible():
    odd = [
        {"token": 5},
        {"token": "a", "logprob": "x"},
        {"token": "a", "logprob": math.nan},
        {"token": "a", "logprob": True},
    ]
    assert [token.probability for token in read_tokens(odd)] == [0, 0, 0, 0]
    assert read_tokens([{"token": "a", "logprob": 5}])[0].probability == 1
    assert read_tokens([{"token": "a", "logprob": -9999}])[0].certainty == "unsure"
    assert read_tokens([{"token": "a", "logprob": -(10**400)}])[0].certainty == "unsure"


def texts(tokens, width):
    return ["".join(piece.text for piece in line) for line in lay_out([Token(text, 1) for text in tokens], width)]


def test_lines_break_between_tokens_and_at_newlines():
    assert texts(["Hello", " you", " there"], 10) == ["Hello you", " there"]
    assert texts(["a\n", "b", "\n\n", "c"], 10) == ["a↵", "b↵", "↵", "c"]
    assert texts(["abcdefgh"], 3) == ["abc", "def", "gh"]
    assert texts(["", "a\tb", "\r\n"], 10) == ["∅a→b↵"]
    assert texts([], 10) == []


def test_tokens_contain_nothing_that_a_terminal_acts_on():
    assert not {"\x1b", "\u202e"} & set(visible("\x1b[31m\u202e"))


@given(st.lists(st.text(max_size=12), max_size=8), st.integers(2, 12))
def test_lines_fit_and_hold_every_token_in_order(said, width):
    lines = lay_out([Token(text, 1) for text in said], width)
    assert all(sum(piece.width for piece in line) <= width for line in lines)
    order = [piece.token for line in lines for piece in line]
    assert order == sorted(order)
    assert set(order) == set(range(len(said)))
    assert all(piece.width == cell_len(piece.text) for line in lines for piece in line)
