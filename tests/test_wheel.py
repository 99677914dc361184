"""What a user gets: the wheel, installed on its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A directory with nothing but the installed wheel."""
    place = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = place.glob("stepchat-*.whl")
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", str(place / "site")]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True)
    return place / "site"


def run(installed, *command):
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(installed), "STEPCHAT_HOME": str(installed / "home")}
    done = subprocess.run(
        [sys.executable, *command],
        env=env,
        cwd=installed,
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout


def test_themes_are_in_it(installed):
    code = (
        "import stepchat; from pathlib import Path; from stepchat.tui.themes import find_themes\n"
        "print(stepchat.__file__); print(*find_themes(Path('none'), print))"
    )
    place, names = run(installed, "-c", code).splitlines()
    assert Path(place).is_relative_to(installed)
    assert set(names.split()) == {path.stem for path in (ROOT / "themes").glob("*.toml")}


def test_every_data_file_is_in_it(installed):
    kept = {
        path.relative_to(ROOT) for path in (ROOT / "stepchat").rglob("*") if path.suffix in {".sql", ".tcss", ".md"}
    }
    assert kept
    assert all((installed / path).is_file() for path in kept)


def test_it_answers_from_the_demo(installed):
    assert "demo" in run(installed, "-m", "stepchat", "--demo", "demo:help speed=0")


def test_it_has_the_manual(installed):
    assert run(installed, "-m", "stepchat", "help", "keys").startswith("# Keys")
