from __future__ import annotations

import json
from decimal import Decimal

import pytest

from stepchat.catalogue.backends import backend_for
from stepchat.chat.spending import format_balance
from stepchat.demo.server import DemoServer
from stepchat.errors import KeyRejectedError, ServerError
from stepchat.lossless_json import loads
from stepchat.messages import Usage
from stepchat.servers.api import Balance, fetch_balance, fetch_usage
from stepchat.servers.client import Client
from tests.servers.turns import SECRET, client


class Answers:
    def __init__(self, answer):
        self.answer = answer

    def get_json(self, path, query=None, **_):
        return self.answer


def test_balance_of_the_demo(to_demo):
    balance = fetch_balance(to_demo)
    assert (balance.limit, balance.remaining, balance.used) == (10, 10, 0)
    assert balance.label.startswith("sk-or-v1-dem")


def test_balance_without_a_limit():
    data = {"label": "x", "limit": None, "limit_remaining": None, "usage": 1.5, "is_free_tier": True, "expires_at": 5}
    assert fetch_balance(Answers({"data": data})) == Balance("x", used=Decimal("1.5"), free_tier=True)


def test_amounts_that_are_none_are_not_told():
    odd = {"limit": "1e-99999999999999999999", "limit_remaining": "1e-99999999", "usage": "1e400", "usage_daily": '"5"'}
    balance = fetch_balance(
        Answers(loads(f'{{"data":{{{",".join(f"{json.dumps(k)}:{v}" for k, v in odd.items())}}}}}'))
    )
    assert (balance.limit, balance.remaining, balance.used, balance.today) == (None, 0, None, None)


@pytest.mark.parametrize("answer", [{}, {"data": None}, {"data": [1]}])
def test_what_tells_nothing_is_refused(answer):
    with pytest.raises(ServerError):
        fetch_balance(Answers(answer))
    assert fetch_usage(Answers(answer), "gen-1") is None


def test_a_bad_key_is_told():
    with DemoServer(speed=0, key="another") as demo:
        there = client(demo.url)
        with pytest.raises(KeyRejectedError) as raised:
            fetch_balance(there)
        there.close()
    assert SECRET not in str(raised.value)


def test_usage_of_a_generation():
    data = {
        "total_cost": 0.00012, "native_tokens_prompt": 100, "tokens_prompt": 90, "native_tokens_completion": 40,
        "native_tokens_reasoning": 30, "native_tokens_cached": 5, "is_byok": False, "upstream_inference_cost": None,
    }  # fmt: skip
    usage = Usage(fetch_usage(Answers({"data": data}), "gen-1"))
    assert (usage.prompt_tokens, usage.completion_tokens, usage.reasoning_tokens, usage.cached_tokens) == (
        100,
        40,
        30,
        5,
    )
    assert usage.cost == Decimal("0.00012")
    assert fetch_usage(Answers({"data": data | {"total_cost": None}}), "gen-1") is None


def test_a_generation_nobody_knows(to_demo):
    assert fetch_usage(to_demo, "gen-nobody") is None


def test_a_server_that_is_not_there_is_an_error():
    there = Client("http://127.0.0.1:9/api/v1", backend_for("http://127.0.0.1:9/api/v1"), None)
    with pytest.raises(ServerError):
        fetch_usage(there, "gen-1")
    there.close()


def test_a_limit_that_is_renewed_is_told_so():
    data = {"label": "x", "limit": 10, "limit_remaining": 2.5, "limit_reset": "weekly", "usage_weekly": 7.5}
    assert format_balance(fetch_balance(Answers({"data": data}))) == (
        "Key x: $2.50 left of $10.00, renewed weekly · $7.50 this week"
    )
