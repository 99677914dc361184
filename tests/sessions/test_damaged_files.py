"""No file ends the program: each comes in, or is refused with a sentence."""

from __future__ import annotations

import io
import json
import sqlite3
import zipfile
from contextlib import closing, suppress
from copy import deepcopy
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepchat.chat.accumulator import accumulate
from stepchat.cli.sessions import _summary_line
from stepchat.config.paths import Paths
from stepchat.errors import StepchatError, UsageError
from stepchat.messages import AssistantMessage, StoredMessage, Timing, UserMessage
from stepchat.sessions.export.formats import FORMATS, ExportOptions, export, export_json
from stepchat.sessions.importing.importer import import_file
from stepchat.sessions.records import Session
from stepchat.sessions.store import SessionStore
from stepchat.transcript import labels
from tests.sessions.samples import CHATGPT, LLM_LOG

_HUGE = int("9" * 400)
_ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, -1, _HUGE, 1e308, 1700000000100, "", "x", "\ud800\x00", [], ["text"], {}, {"a": [1]}]
)


def _ours() -> Any:
    session = Session("s1", "t", 1.0, 2.0, "m2", "m", "https://example.org", None)
    said = (
        StoredMessage("m1", "s1", None, UserMessage("q", 1.0)),
        StoredMessage("m2", "s1", "m1", AssistantMessage(text="a", timing=Timing(1.0, 1.0, 2.0, 3.0))),
    )
    return json.loads(export_json(session, said))


def _places(data: Any) -> list[tuple[Any, Any]]:
    """Every place of a JSON value, as the container and the key."""
    found: list[tuple[Any, Any]] = []
    waiting = [data]
    while waiting:
        at = waiting.pop()
        keys = list(at) if isinstance(at, dict) else range(len(at)) if isinstance(at, list) else []
        found += [(at, key) for key in keys]
        waiting += [at[key] for key in keys]
    return found


async def _ends_well(path: Path) -> None:
    """Imported or refused; and all that came in can be shown and written."""
    home = Path(mkdtemp(dir=path.parent))
    store = SessionStore.open(Paths(home, home, home), accumulate=accumulate)
    try:
        await _import_and_show(store, path)
    finally:
        await store.close()


async def _import_and_show(store: SessionStore, path: Path) -> None:
    with suppress(StepchatError):
        await import_file(store, path)
    for row in await store.sessions(-1, archived=None):
        _summary_line(row)
        for stored in await store.messages(row.id):
            if isinstance(stored.message, AssistantMessage):
                labels.footer(stored.message)
        for form in set(FORMATS) - {"jsonl"}:
            assert [piece async for piece in export(store, form, [row.id], ExportOptions())]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data(), ours=st.booleans())
async def test_any_json(tmp_path: Path, data: st.DataObject, ours: bool) -> None:
    value = _ours() if ours else json.loads(json.dumps(CHATGPT))
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(_places(value)))
        # A copy: put into itself it would have no end.
        container[key] = deepcopy(data.draw(_ODD))
    path = tmp_path / "a.json"
    path.write_text(json.dumps(value))
    await _ends_well(path)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("llm") / "logs.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(LLM_LOG)
    return path.read_bytes()


def _zip() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", json.dumps(CHATGPT))
    return content.getvalue()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(changes=st.lists(st.tuples(st.integers(16), st.integers(0, 255)), min_size=1, max_size=12), packed=st.booleans())
async def test_any_bytes(
    tmp_path: Path, database: bytes, changes: list[tuple[int, int]], packed: bool
) -> None:  # fmt: skip
    content = bytearray(_zip() if packed else database)
    for place, byte in changes:
        content[16 + place % (len(content) - 16)] = byte
    path = tmp_path / "a"
    path.write_bytes(content)
    await _ends_well(path)


