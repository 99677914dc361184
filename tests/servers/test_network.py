from __future__ import annotations

import ssl
from contextlib import closing

import httpx
import pytest

from stepchat.errors import UnreachableError
from stepchat.servers.network import Proxy, proxy_for, trusted_certificates, unreachable
from tests.fakes import Answers
from tests.servers.raw_server import RawServer
from tests.servers.turns import ANSWER, answer_all, ask, client, good

REMOTE = "https://llm.example:8443/v1"
PROXY = {"HTTPS_PROXY": "http://me:secret@proxy.example:3128"}


@pytest.mark.parametrize(
    ("environ", "shown"),
    [
        ({}, None),
        (PROXY, "http://proxy.example:3128"),
        ({"https_proxy": "proxy.example:1", **PROXY}, "http://proxy.example:1"),
        ({"HTTP_PROXY": "http://p:1"}, None),
        ({"ALL_PROXY": "socks5://[::1]:7"}, "socks5://[::1]:7"),
        ({"all_proxy": "socks://127.0.0.1:7890/"}, "socks5://127.0.0.1:7890"),
        ({"ALL_PROXY": "socks5h://p"}, "socks5h://p"),
        ({**PROXY, "NO_PROXY": ""}, "http://proxy.example:3128"),
        ({**PROXY, "NO_PROXY": "*"}, None),
        ({**PROXY, "NO_PROXY": "other, llm.example"}, None),
        ({**PROXY, "NO_PROXY": ".EXAMPLE"}, None),
        ({**PROXY, "NO_PROXY": "*.example"}, None),
        ({**PROXY, "NO_PROXY": "m.example"}, "http://proxy.example:3128"),
        ({**PROXY, "NO_PROXY": "llm.example:8443"}, None),
        ({**PROXY, "NO_PROXY": "llm.example:443"}, "http://proxy.example:3128"),
        ({**PROXY, "NO_PROXY": "[::1],::1/128,fd07:b51a:cc66:f0::/64,[,:::"}, "http://proxy.example:3128"),
        ({**PROXY, "no_proxy": "https://llm.example"}, None),
        ({**PROXY, "no_proxy": "https://llm.example:8443/v1/"}, None),
        ({**PROXY, "no_proxy": "other;llm.example"}, None),
        ({**PROXY, "NO_PROXY": "LLM.Example"}, None),
        ({**PROXY, "NO_PROXY": "10.*"}, "http://proxy.example:3128"),
    ],
)
def test_the_proxy_of_a_server(environ, shown):
    found = proxy_for(REMOTE, environ)
    assert (found and found.shown) == shown


@pytest.mark.parametrize(
    ("host", "entry", "direct"),
    [
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3", "10.1.2.3:443", True),
        ("10.1.2.3", "10.1.2.3:80", False),
        ("10.1.2.3", "10.1.2.0/24:443", True),
        ("10.1.2.3", "10.1.2.0/24:80", False),
        ("10.1.2.3", "10.1.*", True),
        ("10.1.2.3", "10.2.*", False),
        ("[fd07::5]", "fd07::/16", True),
        ("[fd07::5]", "[fd07::5]", True),
        ("[fd07::5]", "[fd07::5]:443", True),
        ("[fd07::5]", "fd08::/16", False),
    ],
)
def test_addresses_and_networks_without_a_proxy(host, entry, direct):
    assert (proxy_for(f"https://{host}/v1", {**PROXY, "NO_PROXY": entry}) is None) is direct


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/v1", "http://localhost/v1", "http://[::1]:8/v1", "http://127.1.2.3/v1"]
)
def test_a_server_on_this_machine_has_no_proxy_whatever_the_settings(url):
    assert proxy_for(url, {"ALL_PROXY": "nonsense", "http_proxy": "http://proxy:port", "NO_PROXY": "["}) is None


@pytest.mark.parametrize(
    "value",
    [
        "http://proxy:port",
        "ftp://proxy",
        "http://",
        "socks9://x",
        "http://me:sec/ret@proxy:1",
        "http://me:5/ret@p:1",
        "http://[::1",
    ],
)
def test_a_setting_that_is_no_proxy_is_named_without_its_password(value):
    with pytest.raises(UnreachableError) as raised:
        proxy_for(REMOTE, {"HTTPS_PROXY": value})
    assert str(raised.value).startswith("HTTPS_PROXY is not the address of a proxy.")
    assert "sec" not in str(raised.value)


@pytest.mark.parametrize(("name", "what"), [("SSL_CERT_FILE", "file"), ("SSL_CERT_DIR", "directory")])
def test_certificates_that_do_not_exist_are_named(name, what):
    with pytest.raises(UnreachableError, match=f"{name} is /no/such: no such {what}"):
        trusted_certificates(REMOTE, {name: "/no/such"})
    assert trusted_certificates("https://localhost/v1", {name: "/no/such"})


def test_a_certificate_file_without_certificates_is_named(tmp_path):
    path = tmp_path / "ca.pem"
    path.write_text("nothing")
    with pytest.raises(UnreachableError, match="contains no certificates"):
        trusted_certificates(REMOTE, {"SSL_CERT_FILE": str(path)})


