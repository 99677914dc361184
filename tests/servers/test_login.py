from __future__ import annotations

import threading
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from stepchat.catalogue.backends import backend_for
from stepchat.errors import ApiKeyError
from stepchat.servers.client import Client
from stepchat.servers.login import Callback, Challenge, authorization_url, exchange_code, new_challenge


@pytest.fixture
def client(demo):
    opened = Client(demo.url, backend_for(demo.url), None)
    yield opened
    opened.close()


def browse(address: str) -> httpx.Response:
    """What a browser does, but for `localhost`, which is not to be looked up."""
    with httpx.Client(trust_env=False, timeout=10) as browser:
        response = browser.get(address)
        if response.is_redirect:
            response = browser.get(response.headers["location"].replace("localhost", "127.0.0.1"))
        return response


def test_the_page_of_openrouter():
    challenge = Challenge("secret", "digest")
    assert authorization_url("https://openrouter.ai/api/v1", challenge) == (
        "https://openrouter.ai/auth?code_challenge=digest&code_challenge_method=S256"
    )
    query = parse_qs(
        urlsplit(authorization_url("https://openrouter.ai/api/v1", challenge, "http://localhost:1/x")).query
    )
    assert query["callback_url"] == ["http://localhost:1/x"]
    assert "secret" not in repr(challenge)


def test_each_challenge_is_another():
    one, other = new_challenge(), new_challenge()
    assert one.verifier != other.verifier
    assert 43 <= len(one.verifier) <= 128
    assert "=" not in one.digest


def test_the_browser_comes_back_with_a_code_for_a_key(demo, client):
    challenge, callback = new_challenge(), Callback()
    shown = []
    address = authorization_url(demo.url, challenge, callback.url)
    browser = threading.Thread(target=lambda: shown.append(browse(address)))
    browser.start()
    code = callback.wait(10)
    browser.join()
    callback.close()
    assert "You can close this page" in shown[0].text
    key = exchange_code(client, code, challenge)
    assert key.bearer().startswith("Bearer sk-or-demo-")
    with pytest.raises(ApiKeyError, match="rejected the code"):
        exchange_code(client, code, challenge)


def test_a_code_that_is_pasted(demo, client):
    challenge = new_challenge()
    code = browse(authorization_url(demo.url, challenge)).text.partition("<code>")[2].partition("</code>")[0]
    with pytest.raises(ApiKeyError):
        exchange_code(client, code, new_challenge())
    code = browse(authorization_url(demo.url, challenge)).text.partition("<code>")[2].partition("</code>")[0]
    assert exchange_code(client, f" {code}\n", challenge)


def test_who_does_not_know_the_path_is_not_heard():
    callback = Callback()
    seen = []

    def visit() -> None:
        for path in ("/", "/?code=evil", f"{urlsplit(callback.url).path}x?code=evil"):
            seen.append(httpx.get(f"http://127.0.0.1:{urlsplit(callback.url).port}{path}", trust_env=False).status_code)
        seen.append("over")

    visitor = threading.Thread(target=visit)
    visitor.start()
    assert callback.wait(10, stop=lambda: "over" in seen) is None
    visitor.join()
    callback.close()
    assert seen == [404, 404, 404, "over"]


def test_who_refuses_gives_no_code():
    callback = Callback()
    url = callback.url.replace("localhost", "127.0.0.1")
    visitor = threading.Thread(target=lambda: httpx.get(f"{url}?error=access_denied", trust_env=False))
    visitor.start()
    assert callback.wait(10) is None
    visitor.join()
    callback.close()
