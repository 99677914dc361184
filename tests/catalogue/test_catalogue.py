from __future__ import annotations

from decimal import Decimal

import pytest

from stepchat.catalogue.backends import backend_for
from stepchat.catalogue.catalogue import STALE_SECONDS, Catalogue, Prices, file_name
from stepchat.config.paths import write_private
from stepchat.demo.catalogue import MODELS, listing
from stepchat.errors import ServerError, UnreachableError
from stepchat.servers.client import Client

STEP = "stepfun/step-3.5-flash"
PAGE = {"data": [listing("http://x", model) for model in MODELS]}


class Server:
    """Gives one answer after the other; the last one stays."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def __call__(self, path, query):
        self.asked.append((path, dict(query)))
        answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer


def stored(file, fetch=None, **more):
    return Catalogue(file, fetch, write=write_private, **more)


def loaded(tmp_path, *answers, **more):
    catalogue = stored(tmp_path / "list.jsonl", Server(*(answers or (PAGE,))), **more)
    assert catalogue.refresh()
    return catalogue


def test_nothing_is_known_at_first(tmp_path):
    catalogue = stored(tmp_path / "none", Server(PAGE))
    assert not catalogue.read()
    assert (catalogue.models, catalogue.find(STEP), catalogue.search("step"), catalogue.stale) == ((), None, [], True)


def test_models_are_found_by_name_and_without_suffix(tmp_path):
    catalogue = loaded(tmp_path, {"data": [*PAGE["data"], {"id": f"{STEP}:free"}]})
    assert catalogue.find(STEP).context_length == 262_144
    assert catalogue.find(f"{STEP}:nitro") == catalogue.find(STEP)
    assert catalogue.find(f"{STEP}:free").id == f"{STEP}:free"
    assert catalogue.find("nobody/nothing") is None
    assert len(catalogue.models) == len(MODELS) + 1


def test_canonical_slug_finds_its_model(tmp_path):
    catalogue = loaded(tmp_path, {"data": [{"id": "a/b", "canonical_slug": "a/b-2603"}]})
    assert catalogue.find("a/b-2603").id == "a/b"


def test_what_was_fetched_is_there_at_the_next_start_without_a_server(tmp_path):
    now = 1_000_000.0
    first = loaded(tmp_path, clock=lambda: now)
    offline = stored(tmp_path / "list.jsonl", Server(UnreachableError("off")), clock=lambda: now + STALE_SECONDS - 1)
    assert offline.read()
    assert offline.models == first.models
    assert not offline.stale
    later = stored(tmp_path / "list.jsonl", Server(UnreachableError("off")), clock=lambda: now + STALE_SECONDS + 1)
    assert later.read()
    assert later.stale
    assert not later.refresh()
    assert later.error.message == "off"
    assert later.models == first.models


def test_one_model_is_read_alone(tmp_path):
    first = loaded(tmp_path)
    catalogue = stored(tmp_path / "list.jsonl", Server(PAGE))
    assert catalogue.read(f"{STEP}:nitro")
    assert catalogue.find(f"{STEP}:nitro") == first.find(STEP)
    assert len(catalogue.models) == 1


def test_only_the_owner_can_read_the_file_and_nothing_else_is_left(tmp_path):
    loaded(tmp_path / "new")
    files = list((tmp_path / "new").iterdir())
    assert [file.name for file in files] == ["list.jsonl"]
    assert files[0].stat().st_mode & 0o777 == 0o600


def test_a_full_disk_is_no_trouble(tmp_path):
    (tmp_path / "place").write_text("a file where the directory should be")
    catalogue = stored(tmp_path / "place" / "list.jsonl", Server(PAGE))
    assert catalogue.refresh()
    assert catalogue.find(STEP)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"{}", b'{"fetched": true}', b"[1]", b'{"fetched": 1', b"\xff\xfe\x00", b"[" * 100_000]
)
def test_a_file_that_is_none_is_not_used(tmp_path, content):
    (tmp_path / "list.jsonl").write_bytes(content)
    assert not stored(tmp_path / "list.jsonl", Server(PAGE)).read()


def test_broken_lines_are_passed_over(tmp_path):
    (tmp_path / "list.jsonl").write_bytes(b'{"fetched": 5}\n{"id": "a/b"}\n{"id": "c/\nnull\n\xff\n{"id": "d/e"}')
    catalogue = stored(tmp_path / "list.jsonl", Server(PAGE))
    assert catalogue.read()
    assert [model.id for model in catalogue.models] == ["a/b", "d/e"]
    assert catalogue.fetched == 5


@pytest.mark.parametrize("answer", [{"data": []}, {"data": [None, 3, {"no": "id"}]}])
def test_a_list_with_nothing_in_it_is_empty(tmp_path, answer):
    assert loaded(tmp_path, answer).models == ()


@pytest.mark.parametrize("known", ["in memory", "on disk"])
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({}, "no list of models"),
        ({"data": None}, "no list of models"),
        ({"data": {"id": "x"}}, "no list of models"),
        (ServerError("upstream"), "upstream"),
        ({"data": []}, "keeping the previous one"),
        ({"data": [None, 3]}, "keeping the previous one"),
    ],
)
def test_what_is_no_list_does_not_take_away_the_one_before(tmp_path, known, answer, words):
    catalogue = loaded(tmp_path, PAGE, answer)
    if known == "on disk":
        catalogue = stored(tmp_path / "list.jsonl", Server(answer))
    assert not catalogue.refresh()
    assert words in catalogue.error.message
    again = stored(tmp_path / "list.jsonl")
    assert again.read()
    assert len(again.models) == len(MODELS)
    if known == "in memory":
        assert catalogue.models == again.models


def test_a_list_may_be_replaced_in_the_middle_of_a_search(tmp_path):
    server = Server(PAGE, {"data": [{"id": "new/one"}]})
    catalogue = stored(tmp_path / "x", server)
    assert catalogue.refresh()
    searched = iter(catalogue._searched)

    def next_list():
        yield next(searched)
        assert catalogue.refresh()
        yield from searched

    catalogue._searched = next_list()
    assert len(catalogue.search("o")) > 1
    assert [model.id for model in catalogue.search("o")] == ["new/one"]


def test_further_pages_are_asked_of_the_same_server(tmp_path):
    following = {"links": {"next": "https://elsewhere.example/models?offset=1&limit=1"}}
    server = Server({"data": [{"id": "a"}]} | following, {"data": [{"id": "b"}, {"id": "a"}]})
    catalogue = stored(tmp_path / "x", server)
    assert catalogue.refresh()
    assert [model.id for model in catalogue.models] == ["a", "b"]
    assert server.asked == [("/models", {}), ("/models", {"offset": "1", "limit": "1"})]


def test_a_list_without_end_ends(tmp_path):
    server = Server({"data": [{"id": "a"}], "links": {"next": "?offset=1"}})
    assert stored(tmp_path / "x", server).refresh()
    assert len(server.asked) == 20


def test_the_users_prices_go_before_the_servers(tmp_path):
    own = Prices(prompt=Decimal(1), completion=Decimal(2))
    catalogue = loaded(tmp_path, prices={STEP: own, "my/own": own})
    assert catalogue.find(STEP).prices == own
    assert catalogue.find(f"{STEP}:nitro").prices == own
    assert catalogue.find("my/own").prices == own
    assert catalogue.find("z-ai/glm-4.7").prices.prompt


def test_search_finds_the_best_first_and_favourites_before_others(tmp_path):
    catalogue = loaded(tmp_path)
    assert [model.id for model in catalogue.search("step")][:2] == ["stepfun/step-3.7-flash", STEP]
    assert catalogue.search("35fl")[0].id == STEP
    assert catalogue.search("llama instruct")[0].id == "meta-llama/llama-3.3-70b-instruct"
    assert catalogue.search("xyzzy") == []
    everything = catalogue.search("", first=(STEP, "gone/away"))
    assert everything[0].id == STEP
    assert len(everything) == len(MODELS)
    assert catalogue.search("step", first=(STEP,))[0].id == STEP


def test_nearest_names(tmp_path):
    catalogue = loaded(tmp_path)
    assert catalogue.nearest("stepfun/step-3.5-flsh")[0] == STEP
    assert catalogue.nearest("step-3.5-flash")[0] == STEP
    assert len(catalogue.nearest("gpt")) <= 3


def test_the_demo_server_is_asked_over_http(tmp_path, demo):
    client = Client(demo.url, backend_for(demo.url), None)
    catalogue = stored(tmp_path / "x", client.get_json)
    assert catalogue.refresh()
    assert {model.id for model in MODELS} <= {model.id for model in catalogue.models}
    client.close()


def test_a_server_that_is_not_there_is_told_of(tmp_path):
    client = Client("http://127.0.0.1:9/v1", backend_for("http://127.0.0.1:11434/v1"), None)
    catalogue = stored(tmp_path / "x", client.get_json)
    assert not catalogue.refresh()
    assert catalogue.error.hint == "Start it with: ollama serve"
    client.close()


def test_file_names_are_plain():
    assert file_name("https://openrouter.ai/api/v1") == "openrouter.ai-api-v1.jsonl"
    assert file_name("demo") == "demo.jsonl"
    assert file_name("http://[::1]:80/../x") == "1-80-..-x.jsonl"
    assert file_name("///") == "server.jsonl"


@pytest.mark.parametrize(
    ("slug", "found"),
    [("llama3", "llama3:latest"), ("llama3:latest", "llama3:latest"), ("qwen3", None), ("qwen3:8b", "qwen3:8b")],
)
def test_a_name_without_a_tag_is_the_latest(slug, found):
    catalogue = Catalogue(fetch=lambda *_: {"data": [{"id": "llama3:latest"}, {"id": "qwen3:8b"}]})
    assert catalogue.refresh()
    model = catalogue.find(slug)
    assert (None if model is None else model.id) == found