def test_the_certificates_of_the_system_are_trusted_besides_certifis():
    context = trusted_certificates(REMOTE, {})
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_what_to_do_about_a_connection_that_fails():
    proxy = Proxy("http://me:secret@p:1", "http://p:1", "HTTPS_PROXY")
    assert (
        unreachable(REMOTE, "407 Proxy Authentication Required", proxy).message
        == "The proxy http://p:1 requires a login (407)."
    )
    refused = unreachable(REMOTE, "Connection refused", proxy)
    assert refused.message == f"Cannot reach {REMOTE} through the proxy http://p:1: Connection refused."
    assert "HTTPS_PROXY" in refused.hint
    assert "secret" not in f"{refused}"
    assert "SSL_CERT_FILE" in unreachable(REMOTE, "its certificate is not trusted", None).hint


@pytest.mark.parametrize(
    "setting",
    [
        {"ALL_PROXY": "socks5://127.0.0.1:1"},
        {"all_proxy": "socks://127.0.0.1:7890/"},
        {"HTTPS_PROXY": "http://proxy:port"},
        {"NO_PROXY": "localhost,127.0.0.1,::1,[::1]"},
        {"NO_PROXY": "fd07:b51a:cc66:f0::/64"},
        {"SSL_CERT_FILE": "/no/such"},
    ],
)
async def test_no_setting_disturbs_a_server_on_this_machine(monkeypatch, setting):
    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    with RawServer(answer_all) as server, closing(client(server.url)) as asked:
        turn = await ask(asked)
    assert turn.failure is None
    assert turn.message.text == "a"


async def test_a_socks_proxy_that_does_not_run_is_named(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5h://me:secret@127.0.0.1:1")
    turn = await ask(client("http://llm.example.invalid/v1"))
    assert "through the proxy socks5h://127.0.0.1:1" in turn.error.message
    assert "ALL_PROXY" in turn.error.hint
    assert "secret" not in str(turn.error)
    assert turn.retries == []


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (b"hello\r\n\r\n", "it does not speak HTTP/1.1"),
        (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00", "it does not speak HTTP/1.1"),
        (b"OK", "it does not speak HTTP/1.1"),
        (b"220 mail ready\r\n", "it does not speak HTTP/1.1"),
        (b"HTTP/2 200\r\n\r\n", "it does not speak HTTP/1.1"),
        (b"HTTP/1.1 101 X\r\n\r\n", "it does not speak HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n", "its response is malformed"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"a" * 200_000 + b"\r\n\r\n", "headers of its response are too large"),
        (b"HTTP/1.1 302 X\r\nlocation: http://[\r\ncontent-length: 0\r\n\r\n", "moved to http://["),
        (b"HTTP/1.1 302 X\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n", "/other."),
        (b"HTTP/1.1 307 X\r\ncontent-length: 0\r\n\r\n", "answered 307 without another address"),
        (b"HTTP/1.1 304 X\r\n\r\n", "answered 304 without another address"),
    ],
)
async def test_a_server_that_speaks_something_else_is_not_asked_again(reply, words):
    with RawServer(lambda caller: (caller.request(), caller.sock.sendall(reply))) as server:
        with closing(client(server.url)) as asked:
            turn = await ask(asked)
        assert server.connections == 1
    assert words in turn.error.message
    assert "bytearray" not in str(turn.error)
    assert ("Use that as" in str(turn.error)) is (words == "/other.")
    assert turn.retries == []


@pytest.mark.parametrize(
    ("raised", "words"),
    [
        (
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:1006)",
            "its certificate is not trusted (self-signed certificate)",
        ),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)", "it does not speak TLS; try http://"),
        ("[SSL: TLSV1_ALERT_INTERNAL_ERROR] tlsv1 alert internal error (_ssl.c:1006)", "tlsv1 alert internal error"),
        ("[Errno -2] Name or service not known", "no such host"),
        ("[Errno 111] Connection refused", "Connection refused"),
    ],
)
async def test_a_library_speaks_plainly(raised, words):
    turn = await ask(client(transport=Answers(httpx.ConnectError(raised), good())))
    assert words in turn.error.message
    for internal in ("_ssl", "[SSL", "Errno"):
        assert internal not in str(turn.error)
    assert ("SSL_CERT_FILE" in turn.error.hint) is ("trusted" in words)


async def test_a_local_server_that_loads_its_model_is_waited_for():
    looks: list[bytes] = []

    def loading(caller):
        while request := caller.request():
            looks.append(request.split(b" ")[1])
            if len(looks) > 2:
                caller.answer(ANSWER)
            else:
                body = b'{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}'
                head = b"HTTP/1.1 503 X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
                caller.sock.sendall(head + body)

    with RawServer(loading) as server, closing(client(server.url, loading_poll=0.01)) as asked:
        turn = await ask(asked)
    assert turn.failure is None
    assert turn.message.text == "a"
    assert looks == [b"/v1/chat/completions", b"/v1/models", b"/v1/models", b"/v1/chat/completions"]
    assert [event.text for event in turn.events if hasattr(event, "is_schema_mismatch")] == [
        "The server is still loading its model. The question will be sent when it is ready."
    ]
