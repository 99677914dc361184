from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
import pytest
from jsonschema import Draft202012Validator

from stepchat.tools.base import ToolError, ignore
from stepchat.tools.builtin import Surroundings, builtin_tools
from stepchat.tools.folders import Folders

if TYPE_CHECKING:
    from pathlib import Path

    from stepchat.messages import Json
    from stepchat.tools.base import Tool


@pytest.fixture
def tools(tmp_path: Path) -> dict[str, Tool]:
    (tmp_path / "src").mkdir()
    (tmp_path / "notes.txt").write_text("one\ntwo\nthree\n")
    (tmp_path / "src" / "main.py").write_text("import os\nprint('Two')\n")
    (tmp_path / "image").write_bytes(b"\0\1two")

    async def resolve(_host: str, _port: int) -> list[str]:
        return ["93.184.216.34"]

    transport = httpx.MockTransport(lambda _request: httpx.Response(200, text="a page"))
    surroundings = Surroundings(Folders.of([tmp_path]), resolve, transport)
    return {tool.name: tool for tool in builtin_tools(surroundings)}


def test_every_tool_is_described_for_a_model(tools):
    assert list(tools) == ["current_time", "calculate", "read_file", "list_files", "search_files", "fetch_url"]
    for tool in tools.values():
        Draft202012Validator.check_schema(tool.parameters)
        assert tool.description
        assert tool.read_only
        assert all(row["description"] for row in tool.parameters["properties"].values())
        assert "surroundings" not in tool.parameters["properties"]


RESULTS: list[tuple[str, Json, str]] = [
    ("current_time", {}, r"\w+, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d .+, week \d{4}-W\d\d"),
    ("current_time", {"timezone": "Asia/Tokyo"}, r".*\+09:00 JST, .*"),
    ("calculate", {"expression": "6 * 7"}, "42"),
    ("read_file", {"path": "notes.txt"}, "one\ntwo\nthree"),
    ("read_file", {"path": "notes.txt", "start_line": 2, "lines": 1}, r"two\n\[Lines 2 to 2 of 3\.\]"),
    ("read_file", {"path": "notes.txt", "start_line": 9}, r"\[notes.txt has 3 lines\.\]"),
    ("list_files", {}, "image\nnotes.txt\nsrc/"),
    ("list_files", {"pattern": "*.py"}, "src/main.py"),
    ("list_files", {"pattern": "src/*"}, "src/main.py"),
    ("list_files", {"pattern": "*.rs"}, r"\[No files\.\]"),
    ("search_files", {"text": "TWO"}, r"notes.txt:2: two\nsrc/main.py:2: print\('Two'\)"),
    ("search_files", {"text": "two", "pattern": "*.py"}, r"src/main.py:2: print\('Two'\)"),
    ("search_files", {"text": "two", "path": "notes.txt"}, "notes.txt:2: two"),
    ("search_files", {"text": "four"}, r"\[No matches\.\]"),
    ("fetch_url", {"url": "http://x.example"}, "a page"),
    ("fetch_url", {"url": "http://x.example", "start": 2}, "page"),
]


@pytest.mark.parametrize(("name", "arguments", "result"), RESULTS)
async def test_tools_return_text(tools, name, arguments, result):
    text = (await tools[name].run(arguments, ignore)).text
    assert re.fullmatch(result, text), text


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("current_time", {"timezone": "Mars/Olympus"}, "no time zone"),
        ("current_time", {"timezone": "../../etc/passwd"}, "no time zone"),
        ("read_file", {"path": "image"}, "binary"),
        ("read_file", {"path": "/etc/passwd"}, "outside"),
        ("list_files", {"path": "notes.txt"}, "Not a directory"),
        ("search_files", {"text": " "}, "Give a text"),
    ],
)
async def test_failures_are_in_words(tools, name, arguments, error):
    with pytest.raises(ToolError, match=error):
        await tools[name].run(arguments, ignore)


async def test_long_lists_end_with_a_note(tools, tmp_path):
    for number in range(1_001):
        (tmp_path / f"{number:04}.md").write_text("needle\n")
    assert (await tools["list_files"].run({}, ignore)).text.endswith(
        "[More than 1,000 files; only the first are listed.]"
    )
    found = (await tools["search_files"].run({"text": "needle"}, ignore)).text
    assert found.endswith("[Stopped after 200 lines; narrow the search.]")
