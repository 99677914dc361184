from __future__ import annotations

import httpx
import pytest

from stepchat.catalogue.backends import OPENROUTER_URL, backend_for
from stepchat.config.api_keys import Key
from stepchat.servers.client import Client
from stepchat.servers.probe import probe
from tests.fakes import Answers


@pytest.mark.parametrize(
    ("key", "status", "words"),
    [
        (Key("sk-of-a-test", "a test"), 401, "reachable, but it rejects the key"),
        (None, 401, "reachable, but it requires a key"),
        (None, 404, "reachable"),
        (None, 500, "reachable, but responds with 500"),
    ],
)
def test_a_server_that_gives_no_list_is_there_all_the_same(key, status, words):
    answers = Answers(httpx.Response(status, json={"error": {"message": "No."}}))
    reach = probe(Client(OPENROUTER_URL, backend_for(OPENROUTER_URL), key, transport=answers))
    assert (reach.reachable, reach.message) == (True, words)
