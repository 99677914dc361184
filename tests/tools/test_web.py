from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import httpx
import pytest

from stepchat.tools.base import ToolError
from stepchat.tools.web import fetch, is_public

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PUBLIC = "93.184.216.34"


class Names:
    """A name server with a script: each look-up of a host takes its next answer; the last one stays."""

    def __init__(self, **hosts: Sequence[Sequence[str]]) -> None:
        self._hosts = {name.replace("_", "."): list(answers) for name, answers in hosts.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, _port: int) -> Sequence[str]:
        self.asked.append(host)
        answers = self._hosts.get(host, [[host]])
        return answers.pop(0) if len(answers) > 1 else answers[0]


def site(answer: Callable[[httpx.Request], httpx.Response]) -> tuple[httpx.MockTransport, list[httpx.Request]]:
    seen: list[httpx.Request] = []

    def reply(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer(request)

    return httpx.MockTransport(reply), seen


def text(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, text="hello")


PRIVATE = [
    "127.0.0.1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
    "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1", "192.0.2.1", "198.18.0.1",
    "240.0.0.1", "2001:db8::1", "192.0.0.8", "192.88.99.1", "64:ff9b:1::7f00:1", "fec0::1", "::ffff:0:127.0.0.1",
    "100:0:0:1::1", "5f00::1", "64:ff9b::c000:8", "localhost", "", "not an address",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
async def test_private_addresses_are_refused(address):
    assert not is_public(address)
    transport, seen = site(text)
    with pytest.raises(ToolError, match="not on the public internet"):
        await fetch("http://inner.example/", Names(inner_example=[[address]]), transport)
    assert not seen


@pytest.mark.parametrize("address", [PUBLIC, "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_public_addresses_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://2130706433/", "http://0x7f.1/", "http://127.1/", "http://[::1]/", "http://[::ffff:7f00:1]/",
        "http://localhost/", "http://127.0.0.1.:80/", "http://169.254.169.254/latest/meta-data",
    ],
)  # fmt: skip
async def test_spellings_of_this_machine_are_resolved_and_refused(url):
    transport, seen = site(text)
    with pytest.raises(ToolError, match=r"not on the public internet|Cannot f"):
        await fetch(url, transport=transport)
    assert not seen


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://x.example/", "gopher://x.example", "http://", "//x", "http://a:b@x.example/"]
)
async def test_only_plain_web_addresses_are_fetched(url):
    with pytest.raises(ToolError):
        await fetch(url, Names(x_example=[[PUBLIC]]), site(text)[0])


async def test_the_checked_address_is_the_one_connected_to():
    """DNS rebinding: the name server answers with a private address the second time, and is not asked a second time."""
    names = Names(rebind_example=[[PUBLIC], ["127.0.0.1"]])
    transport, seen = site(text)
    assert await fetch("https://rebind.example:8443/page?q=1#part", names, transport) == "hello"
    assert names.asked == ["rebind.example"]
    assert str(seen[0].url) == f"https://{PUBLIC}:8443/page?q=1"
    assert seen[0].headers["host"] == "rebind.example:8443"
    assert seen[0].extensions["sni_hostname"] == "rebind.example"


async def test_one_private_address_among_public_ones_is_refused():
    with pytest.raises(ToolError, match="not on the public internet"):
        await fetch("http://mixed.example", Names(mixed_example=[[PUBLIC, "10.0.0.1"]]), site(text)[0])


@pytest.mark.parametrize(
    "target",
    ["http://169.254.169.254/latest", "http://inner.example/", "//127.0.0.1/", "file:///etc/passwd", "http://[::1]/"],
)
async def test_redirects_are_checked_like_the_first_address(target):
    names = Names(a_example=[[PUBLIC]], inner_example=[["192.168.0.1"]])
    transport, seen = site(lambda _request: httpx.Response(302, headers={"location": target}))
    with pytest.raises(ToolError, match=r"not on the public internet|not an http"):
        await fetch("http://a.example/", names, transport)
    assert len(seen) == 1


async def test_redirects_are_followed_but_not_for_ever():
    def hop(request: httpx.Request) -> httpx.Response:
        step = int(request.url.path.strip("/") or 0)
        if step == 3 and request.headers["host"] == "a.example":
            return httpx.Response(200, text="there")
        return httpx.Response(302, headers={"location": f"/{step + 1}"})

    names = Names(a_example=[[PUBLIC]], b_example=[[PUBLIC]])
    assert await fetch("http://a.example/", names, site(hop)[0]) == "there"
    with pytest.raises(ToolError, match="redirects"):
        await fetch("http://b.example/", names, site(hop)[0])


async def test_a_page_becomes_markdown():
    page = (
        "<html><head><title>Tea</title><script>evil()</script></head><body><nav>menu</nav><main><h2>Green</h2>"
        "<p>Steep <b>two</b> minutes, see <a href='/more'>more</a>.</p></main></body></html>"
    )
    transport, _ = site(lambda _request: httpx.Response(200, html=page))
    markdown = await fetch("http://tea.example/", Names(tea_example=[[PUBLIC]]), transport)
    assert markdown == "# Tea\n\n## Green\n\nSteep **two** minutes, see [more](/more)."


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (httpx.Response(404, text="no"), "HTTP 404"),
        (httpx.Response(200, content=b"x" * 3_000_001, headers={"content-type": "text/plain"}), "too large"),
        (
            httpx.Response(
                200,
                content=gzip.compress(b"x" * 9_000_000),
                headers={"content-type": "text/plain", "content-encoding": "gzip"},
            ),
            "too large",
        ),
        (httpx.Response(200, content=b"\x89PNG", headers={"content-type": "image/png"}), "only text"),
        (httpx.Response(200, content=b"a\0b"), "binary"),
    ],
)
async def test_what_cannot_be_read_is_an_error(response, words):
    transport, _ = site(lambda _request: response)
    with pytest.raises(ToolError, match=words):
        await fetch("http://x.example/", Names(x_example=[[PUBLIC]]), transport)


async def test_an_unknown_encoding_is_read_as_utf_8():
    headers = {"content-type": "text/plain; charset=made-up"}
    transport, _ = site(lambda _request: httpx.Response(200, content="é".encode(), headers=headers))
    assert await fetch("http://x.example/", Names(x_example=[[PUBLIC]]), transport) == "é"
