from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepchat.catalogue.backends import BACKENDS, OPENROUTER_URL, backend_for, bare_slug, is_local, same_server
from stepchat.demo.server import DemoServer


@pytest.mark.parametrize("profile", [profile for profile in BACKENDS if profile.base_url], ids=lambda row: row.name)
def test_each_row_is_found_by_its_own_address(profile):
    assert backend_for(profile.base_url) is profile
    assert backend_for(f"{profile.base_url}/") is profile


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://OpenRouter.ai:443/api/v1/", "openrouter"),
        ("https://proxy.example/openrouter/api/v1", "openrouter"),
        ("http://127.0.0.1:8080/api/v1", "openrouter"),
        ("http://localhost:8080/v1", "llama.cpp"),
        ("http://[::1]:11434/v1", "ollama"),
        ("http://0.0.0.0:8000/v1", "vllm"),
        ("https://api.deepseek.com/v1", "deepseek"),
        ("https://api.deepseek.com:443", "deepseek"),
        ("https://example.com/v1", "custom"),
        ("http://192.168.0.7:8080/v1", "custom"),
        ("http://127.0.0.1:9999/v1", "custom"),
    ],
)
def test_servers_are_known_by_path_or_by_host_and_port(url, name):
    assert backend_for(url).name == name


def test_the_demo_counts_as_openrouter():
    server = DemoServer()
    assert backend_for(server.url).name == "openrouter"
    server.close()


@pytest.mark.parametrize(
    "url", ["", "no url", "http://", "http://[::1", "http://h:99999/v1", "http://h:x", "://", "\x00"]
)
def test_what_is_no_url_is_custom_and_not_local(url):
    assert backend_for(url).name == "custom"
    assert not is_local(url)
    assert not same_server(url, OPENROUTER_URL)


@settings(max_examples=60, deadline=None)
@given(st.text(), st.text())
def test_no_text_breaks_the_reading_of_an_address(one, other):
    assert backend_for(one) in BACKENDS
    assert same_server(one, one)
    assert same_server(one, other) == same_server(other, one)


def test_local_servers():
    assert all(
        is_local(f"http://{host}:1234/v1") for host in ("localhost", "127.0.0.1", "[::1]", "0.0.0.0", "LOCALHOST")
    )
    assert not any(is_local(f"https://{host}/v1") for host in ("openrouter.ai", "localhost.example.com", "10.0.0.1"))


def test_a_local_server_may_come_back_on_another_port():
    assert same_server("http://127.0.0.1:4000/api/v1", "http://localhost:5000/api/v1/")
    assert not same_server("http://127.0.0.1:4000/api/v1", "http://127.0.0.1:4000/v1")


def test_remote_servers_are_the_same_only_as_a_whole():
    assert same_server("https://openrouter.ai/api/v1", "https://OpenRouter.ai:443/api/v1/")
    for other in ("http://openrouter.ai/api/v1", "https://openrouter.ai/api/v2", "https://openrouter.ai:8443/api/v1"):
        assert not same_server("https://openrouter.ai/api/v1", other)
    assert not same_server("http://127.0.0.1/api/v1", "https://openrouter.ai/api/v1")


def test_a_slug_without_its_suffix():
    assert [bare_slug(model) for model in ("a/b:free", "a/b", "", "a/b:x:y")] == ["a/b", "a/b", "", "a/b"]


def test_rows_are_well_formed():
    names = [profile.name for profile in BACKENDS]
    assert len(set(names)) == len(names)
    assert names[-1] == "custom"
    for profile in BACKENDS:
        assert bool(profile.start_hint) <= is_local(profile.base_url)
        assert profile.trim_reasoning or profile.supports_session_id
