from __future__ import annotations

import base64
import hashlib
from decimal import Decimal

import pytest

from stepchat.demo.catalogue import MODELS
from stepchat.demo.server import DemoServer
from tests.demo.conftest import KEY, plain_client
from tests.demo.reading import CHAT, ask, body_of


def test_models_tell_every_field(client):
    answer = client.get("/models").json()
    assert answer["total_count"] == len(answer["data"]) == len(MODELS) >= 12
    assert answer["links"] == {"next": None}
    for entry in answer["data"]:
        assert {"id", "canonical_slug", "name", "created", "description", "context_length"} <= set(entry)
        assert {"architecture", "pricing", "top_provider", "supported_parameters", "default_parameters"} <= set(entry)
        assert all(isinstance(entry["pricing"][key], str) for key in ("prompt", "completion", "request", "image"))
        assert ("reasoning" in entry) == ("reasoning" in entry["supported_parameters"])


def test_step_is_as_described(client):
    step = next(m for m in client.get("/models").json()["data"] if m["id"] == "stepfun/step-3.5-flash")
    assert step["context_length"] == 262_144
    assert (step["pricing"]["prompt"], step["pricing"]["completion"]) == ("0.00000009", "0.0000003")
    assert step["reasoning"]["mandatory"] is True
    assert step["reasoning"]["supported_efforts"] == []


def test_catalogue_has_variety(client):
    models = client.get("/models").json()["data"]
    assert any("image" in m["architecture"]["input_modalities"] for m in models)
    assert any("reasoning" not in m for m in models)
    assert any(m.get("reasoning", {}).get("supported_efforts") for m in models)
    assert any(m.get("reasoning", {}).get("supports_max_tokens") for m in models)
    assert any(Decimal(m["pricing"]["prompt"]) == 0 for m in models)


def test_models_need_no_key_and_can_be_paged(server):
    with plain_client(base_url=server.url) as anonymous:
        first = anonymous.get("/models", params={"limit": 5}).json()
        assert len(first["data"]) == 5
        rest = anonymous.get(first["links"]["next"]).json()
        assert len(rest["data"]) == 5
        assert {m["id"] for m in first["data"]}.isdisjoint(m["id"] for m in rest["data"])
        assert len(anonymous.get("/models", params={"limit": "x", "offset": "-1"}).json()["data"]) == len(MODELS)
        assert anonymous.get("/models/user").status_code == 401


def test_models_of_the_user(client):
    assert client.get("/models/user").json()["data"] == client.get("/models").json()["data"]


def test_key_counts_what_was_spent(client):
    before = client.get("/key").json()["data"]
    assert before["usage"] == 0
    assert before["limit_remaining"] == before["limit"]
    usage = ask(client, "hello").usage[-1]
    after = client.get("/key").json()["data"]
    assert after["usage"] == after["usage_daily"] == pytest.approx(float(usage["cost"]))
    assert after["limit_remaining"] == pytest.approx(after["limit"] - after["usage"])


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer"}, {"authorization": "Basic abc"}])
@pytest.mark.parametrize("path", ["/key", "/generation?id=x", "/models/user", CHAT])
def test_missing_key_is_refused(server, headers, path):
    with plain_client(base_url=server.url) as anonymous:
        method = "POST" if path == CHAT else "GET"
        response = anonymous.request(method, path, headers=headers, json=body_of("hi") if path == CHAT else None)
    assert response.status_code == 401
    assert response.json()["error"] == {"message": "No auth credentials found", "code": 401}


def test_a_given_key_is_the_only_one():
    with DemoServer(speed=0, key=KEY) as server, plain_client(base_url=server.url) as client:
        assert client.get("/key", headers={"authorization": f"Bearer {KEY}"}).status_code == 200
        refused = client.get("/key", headers={"authorization": "Bearer other"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, 401)
        assert client.post(CHAT, json=body_of("hi"), headers={"authorization": "Bearer other"}).status_code == 401


def test_unknown_address_and_wrong_method(client):
    for response, status in (
        (client.get("/nothing"), 404),
        (client.get(str(client.base_url.copy_with(path="/"))), 404),
        (client.post("/models"), 405),
        (client.delete("/key"), 405),
        (client.get(CHAT), 405),
    ):
        assert response.status_code == status
        assert response.json()["error"]["code"] == status


def test_generation_is_unknown_at_first_and_then_tells_the_cost(server, client):
    reading = ask(client, "hello", session_id="s-1")
    assert server.wait_until(lambda requests: requests[0].finished)
    generation_id = reading.headers["x-generation-id"]
    first = client.get("/generation", params={"id": generation_id})
    assert first.status_code == 404
    data = client.get("/generation", params={"id": generation_id}).json()["data"]
    usage = reading.usage[-1]
    assert data["id"] == generation_id
    assert data["total_cost"] == pytest.approx(float(usage["cost"]))
    assert data["tokens_prompt"] == usage["prompt_tokens"]
    assert data["native_tokens_reasoning"] == usage["completion_tokens_details"]["reasoning_tokens"]
    assert data["tokens_completion"] == usage["completion_tokens"]
    assert (data["cancelled"], data["streamed"], data["finish_reason"]) == (False, True, "stop")
    assert (data["session_id"], data["provider_name"]) == ("s-1", "StepFun")
    assert data["latency"] >= 0
    assert data["generation_time"] >= 0


def test_generation_after_a_cancel(server, client):
    with client.stream("POST", CHAT, json=body_of("demo:long tokens=100000 reasoning=5 speed=200")) as response:
        pieces, received = response.iter_raw(), b""
        while received.count(b"data: ") < 9:
            received += next(pieces)
        generation_id = response.headers["x-generation-id"]
        assert client.get("/generation", params={"id": generation_id}).status_code == 404
    assert server.wait_until(lambda requests: requests[0].disconnected)
    assert client.get("/generation", params={"id": generation_id}).status_code == 404
    data = client.get("/generation", params={"id": generation_id}).json()["data"]
    assert data["cancelled"] is True
    assert data["finish_reason"] is None
    assert 0 < data["tokens_completion"] < 1000
    assert data["native_tokens_reasoning"] == 5
    assert data["total_cost"] > 0


def test_generation_that_never_was(client):
    for _ in range(2):
        assert client.get("/generation", params={"id": "gen-no"}).status_code == 404
    assert client.get("/generation").status_code == 400


# Login

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
