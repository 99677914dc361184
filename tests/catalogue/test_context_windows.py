"""What servers of one's own machine tell of their room, as the demo server imitates them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stepchat.catalogue.backends import BACKENDS, backend_for, detect_backend
from stepchat.catalogue.catalogue import Catalogue
from stepchat.catalogue.context_windows import PROBES, with_context_windows
from stepchat.chat.connection import connect, find_server
from stepchat.cli.demo_server import demo_server
from stepchat.config.file import Config, Table
from stepchat.config.paths import Paths
from stepchat.demo.local_servers import LOCAL_SERVERS, MODELS, TRAINED
from stepchat.demo.server import DemoServer
from stepchat.errors import UnreachableError
from stepchat.servers.client import Client

if TYPE_CHECKING:
    from stepchat.catalogue.backends import Backend

SMALL, LARGE = MODELS
KINDS = [row.name for row in LOCAL_SERVERS]


def row(name: str) -> Backend:
    return next(profile for profile in BACKENDS if profile.name == name)


def known(server: DemoServer, profile: Backend) -> Catalogue:
    client = Client(server.url, profile, None)
    catalogue = Catalogue(fetch=client.get_json, extend=lambda entries: with_context_windows(client, entries))
    assert catalogue.refresh()
    return catalogue


def windows(catalogue: Catalogue) -> list[tuple[int | None, int | None]]:
    return [(model.context_length, model.max_context_length) for model in catalogue.models]


def test_every_kind_is_imitated():
    assert {name for name, _ in PROBES} <= set(KINDS)
    assert set(KINDS) == {profile.name for profile in BACKENDS if profile.start_hint}
    assert list(next(option for option in demo_server.params if option.name == "imitate").type.choices) == KINDS


@pytest.mark.parametrize("kind", ["llama.cpp", "vllm", "sglang"])
@pytest.mark.parametrize("is_named", [True, False])
def test_what_it_was_started_with(kind, is_named):
    with DemoServer(imitates=kind, window=32_768) as server:
        # Of a server at any address the kind shows by what its models say.
        profile = row(kind) if is_named else backend_for(server.url)
        assert (profile.name == kind) == is_named
        catalogue = known(server, profile)
        assert detect_backend(model.owner for model in catalogue.models).name == kind
        assert windows(catalogue) == [(32_768, TRAINED if kind == "llama.cpp" else None)] * 2


@pytest.mark.parametrize(("kind", "from_file"), [("ollama", 8192), ("lmstudio", TRAINED)])
def test_what_it_loads_a_model_with(kind, from_file):
    with DemoServer(speed=0, imitates=kind) as server:
        more = TRAINED if from_file < TRAINED else None
        # Until it is loaded nobody tells; but what its file says holds.
        assert windows(known(server, row(kind))) == [(TRAINED, None), (from_file, more)]
        Client(server.url, row(kind), None).get_json(
            "/chat/completions", body={"model": SMALL, "messages": [{"role": "user", "content": "demo:haiku"}]}
        )
        assert windows(known(server, row(kind))) == [(4096, TRAINED), (from_file, more)]


def test_what_the_user_says_goes_before_all(tmp_path):
    with DemoServer(imitates="llama.cpp") as server:
        box = Table("box", {"base_url": server.url, "context_length": 20_000})
        place = find_server("box", Config(servers=(box,)))
        connection = connect(place, Paths(tmp_path, tmp_path, tmp_path), Config(), {})
        # Also where there is no list.
        assert connection.catalogue.find("any/name").context_length == 20_000
        assert connection.catalogue.refresh()
        assert windows(connection.catalogue) == [(20_000, None)] * 2
        assert connection.catalogue.find("any/name") is None


@pytest.mark.parametrize("name", [name for name, _ in PROBES])
@pytest.mark.parametrize(
    "told", [{}, {"models": 5, "data": [3]}, {"default_generation_settings": []}, UnreachableError("off")]
)
def test_what_tells_nothing_does_no_harm(name, told):
    class Odd:
        backend = row(name)

        def get_json(self, *_, **__):
            if isinstance(told, Exception):
                raise told
            return told

    entries = [{"id": "a", "owned_by": "x"}, 5, None]
    assert with_context_windows(Odd(), entries) == entries


def test_openrouter_is_not_asked_for_more():
    with DemoServer() as server:
        assert known(server, backend_for(server.url)).find("stepfun/step-3.5-flash").context_length == 262_144
        assert [request.path for request in server.received] == ["/api/v1/models"]


def test_the_model_that_runs_is_looked_at_first():
    bodies: list[str] = []

    def ask(path: str, body: dict[str, str] | None = None, /, **_: str) -> dict[str, object]:
        if body is None:
            return {"models": [{"name": "b", "context_length": 4096}]}
        bodies.append(body["model"])
        return {"parameters": f"num_ctx   {'9' * 5000}"}

    # There may be no time for all of them.
    found = dict(PROBES)["ollama"](ask, ["a", "b", "c"])
    assert bodies == ["b", "a", "c"]
    assert found["b"].tokens == 4096
