from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from stepchat.tools.base import ignore
from stepchat.tools.source import approve_file
from stepchat.tools.user import UserFunctions
from tests.tools.test_calls import Kept

if TYPE_CHECKING:
    from pathlib import Path

    from stepchat.tools.source import Found

GOOD = '''
"""Weather."""
import enum
from dataclasses import dataclass
from os import getpid

class Unit(enum.Enum):
    CELSIUS = "celsius"

@dataclass
class Place:
    city: str

def weather(place: Place, unit: Unit = Unit.CELSIUS, days: int = 1) -> str:
    """The weather.

    Args:
        place: Where.
    """
    print("printed, not returned")
    return f"{place.city} {unit.name} {days}"

async def later(text: str) -> dict:
    """Wait."""
    return {"text": text}

def fail():
    """Fail."""
    raise ValueError("no luck")

def leave():
    """Exit."""
    raise SystemExit(3)

def _private(): ...

weather.read_only = True
later.timeout = 5
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tools").mkdir()
    return tmp_path / "tools"


async def approved(folder: Path, taken: tuple[str, ...] = ()) -> Found:
    kept = Kept()
    functions = UserFunctions(folder)
    for file in (await functions.read(kept, taken)).waiting:
        await approve_file(kept, file)
    return await functions.read(kept, taken)


async def test_functions_become_tools(folder):
    (folder / "weather.py").write_text(GOOD)
    (folder / "_ignored.py").write_text("boom(")
    found = await approved(folder)
    tools = {tool.name: tool for tool in found.tools}
    assert found.problems == ()
    assert list(tools) == ["weather", "later", "fail", "leave"]
    weather = tools["weather"]
    assert (weather.source, weather.read_only, weather.description) == ("tools/weather.py", True, "The weather.")
    assert weather.parameters["properties"]["unit"] == {"type": "string", "enum": ["celsius"], "default": "celsius"}
    assert (tools["later"].read_only, tools["later"].timeout) == (False, 5)
    output = await weather.run({"place": {"city": "Oslo"}, "unit": "celsius", "days": 2}, ignore)
    assert (output.text, output.is_error) == ("Oslo CELSIUS 2", False)
    assert (await tools["later"].run({"text": "x"}, ignore)).text == '{"text": "x"}'
    failed = await tools["fail"].run({}, ignore)
    assert (failed.text, failed.is_error) == ("weather.py, line 29: ValueError: no luck", True)
    assert (await tools["leave"].run({}, ignore)).is_error


async def test_nothing_in_a_file_runs_before_it_is_approved_and_after_it_has_changed(folder, tmp_path):
    mark = tmp_path / "ran"
    code = f"open({str(mark)!r}, 'a').write('x')\ndef go():\n    return 1\n"
    (folder / "go.py").write_text(code)
    kept, functions = Kept(), UserFunctions(folder)
    found = await functions.read(kept, ())
    assert (found.tools, found.waiting[0].is_new) == ((), True)
    assert not mark.exists()
    await approve_file(kept, found.waiting[0])
    (tool,) = (await functions.read(kept, ())).tools
    assert mark.read_text() == "x"
    (folder / "go.py").write_text(code + "# changed\n")
    assert "has changed" in (await tool.run({}, ignore)).text
    again = await functions.read(kept, ())
    assert (again.tools, again.waiting[0].is_new) == ((), False)
    assert mark.read_text() == "x"
    await approve_file(kept, again.waiting[0])
    (changed,) = (await functions.read(kept, ())).tools
    assert changed.fingerprint != tool.fingerprint


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("def f(:\n", "bad.py, line 1: SyntaxError"),
        ("x = 1\n\ny = 1 / 0\n", "bad.py, line 3: ZeroDivisionError"),
        ("import nowhere_at_all\n", "bad.py, line 1: ModuleNotFoundError"),
        ("\ndef f(x: bytes): ...\n", "bad.py, line 2: f, parameter x: bytes has no JSON schema"),
        ("def f(*x): ...\n", "bad.py, line 1: f, parameter x"),
        ("def \u00fc(): ...\n", "line 1: servers do not accept the name"),
        ("import a_good\n", "bad.py, line 1: ModuleNotFoundError"),
        ("import os\nos._exit(7)\n", "ended with 7"),
        ("def good(): ...\n", "there is another tool good"),
    ],
)
async def test_a_broken_file_is_reported_with_its_line_and_harms_no_other(folder, code, problem):
    (folder / "bad.py").write_text(code)
    (folder / "a_good.py").write_text("def good():\n    return 1\n")
    found = await approved(folder)
    assert [tool.name for tool in found.tools] == ["good"]
    (text,) = found.problems
    assert problem in text


async def test_a_name_of_another_tool_is_a_problem(folder):
    (folder / "a.py").write_text("def calculate():\n    return 1\n")
    found = await approved(folder, ("calculate",))
    assert found.tools == ()
    assert "rename" in found.problems[0]


async def test_cancelling_ends_the_process(folder, tmp_path):
    pid = tmp_path / "pid"
    (folder / "slow.py").write_text(
        "import os, time\n"
        "def slow(path: str):\n"
        "    open(path + '.new', 'w').write(str(os.getpid()))\n"
        "    os.rename(path + '.new', path)\n"
        "    time.sleep(60)\n"
    )
    (tool,) = (await approved(folder)).tools
    running = asyncio.create_task(tool.run({"path": str(pid)}, ignore))
    async with asyncio.timeout(10):
        while not pid.exists():
            await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    from tests.tools.test_processes import is_alive

    assert not is_alive(int(pid.read_text()))


async def test_without_a_folder_there_is_nothing(tmp_path):
    assert (await UserFunctions(tmp_path / "none").read(Kept(), ())).tools == ()
