from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stepchat.config.file import Table
from stepchat.tools.base import Tool, ToolError
from stepchat.tools.calls import Limits, ReadyCall, Toolset
from stepchat.tools.mcp.check import check_server, describe
from stepchat.tools.mcp.server import read_server
from stepchat.tools.mcp.source import MISSING, McpServers, is_wanted, tool_name
from stepchat.tools.source import approve_file
from tests.tools.test_calls import Kept
from tests.tools.test_processes import is_alive

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from stepchat.tools.calls import Result

SERVER = str(Path(__file__).with_name("mcp_server.py"))
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


class Bench:
    """Servers in a folder, and what the small one has noted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes = folder / "notes"
        self.environ = {**os.environ, "PET_TOKEN": "sesame-open-5678"}
        self.servers = self.make(small={})

    def make(self, **tables: dict[str, Any]) -> McpServers:
        """Servers with these settings; without command and url, the small server."""
        program = {"command": sys.executable, "args": [SERVER, str(self.notes)]}
        rows = [
            Table(name, values if {"command", "url"} & set(values) else program | values)
            for name, values in tables.items()
        ]
        folder = self.folder
        self.servers = McpServers(rows, folder / ".mcp.json", folder / "logs", folder / "files", self.environ)
        return self.servers

    async def tools(self, wanted: tuple[str, ...] | None = None) -> dict[str, Tool]:
        found = await self.servers.read(None, (), wanted)
        assert not found.problems
        return {tool.name: tool for tool in found.tools}

    async def problems(self, wanted: tuple[str, ...] | None = ("small",)) -> str:
        return " ".join((await self.servers.read(None, (), wanted)).problems)

    async def call(self, name: str, text: str = "", **limits: Any) -> Result:
        tools = await self.tools(("small",))
        return await run(tools[f"small__{name}"], {"text": text}, **limits)

    def noted(self) -> list[str]:
        return self.notes.read_text().split("\n")[:-1] if self.notes.exists() else []


async def run(tool: Tool, arguments: dict[str, Any], **limits: Any) -> Result:
    from stepchat.messages import ToolCall

    call = ToolCall("1", tool.name, json.dumps(arguments))
    return await Toolset({tool.name: tool}, Limits(**limits)).run(ReadyCall(call, tool, arguments))


async def until(is_true: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not is_true():
            await asyncio.sleep(0.01)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    yield made
    await made.servers.close()


async def test_a_server_starts_when_it_is_wanted_once_and_ends_when_closed(bench: Bench):
    assert await bench.tools(()) == await bench.tools(("calculate", "smaller__echo")) == {}
    assert not bench.noted()
    both = await asyncio.gather(bench.tools(("small",)), bench.tools(("small__echo",)))
    assert both[0].keys() == both[1].keys()
    assert both[0]["small__echo"].source == "MCP small"
    assert bench.noted() == ["start"]
    await bench.servers.close()
    await until(lambda: bench.noted() == ["start", "end"])


@pytest.mark.parametrize(
    ("name", "text", "is_error"),
    [
        ("echo", "hello", False),
        ("noise", "hello", False),
        ("structured", '{"n": 1}', False),
        ("fail", "no luck", True),
        ("refuse", "The MCP server small reports: No \x1b[31mway.", True),
    ],
)
async def test_what_the_model_reads(bench: Bench, name: str, text: str, is_error: bool):
    result = await bench.call(name, "hello")
    assert (result.text, result.is_error) == (text, is_error)


async def test_an_image_is_saved_as_a_private_file(bench: Bench):
    result = await bench.call("image")
    [path] = (bench.folder / "files").iterdir()
    assert path.read_bytes() == PNG
    assert path.stat().st_mode & 0o077 == 0
    assert str(path) in result.text
    assert "28 bytes" in result.text


async def test_long_results_are_cut_as_those_of_other_tools(bench: Bench):
    result = await bench.call("echo", "x" * 5000, output=1000)
    assert "4,000 of 5,000 characters left out" in result.text


async def test_a_stopped_call_and_one_that_takes_too_long_are_cancelled_on_the_server(bench: Bench):
    result = await bench.call("slow", timeout=0.05)
    assert "stopped after" in result.text
    await until(lambda: bench.noted().count("cancelled") == 1)
    running = asyncio.create_task(bench.call("slow"))
    await until(lambda: bench.noted().count("call slow") == 2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await until(lambda: bench.noted().count("cancelled") == 2)
    assert (await bench.call("echo", "still here")).text == "still here"


async def test_a_server_that_crashes_is_restarted_once_and_the_call_is_not_repeated(bench: Bench):
    for starts in (1, 2):
        result = await bench.call("crash")
        assert "(exit code 3) during the request, which may have taken effect" in result.text
        assert f"{bench.folder / 'logs' / 'small.log'}, ends with: out of luck." in result.text
        assert (bench.noted().count("start"), bench.noted().count("call crash")) == (starts, starts)
    assert "has ended twice (exit code 3)" in await bench.problems()
    assert bench.noted().count("start") == 2
    # Someone who asks for all tools wants another attempt.
    assert "small__echo" in await bench.tools(None)
    assert (bench.folder / "logs" / "small.log").stat().st_mode & 0o077 == 0


async def test_a_tool_that_changes_does_not_run_before_it_is_listed_again(bench: Bench):
    before = (await bench.tools(("small",)))["small__echo"]
    assert not (await bench.call("change")).is_error
    result = await run(before, {"text": "x"})
    assert (result.is_error, "call echo" in bench.noted()) == (True, False)
    assert "has changed" in result.text
    after = (await bench.tools(("small",)))["small__echo"]
    assert "tells everybody" in after.description
    assert after.fingerprint != before.fingerprint
    assert (await run(after, {"text": "x"})).text == "x"


async def test_hints_are_believed_only_if_the_user_says_so(bench: Bench):
    assert not (await bench.tools(None))["small__echo"].read_only
    await bench.servers.close()
    bench.make(small={"trust_hints": True})
    tools = await bench.tools(None)
    assert (tools["small__echo"].read_only, tools["small__crash"].read_only) == (True, False)


async def test_keys_reach_the_server_and_nothing_else(bench: Bench):
    bench.environ["OPENROUTER_API_KEY"] = "sk-or-v1-not-for-servers"
    bench.make(small={"env": {"TOKEN": "Key ${PET_TOKEN}", "MODE": "${NO_SUCH:-fast}"}})
    text = (await bench.call("show_env_f10778")).text
    assert "[key removed]" in text
    assert '"MODE": "fast"' in text
    assert "sesame" not in text
    assert "OPENROUTER" not in text
    assert "sesame" not in repr(bench.servers)
    bench.make(small={"env": {"TOKEN": "${MISSING}"}})
    assert "needs the environment variable MISSING (env.TOKEN)" in await bench.problems()


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"command": "no-such-program"}, "there is no program no-such-program"),
        (
            {"command": "/bin/sh", "args": ["-c", "echo broken >&2; exit 4"]},
            "ended while it was starting (exit code 4).",
        ),
        ({"command": "/bin/sh", "args": ["-c", "sleep 60"], "start_timeout": 0.2}, "is not ready after 0.2 s"),
        ({"command": "/bin/sh", "cwd": "/no/such/folder"}, "No such file or directory (/no/such/folder)"),
        ({"url": "http://127.0.0.1:1/mcp?key=1"}, "cannot be reached at http://127.0.0.1:1/mcp:"),
    ],
)
async def test_why_a_server_does_not_start(bench: Bench, table: dict[str, Any], problem: str):
    bench.make(small=table)
    first = await bench.problems()
    assert problem in first
    assert await bench.problems() == first


async def test_a_failed_start_quotes_the_log_without_keys(bench: Bench):
    code = "echo no use for $TOKEN >&2; exit 1"
    bench.make(small={"command": "/bin/sh", "args": ["-c", code], "env": {"TOKEN": "${PET_TOKEN}"}})
    assert "ends with: no use for [key removed]." in await bench.problems()


@pytest.fixture
def address() -> Iterator[str]:
    with subprocess.Popen([sys.executable, SERVER, "--http"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}/mcp"
        server.kill()


async def test_a_server_over_http(bench: Bench, address: str):
    bench.make(small={"url": address, "headers": {"Authorization": "Bearer ${DOOR}"}})
    bench.environ["DOOR"] = "open-sesame-1234"
    assert (await bench.call("echo", "open-sesame-1234")).text == "[key removed]"
    await bench.servers.close()
    bench.make(small={"url": address})
    assert f"answered with HTTP 401 at {address}" in await bench.problems()


async def test_the_file_of_a_project_is_approved_first_and_again_after_a_change(bench: Bench):
    kept, file = Kept(), bench.folder / ".mcp.json"
    bench.make()

    def write(text: str) -> None:
        program = {"type": "stdio", "command": sys.executable, "args": [SERVER, str(bench.notes), text]}
        file.write_text(json.dumps({"mcpServers": {"pet": program, "odd": {"type": "sse", "url": "x"}}}))

    write("one")
    for text, is_new in (("one", True), ("two", False)):
        write(text)
        found = await bench.servers.read(kept, (), ("pet",))
        [waiting] = found.waiting
        assert (found.tools, waiting.name, waiting.is_new) == ((), ".mcp.json", is_new)
        await approve_file(kept, waiting)
        found = await bench.servers.read(kept, (), ("pet",))
        assert found.tools[0].name == "pet__echo"
        assert "line 1: type 'sse' is not supported" in found.problems[0]
    assert bench.noted().count("start") == 2


def test_names_are_legal_and_distinct():
    names = [tool_name("a", name) for name in ("now", "no w", "no.w", "no:w", "n" * 80, "n" * 81, "é")]
    assert names[0] == "a__now"
    assert len(set(names)) == len(names)
    assert all(len(name) <= 64 and name.replace("_", "").isalnum() and name.isascii() for name in names)
    assert is_wanted("a", None)
    assert [is_wanted("a", (name,)) for name in ("a", "a__b", "ab", "a_b", "b")] == [True, True, False, False, False]


def test_addresses_are_shown_without_keys():
    table = Table("x", {"url": "https://me:hunter2hunter2@host/mcp?key=abc"})
    server = read_server(table, "config.toml", {})
    assert server.address == "https://host/mcp"
    assert "hunter2" not in repr(server)
    command = Table("y", {"command": "run", "args": ["--key", "${API_KEY}"]})
    assert read_server(command, "", {"API_KEY": "abcdefgh-1"}).address == "run --key [key removed]"


async def test_a_check_says_what_a_server_offers(bench: Bench):
    await bench.servers.find(None)
    assert describe(bench.servers, "small").address.startswith(sys.executable)
    report = await check_server(bench.servers, "small")
    assert report.offers["resources"] == ["note://today", "pic://dot"]
    assert report.offers["prompts"] == ["review", "hi"]
    assert report.summary.startswith("small 1, MCP 2025-06-18, ready in")


async def test_without_the_package_there_is_one_clear_error(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "stepchat.tools.mcp.connection", None)
    bench.make(small={}, other={})
    assert (await bench.servers.read(None, (), None)).problems == (MISSING,)
    with pytest.raises(ToolError, match="pip install"):
        await bench.servers.connect("small")


def test_no_process_is_left_when_stepchat_is_killed(tmp_path: Path):
    code = f"""
import asyncio
from pathlib import Path
from tests.tools.test_mcp import Bench
asyncio.run(Bench(Path({str(tmp_path)!r})).call("spawn"))
"""
    notes = tmp_path / "notes"
    with subprocess.Popen([sys.executable, "-c", code], start_new_session=True) as stepchat:

        async def killed() -> None:
            line = re.compile(r"^pids (\d+) (\d+)\n", re.MULTILINE)
            await until(lambda: notes.exists() and line.search(notes.read_text()) is not None)
            pids = [int(number) for number in line.findall(notes.read_text())[0]]
            os.kill(stepchat.pid, signal.SIGKILL)
            await until(lambda: not any(map(is_alive, pids)))

        asyncio.run(killed())
