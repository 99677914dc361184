from __future__ import annotations

import sys

import pytest

from stepchat.chat.editor import editor_command
from stepchat.errors import StepchatError
from stepchat.tui.composer.external_editor import edit_text


class Suspendable:
    """An app that counts how often it is suspended."""

    def __init__(self) -> None:
        self.suspended = 0

    def suspend(self):
        return self

    def __enter__(self) -> None:
        self.suspended += 1

    def __exit__(self, *_) -> None:
        pass


def script(tmp_path, body: str) -> dict[str, str]:
    path = tmp_path / "an editor.py"
    path.write_text(f"import sys, pathlib\npath = pathlib.Path(sys.argv[-1])\n{body}\n")
    return {"EDITOR": f"{sys.executable} '{path}'"}


async def test_what_the_editor_saves_comes_back(tmp_path):
    app = Suspendable()
    environ = script(
        tmp_path, "assert path.stat().st_mode & 0o777 == 0o600\npath.write_text(path.read_text() + ' more\\nlines\\n')"
    )
    assert await edit_text(app, "söme", environ) == "söme more\nlines"
    assert app.suspended == 1


@pytest.mark.parametrize("body", ["sys.exit(3)", "path.unlink()", "path.write_bytes(b'\\xff')"])
async def test_a_failing_editor_changes_nothing(tmp_path, body):
    with pytest.raises(StepchatError) as caught:
        await edit_text(Suspendable(), "text", script(tmp_path, body))
    assert caught.value.hint == "The prompt is unchanged."


@pytest.mark.parametrize("environ", [{"EDITOR": "no-such-editor --wait"}, {"VISUAL": "vi 'x"}])
def test_an_editor_that_cannot_be_started_is_named(environ):
    with pytest.raises(StepchatError, match=r"no-such-editor|vi 'x"):
        editor_command(environ)


def test_visual_comes_before_editor():
    assert editor_command({"VISUAL": f"{sys.executable} -x", "EDITOR": "vi"}) == [sys.executable, "-x"]
