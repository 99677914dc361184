from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from stepchat.config.paths import find_paths, private_directory
from stepchat.errors import StepchatError, StoreError

if TYPE_CHECKING:
    from pathlib import Path

posix = pytest.mark.skipif(os.name != "posix", reason="permissions and symbolic links of POSIX")


@pytest.fixture
def user(tmp_path, monkeypatch):
    """A user whose home is empty; platformdirs reads these variables itself."""
    for name in ("STEPCHAT_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_stepchat_home_overrides_everything(user, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(user / "xdg"))
    paths = find_paths({"STEPCHAT_HOME": str(user / "mine"), "XDG_DATA_HOME": str(user / "xdg")})
    assert (paths.data, paths.config, paths.state) == (user / "mine",) * 3
    assert paths.database == user / "mine" / "sessions.db"
    assert paths.config_file == user / "mine" / "config.toml"
    assert paths.user_themes == user / "mine" / "themes"
    assert paths.first_frame == user / "mine" / "first-frame"


def test_tilde_in_stepchat_home(user):
    assert find_paths({"STEPCHAT_HOME": "~/mine"}).data == user / "mine"


def test_tilde_of_nobody_is_an_error_with_a_next_step(user):
    with pytest.raises(StepchatError, match="STEPCHAT_HOME"):
        find_paths({"STEPCHAT_HOME": "~no-such-user-at-all/mine"})


@pytest.mark.skipif(os.name != "posix" or os.uname().sysname == "Darwin", reason="the XDG directories")
def test_default_directories(user):
    for environ in ({}, {"STEPCHAT_HOME": ""}):
        paths = find_paths(environ)
        assert paths.database == user / ".local/share/stepchat/sessions.db"
        assert paths.config_file == user / ".config/stepchat/config.toml"
        assert paths.first_frame == user / ".local/state/stepchat/first-frame"


@pytest.mark.skipif(os.name != "posix" or os.uname().sysname == "Darwin", reason="the XDG directories")
def test_xdg_directories_are_honoured(user, monkeypatch):
    for name in ("DATA", "CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(user / name))
    paths = find_paths(os.environ)
    assert (paths.data, paths.config, paths.state) == tuple(
        user / name / "stepchat" for name in ("DATA", "CONFIG", "STATE")
    )


def test_asking_creates_nothing(user):
    for environ in ({}, {"STEPCHAT_HOME": str(user / "mine")}):
        paths = find_paths(environ)
        assert paths.database.name == "sessions.db"
    assert list(user.iterdir()) == []


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@posix
def test_private_directory_is_for_its_owner_only(tmp_path):
    before = os.umask(0)
    try:
        made = private_directory(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    assert made == tmp_path / "a" / "b"
    assert mode(made) == 0o700


@posix
def test_existing_directory_is_left_as_it_is(tmp_path):
    existing = tmp_path / "mine"
    existing.mkdir()
    existing.chmod(0o755)
    (existing / "file").write_text("kept")
    assert private_directory(existing) == existing
    assert mode(existing) == 0o755
    assert (existing / "file").read_text() == "kept"


@posix
def test_link_to_a_directory_is_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    private_directory(tmp_path / "link" / "inner")
    assert (tmp_path / "real" / "inner").is_dir()


@pytest.mark.parametrize("below", [".", "inner", "inner/more"])
def test_a_file_in_the_way_is_an_error_with_a_next_step(tmp_path, below):
    (tmp_path / "file").write_text("x")
    path = tmp_path / "file" / below
    with pytest.raises(StoreError) as caught:
        private_directory(path)
    assert str(path) in caught.value.message
    assert "STEPCHAT_HOME" in caught.value.hint
    assert (tmp_path / "file").read_text() == "x"


@posix
def test_a_dangling_link_is_an_error(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(StoreError):
        private_directory(tmp_path / "link")


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_home_is_an_error(tmp_path):
    home = tmp_path / "home"
    home.mkdir(mode=0o500)
    with pytest.raises(StoreError, match=r"Cannot use .* Set STEPCHAT_HOME"):
        private_directory(home / "stepchat")