async def test_any_row(tmp_path: Path, database: bytes) -> None:
    path = tmp_path / "logs.db"
    for table, column in (("threads", "id"), ("threads", "tip_message_hash"), ("messages", "role"), ("parts", "type"),
                          ("parts", "payload"), ("turns", "duration_ms"), ("turns", "datetime_utc")):  # fmt: skip
        for value in (None, "x", b"\xff", 2**62, 1e308):
            path.write_bytes(database)
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("PRAGMA ignore_check_constraints = 1")
                connection.execute(f'UPDATE "{table}" SET "{column}" = ?', (value,)).connection.commit()
            await _ends_well(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in ("started", "ended") for value in (_HUGE, 10**400, 1e308)),
        *((name, 1700000000100) for name in ("first_reasoning", "first_text", "ended")),
    ],
)
async def test_a_number_that_is_no_time_is_refused(
    store: SessionStore, tmp_path: Path, name: str, value: float
) -> None:
    data = _ours()
    data["messages"][1]["message"]["timing"][name] = value
    (tmp_path / "a.json").write_text(json.dumps(data))
    with pytest.raises(UsageError, match=rf"messages\[1\]\.message\.timing\.{name}: a number that is not a time"):
        await import_file(store, tmp_path / "a.json")


@pytest.mark.parametrize("value", [_HUGE, -_HUGE, float("inf"), 1e308])
def test_a_number_that_is_no_time_can_be_shown(value: float) -> None:
    message = AssistantMessage(model="m", reasoning="r", timing=Timing(value, value, value, value))
    assert (message.timing.first_token_seconds, message.timing.reasoning_seconds, message.timing.total_seconds) == (
        None,
        None,
        None,
    )
    assert labels.footer(message) is not None


async def test_milliseconds_of_chatgpt_are_understood(store: SessionStore, tmp_path: Path) -> None:
    chat = CHATGPT | {"create_time": 1700000000100, "update_time": 1700000000100}
    (tmp_path / "a.json").write_text(json.dumps(chat))
    (session_id,) = (await import_file(store, tmp_path / "a.json")).sessions
    assert (await store.session(session_id)).created == 1700000000.1


async def test_milliseconds_that_an_earlier_version_kept_go_round(store: SessionStore, tmp_path: Path) -> None:
    data = _ours()
    data["session"] |= {"created": 1700000000100.0, "updated": 1700000000200.0}
    data["messages"][0]["message"]["time"] = 1700000000100
    data["messages"][1]["message"]["timing"]["started"] = 1700000000200.0
    (tmp_path / "a.json").write_text(json.dumps(data))
    await import_file(store, tmp_path / "a.json")
    text = export_json(await store.session("s1"), await store.messages("s1"))
    assert json.loads(text) == data
    (tmp_path / "b.json").write_text(text)
    other = SessionStore.open(Paths(tmp_path, tmp_path, tmp_path), accumulate=accumulate)
    await import_file(other, tmp_path / "b.json")
    assert export_json(await other.session("s1"), await other.messages("s1")) == text
    await other.close()


async def test_as_deep_as_a_server_may_answer_goes_round_and_what_is_deeper_is_named(
    store: SessionStore, tmp_path: Path
) -> None:
    def nested(levels: int) -> str:
        data = _ours()
        deep: Any = "x"
        for _ in range(levels - 2):
            deep = [deep]
        data["messages"][1]["message"]["reasoning_details"] = [{"data": deep}]
        return json.dumps({"format": "stepchat-sessions", "version": 1, "sessions": [data]})

    (tmp_path / "a.json").write_text(nested(199))
    await import_file(store, tmp_path / "a.json")
    pieces = [piece async for piece in export(store, "json", None, ExportOptions())]
    (tmp_path / "b.json").write_text("".join(pieces))
    assert (await import_file(store, tmp_path / "b.json")).known == 1
    for text, said in (
        (nested(201), r"sessions\[0\]\.messages\[1\]\.message: nested more than 200 levels deep"),
        ("[" * 9999, "line 1, column 201: JSON is nested too deeply"),
        ('["\\"[NaN",\n 1, NaN]', "line 2, column 5: NaN is not JSON"),
    ):
        (tmp_path / "c.json").write_text(text)
        with pytest.raises(UsageError, match=said):
            await import_file(store, tmp_path / "c.json")
