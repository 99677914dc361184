from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from stepchat.catalogue.backends import BACKENDS, OPENROUTER_URL
from stepchat.chat.connection import (
    configured_prices,
    connect,
    connect_to_session_server,
    find_server,
    known_servers,
    server_for_url,
    trust_server,
)
from stepchat.config.file import Config, Table
from stepchat.config.paths import Paths
from stepchat.errors import UntrustedServerError, UsageError

BOX = Table(
    "box", {"base_url": "https://box.example/v1/", "profile": "llama.cpp", "starts_in_thinking": True, "model": "m"}
)
CONFIG = Config(servers=(BOX, Table("ollama", {"base_url": "http://10.0.0.5:11434/v1"})))


def test_a_server_of_the_config_is_a_row_of_its_own():
    box = find_server("box", CONFIG)
    assert (box.name, box.base_url, box.model) == ("box", "https://box.example/v1", "m")
    assert (box.backend.name, box.backend.title, box.backend.starts_in_thinking) == ("llama.cpp", "box", True)
    # The profile it is made from is as it was.
    assert not next(row for row in BACKENDS if row.name == "llama.cpp").starts_in_thinking


def test_a_session_that_was_held_there_finds_its_options_again():
    assert server_for_url("https://box.example/v1", CONFIG) == find_server("box", CONFIG)
    assert find_server("https://box.example/v1/", CONFIG) == find_server("box", CONFIG)
    assert server_for_url(OPENROUTER_URL, CONFIG).name == "openrouter"


def test_all_that_have_a_name():
    assert [place.name for place in known_servers(CONFIG)][:2] == ["box", "ollama"]
    assert [place.name for place in known_servers(Config())] == [row.name for row in BACKENDS[:-1]]
    assert len([place for place in known_servers(CONFIG) if place.name == "ollama"]) == 1
    assert find_server("ollama", CONFIG).base_url == "http://10.0.0.5:11434/v1"


def test_unknown_names_are_refused():
    with pytest.raises(UsageError, match=r"There is no server 'bix'\. Known servers: box, ollama, openrouter"):
        find_server("bix", CONFIG)
    with pytest.raises(UsageError, match=r"'http:///v1', base_url of \[servers\.x\], is not"):
        find_server("x", Config(servers=(Table("x", {"base_url": "http:///v1"}),)))


def keys_of(table: Table) -> tuple[str, tuple[str, ...]]:
    place = find_server(table.name, Config(servers=(table,)))
    return place.key_name, place.key_variables


def test_each_server_has_its_own_key_and_no_host_gets_anothers():
    assert keys_of(BOX) == ("box", ("STEPCHAT_API_KEY",))
    assert keys_of(Table("box", {"base_url": "https://x.org/v1", "key_variable": "BOX_KEY"})) == ("box", ("BOX_KEY",))
    # Known by name, but somebody else's host.
    assert keys_of(Table("openrouter", {"base_url": "https://evil.example/api/v1"})) == (
        "custom",
        ("STEPCHAT_API_KEY",),
    )
    assert keys_of(Table("openrouter", {"model": "m"})) == ("openrouter", ("OPENROUTER_API_KEY",))


def test_connecting_finds_the_key_and_notes_a_missing_one(tmp_path):
    paths = Paths(tmp_path, tmp_path, tmp_path)
    there = connect(server_for_url(OPENROUTER_URL, Config()), paths, Config(), {"OPENROUTER_API_KEY": "sk-1"})
    assert (there.key_error, there.server) == (None, OPENROUTER_URL)
    assert "sk-1" not in repr(there)
    missing = connect(server_for_url(OPENROUTER_URL, Config()), paths, Config(), {}).key_error
    assert missing is not None
    assert "\n  stepchat login\n" in missing.hint
    # Only OpenRouter gives keys in the browser.
    missing = connect(find_server("deepseek", Config()), paths, Config(), {}).key_error
    assert missing is not None
    assert "\n  stepchat login --key --server deepseek\n" in missing.hint
    local = connect(find_server("ollama", Config()), paths, Config(), {})
    assert (local.key, local.key_error) == (None, None)


def test_own_prices_are_given_per_million():
    config = Config(prices=(Table("a/b", {"prompt": 0.09, "completion": 3, "request": 0.01}),))
    (prices,) = configured_prices(config).values()
    assert (prices.prompt, prices.completion, prices.request) == (Decimal("9E-8"), Decimal("0.000003"), Decimal("0.01"))
    assert prices.cost(1_000_000, 0) == Decimal("0.1")


KEYS = {"STEPCHAT_API_KEY": "sk-custom", "OPENROUTER_API_KEY": "sk-or"}


@pytest.mark.parametrize(
    "server",
    [
        "https://evil.example/v1", "https://evil.example/api/v1", "http://127.0.0.1:9999/api/v1",
        "http://openrouter.ai/api/v1", "http://openrouter.ai:443/api/v1", "http://[::1", "evil", "https://me:x@a.example/v1",
    ],
)  # fmt: skip
def test_a_server_that_only_a_session_names_gets_neither_text_nor_key(tmp_path, server):
    there = connect_to_session_server(server, Paths(tmp_path, tmp_path, tmp_path), CONFIG, KEYS)
    assert isinstance(there.key_error, UntrustedServerError)
    assert f"/server {server}" in there.key_error.hint
    assert "Authorization" not in there.client.headers()
    assert not there.catalogue.refresh()


@pytest.mark.parametrize(
    ("server", "environ", "key"),
    [
        (OPENROUTER_URL, {}, "sk-or"),
        ("https://box.example/v1", {}, "sk-custom"),
        ("https://base.example/v1", {}, "sk-custom"),
        ("https://told.example/v1", {"STEPCHAT_BASE_URL": "https://told.example/v1/"}, "sk-custom"),
        ("https://given.example/v1", {}, "sk-custom"),
    ],
)
def test_a_session_goes_on_where_it_was_held_when_the_user_named_it(tmp_path, server, environ, key):
    paths = Paths(tmp_path, tmp_path, tmp_path)
    trust_server("https://given.example:443/v1/", paths, CONFIG)
    trust_server("https://other.example/v1", paths, CONFIG)
    trust_server(OPENROUTER_URL, paths, CONFIG)
    assert len(paths.trusted_servers.read_text().splitlines()) == 2
    there = connect_to_session_server(
        server, paths, replace(CONFIG, base_url="https://base.example/v1"), KEYS | environ
    )
    assert there.key_error is None
    assert there.client.headers()["Authorization"] == f"Bearer {key}"
