from __future__ import annotations

import json
from dataclasses import replace

import pytest

from stepchat.demo.server import DemoServer
from stepchat.messages import StoredMessage, UserMessage
from stepchat.reasoning.ledger import (
    ReasoningSent,
    ReceivedReasoning,
    SentMessage,
    account_json,
    account_lines,
    describe_received,
    reasoning_accounts,
    received_reasoning,
)
from tests.servers.test_wire import OPEN, SEALED, answer
from tests.shell import Shell


def sending(number: int, wire: dict | None, verdict: dict) -> ReasoningSent:
    return ReasoningSent(number, "a2", float(number), SentMessage(wire, "a1", verdict))


MESSAGE = answer(OPEN, SEALED)
STORED = [StoredMessage("q1", "s", None, UserMessage("Why?")), StoredMessage("a1", "s", "q1", MESSAGE)]
WHOLE = {"role": "assistant", "content": "Yes.", "reasoning_details": [OPEN, SEALED]}


def test_what_was_sent_is_compared_with_what_is_on_disk():
    touched = {**WHOLE, "reasoning_details": [{**OPEN, "text": " hm"}, SEALED]}
    (account,) = reasoning_accounts(
        STORED,
        {
            "a1": [
                sending(1, WHOLE, {"way": "unchanged"}),
                sending(2, touched, {"way": "unchanged"}),
                sending(3, {"role": "assistant", "content": "Yes."}, {"way": "left out", "rule": "other model"}),
                sending(4, None, {"way": "left out", "rule": "stopped"}),
            ]
        },
    )
    assert [use.unchanged for use in account.uses] == [True, False, False, False]
    assert account.uses[0].hash == received_reasoning(MESSAGE).hash != account.uses[1].hash
    assert account_lines(account)[1:] == [
        "sent back unchanged, identical to the stored copy in 1 request",
        "sent back unchanged in 1 request",
        "not sent back (other model) in 1 request: it comes from another model, and only that model can use it",
        "not sent back (stopped) in 1 request: the answer was interrupted; incomplete reasoning is not replayed",
    ]
    told = account_json(account)
    assert told["received"]["types"] == {"reasoning.text": 1, "reasoning.encrypted": 1}
    assert [use.get("rule") for use in told["requests"]] == [None, None, "other model", "stopped"]


def test_words_that_went_back_as_text_are_compared_too():
    words = replace(MESSAGE, reasoning_details=None)
    sent = {"role": "assistant", "content": "Yes.", "reasoning": " hm\n"}
    (account,) = reasoning_accounts(
        [replace(STORED[1], message=words)],
        {"a1": [sending(1, sent, {"way": "as text"}), sending(2, {**sent, "reasoning": "hm"}, {"way": "as text"})]},
    )
    assert [use.unchanged for use in account.uses] == [True, False]


@pytest.mark.parametrize(
    ("came", "words"),
    [
        (ReceivedReasoning(0, (), 0, ""), "received none"),
        (ReceivedReasoning(0, (), 1, ""), "received as text, 1 character"),
        (
            ReceivedReasoning(1, (("x", 1),), 2000, "ab" * 32),
            f"received 1 entry (1 x), 2,000 characters, sha256 {'ab' * 8}",
        ),
    ],
)
def test_what_came_in_words(came, words):
    assert describe_received(came) == words


def test_ledger_on_the_command_line(tmp_path, monkeypatch, capsys):
    with DemoServer(speed=0) as server:
        shell = Shell(tmp_path, server, monkeypatch, capsys)
        shell("demo:details")
        shell("--continue", "demo:haiku")
        told = shell("sessions", "show", "details", "--ledger")
        assert "received 5 entries" in told.out
        assert "sent back unchanged, identical to the stored copy in 1 request" in told.out
        assert "not part of a later request yet" in told.out
        first, second = json.loads(shell("sessions", "show", "details", "--ledger", "--json").out)
        assert first["received"]["entries"] == 5
        (use,) = first["requests"]
        assert use["unchanged"]
        assert use["sha256"] == first["received"]["sha256"]
        assert use["for"] == second["answer"]


class Looked(dict):
    """Counts how often something is taken from it."""

    looks = 0

    def get(self, *names):
        self.looks += 1
        return super().get(*names)


def test_a_line_that_many_requests_share_is_judged_once():
    looks: list[int] = []
    for requests in (1, 50):
        wire = Looked(WHOLE)
        line = SentMessage(wire, "a1", {"way": "unchanged"})
        (account,) = reasoning_accounts(
            STORED, {"a1": [ReasoningSent(number, "a2", 1.0, line) for number in range(requests)]}
        )
        assert [use.unchanged for use in account.uses] == [True] * requests
        looks.append(wire.looks)
    assert looks[0] == looks[1]
