from __future__ import annotations

import base64
import hashlib

import pytest

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
ASK = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}


def page(client, **query):
    return client.get(str(client.base_url).removesuffix("/api/v1/") + "/auth", params=ASK | query)


def code_of(client) -> str:
    return page(client).text.partition("<code>")[2].partition("</code>")[0]


def test_a_code_is_exchanged_for_a_key_once(client):
    wanted = {"code": code_of(client), "code_verifier": VERIFIER, "code_challenge_method": "S256"}
    answer = client.post("/auth/keys", json=wanted)
    assert answer.status_code == 200
    assert answer.json()["key"].startswith("sk-or-demo-")
    assert client.post("/auth/keys", json=wanted).status_code == 403


def test_the_callback_gets_the_code(client):
    answer = page(client, callback_url="http://localhost:1234/back?state=1")
    assert answer.status_code == 302
    assert answer.headers["location"].startswith("http://localhost:1234/back?state=1&code=")


@pytest.mark.parametrize(
    ("change", "status"),
    [({"code": "x"}, 403), ({"code_verifier": "x"}, 403), ({"code_challenge_method": "plain"}, 400)],
)
def test_what_does_not_fit_is_refused(client, change, status):
    wanted = {"code": code_of(client), "code_verifier": VERIFIER, "code_challenge_method": "S256"}
    answer = client.post("/auth/keys", json=wanted | change)
    assert answer.status_code == status
    assert client.get("/auth/keys").status_code == 405


def test_providers_of_a_model(client):
    data = client.get("/models/stepfun/step-3.5-flash/endpoints").json()["data"]
    assert [row["provider_name"] for row in data["endpoints"]] == ["StepFun", "SiliconFlow", "DeepInfra"]
    assert data["endpoints"][0]["pricing"]["prompt"] == "0.00000009"
    assert client.get("/models/nobody/nothing/endpoints").status_code == 404
