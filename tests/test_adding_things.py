"""One of each thing is added to a copy of the package, in the one place that CONTRIBUTING names; everything else follows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# File, the line below which to insert, and what. Without a line, the file is new.
ADDITIONS = (
    (
        "stepchat/parameters/table.py",
        '    Group("Sampling", (',
        '        Parameter("zest", "float", "How lively.", examples=("0.5",), low=0, high=1),',
    ),
    ("stepchat/cli/options.py", "OPTIONS = (", '    OptionRow("--warp -w", "warp", VALUE, "Speed of travel."),'),
    ("stepchat/cli/main.py", "    for row in (", '        Row("salute", "salute", "salute", "say hello"),'),
    (
        "stepchat/cli/salute.py",
        None,
        '"""Salutes."""\nimport click\n\n@click.command()\ndef salute():\n    """Say hello."""\n    print("Ahoy.")\n',
    ),
    (
        "stepchat/tui/commands/view.py",
        "COMMANDS: tuple[Command, ...] = (",
        '    Command("wave", "Wave at the reader", top, ("f9", "leader f9"), synonyms=("hello",)),',
    ),
    (
        "stepchat/config/file.py",
        "SETTINGS: tuple[Setting, ...] = (",
        '    Setting("mood", "calm", "The mood.", ("calm", "wild")),',
    ),
    ("stepchat/config/file.py", '    model: str = ""', '    mood: str = "calm"'),
    (
        "stepchat/catalogue/backends.py",
        '        " For a larger window: OLLAMA_CONTEXT_LENGTH=32768 ollama serve",',
        '    ),\n    Backend(\n        "nova", "Nova", "http://127.0.0.1:9191/v1", "NOVA_API_KEY", reasoning_field="inner_voice",',
    ),
    (
        "stepchat/attachments/detection.py",
        "TYPES: Final = (",
        '    FileType("image", "image/nova", "Nova image", _begins(rb"NOVA")),',
    ),
    (
        "stepchat/parameters/short_schema.py",
        "TYPES: Final[dict[str, Json]] = {",
        '    "hue": {"type": "string", "format": "color"},',
    ),
    (
        "stepchat/sessions/export/formats.py",
        "    for form in (",
        '        Format("dots", ".dots", "as dots", False, lambda *_: "..."),',
    ),
    (
        "stepchat/demo/scenarios/table.py",
        "_ANSWERS = (",
        '    Scenario("yodel", "an answer in the mountains", lambda _: iter((Say("Holla-ri-di-o."), Finish()))),',
    ),
    (
        "stepchat/tools/builtin.py",
        "_INJECTED: Final = (Surroundings,)",
        '\n\n@ToolFunction\ndef toss(coins: int = 1) -> str:\n    """Toss coins."""\n    return "heads " * coins\n',
    ),
    ("stepchat/manual.py", "TOPICS: Final = (", '    Topic("stars", "How to look at stars"),'),
    ("stepchat/docs/stars.md", None, "# Stars\n\nLook up.\n"),
)

PRELUDE = """
import asyncio, io, json, os, sys
from pathlib import Path
home = Path(os.environ["STEPCHAT_HOME"])

def shell(*arguments):
    from stepchat.cli.main import run
    out, sys.stdout = sys.stdout, io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    err, sys.stderr = sys.stderr, sys.stdout
    try:
        run(arguments, None)
    finally:
        written, sys.stdout, sys.stderr = sys.stdout.buffer.getvalue().decode(), out, err
    return written

def table(name):
    from stepchat.docs.generate import TABLES
    return TABLES[name]()

def demo(question, *options):
    return shell("--demo", *options, "--", question)
"""

CHECKS = {
    "a parameter": """
assert "--zest 0.5" in shell("parameters", "zest")
from stepchat.cli.parameters import all_flags
assert any("--zest" in flag.opts for flag in all_flags())
assert "must be" in demo("demo:haiku speed=0", "--zest", "2")
assert "must be" in demo("demo:haiku speed=0", "--set", "zest=2")
(home / "config.toml").write_text("parameters.zest = 0.5\\n")
assert "no problems found" in shell("config", "check")
from stepchat.parameters.scopes import Scopes
from stepchat.tui.dialogs.settings import setting_rows
groups = setting_rows(Scopes(), lambda *_: "", "zest", {})
assert "zest" in repr(groups)
assert "`zest`" in table("parameters")
""",
    "an option of stepchat": """
from stepchat.__main__ import _opens_window
assert _opens_window(["--warp", "9"]) and _opens_window(["-w", "9"]) and not _opens_window(["--warp", "9", "hello"])
assert "-w, --warp TEXT" in shell("--help")
assert "`-w, --warp TEXT`" in table("options")
assert "warp" in shell("man")
""",
    "a command of the shell": """
assert shell("salute") == "Ahoy.\\n"
assert "salute" in shell("--help") and "say hello" in shell("--help")
from stepchat.cli.main import _meant_command
assert _meant_command(["salut"]) == "salute"
assert "salute" in shell("man")
""",
    "a command of the window, and its key": """
from stepchat.docs.generate import default_keymap
from stepchat.tui import commands
from stepchat.tui.keymap import CHAT, build_keymap
row, argument = commands.find("/wave")
assert (row.name, argument) == ("wave", "")
assert [found.text for found in commands.complete("/wav", None)][:1] == ["/wave"]
keymap = default_keymap()
assert not keymap.problems and keymap.label("wave") == "F9" and keymap.at(CHAT, "f9").name == "wave"
assert build_keymap(commands.KEY_ROWS, {"wave": "f8"}).fill("{key:wave} waves") == "F8 waves"
assert "Wave at the reader" in table("commands") and "Wave at the reader" in table("keys of chat")
(home / "config.toml").write_text("keys.wave = 'alt+?'\\n")
assert "no problems found" in shell("config", "check")
assert "is a command of the window" in demo("/wave")
""",
    "a setting": """
(home / "config.toml").write_text("mood = 'wild'\\n")
from stepchat.config.file import read_config
assert read_config(home / "config.toml").mood == "wild"
assert "wild" in shell("config", "show")
(home / "config.toml").write_text("mood = 'mild'\\n")
assert "must be one of calm, wild" in shell("config", "check")
assert "`mood`" in table("config")
(home / "config.toml").unlink()
assert "mood" in shell("config", "init") + (home / "config.toml").read_text()
""",
    "a server": """
(home / "config.toml").write_text("server = 'nova'\\n[servers.box]\\nbase_url = 'http://10.0.0.1/v1'\\nprofile = 'nova'\\n")
assert "no problems found" in shell("config", "check")
assert "nova" in shell("servers", "--no-probe")
from stepchat.catalogue.backends import backend_for
from stepchat.messages import AssistantMessage, UserMessage
from stepchat.reasoning.fields import reasoning_text
from stepchat.reasoning.replay import Target
from stepchat.servers.chunks import ChunkReader
from stepchat.servers.sse import SseEvent
from stepchat.servers.wire import request_body
row = backend_for("http://127.0.0.1:9191/v1")
assert row.name == "nova"
delta = ChunkReader().read([SseEvent('{"choices": [{"delta": {"inner_voice": "Hm."}}]}')])
assert (delta.reasoning, delta.reasoning_field) == ("Hm.", "inner_voice")
answer = AssistantMessage(
    text="Yes.", reasoning=delta.reasoning, reasoning_field=delta.reasoning_field, model_asked="m", server=row.base_url
)
sent = request_body([UserMessage("Why?"), answer, UserMessage("And?")], Target(row, row.base_url, "m"))["messages"][1]
assert sent["inner_voice"] == "Hm." and reasoning_text(sent) == ("inner_voice", "Hm.")
assert "NOVA_API_KEY" in table("servers")
""",
    "a type of file": """
from stepchat.attachments.detection import type_name, type_of
assert type_of(b"NOVA...").media_type == "image/nova" and type_name("image/nova") == "Nova image"
""",
    "a type of the short form of schemas": """
from stepchat.parameters.short_schema import parse_short_schema
assert parse_short_schema("sky hue")["properties"]["sky"] == {"type": "string", "format": "color"}
""",
    "a theme": """
assert "dusk" in shell("themes")
(home / "config.toml").write_text("theme = 'dusk'\\n")
assert "no problems found" in shell("config", "check")
""",
    "an export format": """
demo("demo:haiku speed=0")
assert shell("sessions", "export", "--all", "--format", "dots") == "..."
assert "dots" in shell("sessions", "export", "--help") and "as dots" in shell("sessions", "export", "--help")
from stepchat.sessions.export.formats import format_of
assert format_of("x.dots") == "dots"
""",
    "a demo scenario": """
assert "Holla-ri-di-o." in demo("demo:yodel speed=0")
assert "- `yodel`: an answer in the mountains" in demo("demo:answers speed=0")
""",
    "a tool": """
assert "toss" in demo("demo:haiku speed=0", "--tool", "nothing")
assert "heads" not in demo("demo:haiku speed=0", "--tool", "toss")
""",
    "a page of the manual": """
assert "Look up." in shell("help", "stars") and "How to look at stars" in shell("help")
from stepchat.tui.commands.app import _topics
assert any(name == "stars" for name, _ in _topics(None))
""",
}


@pytest.fixture(scope="session")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with one more of each."""
    copy = tmp_path_factory.mktemp("extended")
    shutil.copytree(ROOT / "stepchat", copy / "stepchat")
    shutil.copytree(ROOT / "themes", copy / "themes")
    for name, below, added in ADDITIONS:
        path = copy / name
        if below is None:
            path.write_text(added)
            continue
        lines = path.read_text("utf-8").split("\n")
        assert lines.count(below) == 1, (name, below)
        at = lines.index(below)
        path.write_text("\n".join([*lines[: at + 1], added, *lines[at + 1 :]]), "utf-8")
    dusk = (ROOT / "themes" / "dark.toml").read_text("utf-8").replace('name = "dark"', 'name = "dusk"')
    (copy / "themes" / "dusk.toml").write_text(dusk, "utf-8")
    return copy


@pytest.mark.parametrize("thing", CHECKS)
def test_one_place_is_enough_for(thing, extended, tmp_path):
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("STEPCHAT_", "OPENROUTER_"))}
    environ |= {"PYTHONPATH": str(extended), "STEPCHAT_HOME": str(tmp_path)}
    command = [sys.executable, "-c", PRELUDE + CHECKS[thing]]
    done = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
