from __future__ import annotations

import os
import re
import stat
import tomllib
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len, get_character_cell_size
from rich.color import ColorSystem
from rich.console import Console
from rich.style import Style
from textual._wrap import compute_wrap_offsets

import stepchat
from stepchat.config.paths import find_paths
from stepchat.first_frame.files import database_path, first_frame_path
from stepchat.first_frame.frame import requested_model
from stepchat.first_frame.picture import (
    DEPTHS,
    HINTS,
    PLACEHOLDER,
    ROLES,
    cells,
    clean,
    colour_depth,
    default_styles,
    draw,
    non_utf8_locale,
    prompt_row_limit,
    read_frame_style,
    short_model_name,
    status_line,
    wrap,
)
from stepchat.text.sanitize import HARMFUL, HARMFUL_FAR
from stepchat.tui.chat.status_bar import arrange
from stepchat.tui.terminal.handover import sgr, write_first_frame

SGR = re.compile(r"\x1b\[[0-9;]*m")
typed_text = st.text(st.sampled_from("ab,_ é漢😀\u0301") | st.sampled_from("  "))
LOOK = read_frame_style(b"", "truecolor", None)


def plain(row: str) -> str:
    return SGR.sub("", row)


def test_every_character_has_the_width_textual_gives_it():
    wrong = [
        hex(code)
        for code in range(0x110000)
        if (width := cells(chr(code))) is not None and width != get_character_cell_size(chr(code))
    ]
    assert wrong == []


def test_no_control_character_is_paintable():
    for code in [
        *range(0x20),
        *range(0x7F, 0xA1),
        0xAD,
        0x200B,
        0x200D,
        0x2028,
        0x202E,
        0x2066,
        0xFE0F,
        0xFEFF,
        0xD800,
    ]:
        assert cells(chr(code)) is None, hex(code)


def test_most_of_what_people_type_is_paintable():
    for text in ["äöüß", "ñçøł", "жђі", "ελ", "漢字かなカナ", "한국어", "ไทย", "עברית", "العربية", "–—“”€…", "😀🎉"]:
        assert all(cells(character) is not None for character in text), text


@given(typed_text, st.integers(4, 30))
def test_wraps_as_textarea_does(text, width):
    assert wrap(text, width) == compute_wrap_offsets(text, width, tab_size=4)


@given(st.lists(typed_text, max_size=14).map("\n".join), st.integers(20, 70), st.integers(6, 30), st.data())
def test_a_picture_fills_the_screen_exactly(text, columns, rows, data):
    cursor = data.draw(st.integers(0, len(text)))
    picture = draw(text, cursor, LOOK, columns, rows)
    assert len(picture.rows) == rows
    assert {cell_len(plain(row)) for row in picture.rows} == {columns}
    row, column = picture.cursor
    assert rows - 1 - prompt_row_limit(rows) <= row < rows - 1
    assert 2 <= column < columns - 2


def test_the_empty_frame():
    rows = [plain(row).rstrip() for row in draw("", 0, LOOK, 80, 8).rows]
    assert rows == [
        *[""] * 5,
        "─" * 80,
        "❯ Ask, or / for commands",
        "  step-3.5-flash" + " " * 29 + "Ctrl+T reasoning  Ctrl+P commands",
    ]


def test_a_narrow_terminal_shows_whole_words():
    rows = [plain(row).rstrip() for row in draw("", 0, LOOK, 20, 6).rows]
    assert rows[-2] == "❯ Ask, or / for"
    assert rows[-1] == "  step-3.5-flash"


def test_the_prompt_grows_and_then_scrolls_to_the_cursor():
    text = "\n".join(str(number) for number in range(12))
    rows = [plain(row).rstrip() for row in draw(text, len(text), LOOK, 40, 20).rows]
    assert rows[10] == "─" * 40
    assert [row.strip("❯ ") for row in rows[11:19]] == [str(number) for number in range(4, 12)]
    assert draw(text, 0, LOOK, 40, 20).cursor == (11, 2)


@pytest.mark.parametrize(
    "items", [("step-3.5-flash",), ("step-3.5-flash", "effort auto", "context 2 %"), ("漢字", "é")]
)
def test_the_status_line_is_the_real_one_at_every_width(items):
    for columns in range(1, 140):
        real = "".join(span.text for span in arrange(items, HINTS, columns))
        parts = status_line(items, columns)
        assert "".join(text for _, text in parts).rstrip() == real.rstrip()
        assert sum(cell_len(text) for _, text in parts) == columns


@pytest.mark.parametrize(
    "environ",
    [
        {"TERM": "xterm-256color"},
        {"TERM": "xterm"},
        {"TERM": "xterm-kitty"},
        {"TERM": "linux-16color"},
        {"TERM": "screen", "COLORTERM": " TrueColor "},
        {"TERM": "xterm-256color", "COLORTERM": "24bit"},
        {"TERM": "xterm-256color", "COLORTERM": "yes"},
    ],
)
def test_colour_depth_is_richs(environ):
    found = Console(file=StringIO(), force_terminal=True, color_system="auto", _environ=environ).color_system
    assert colour_depth(environ) == {"standard": "16"}.get(found, found)


def test_no_color_and_textuals_own_variable():
    assert colour_depth({"NO_COLOR": "1", "COLORTERM": "truecolor"}) == "none"
    assert colour_depth({"NO_COLOR": "", "COLORTERM": "truecolor"}) == "truecolor"
    assert colour_depth({"TEXTUAL_COLOR_SYSTEM": "standard", "COLORTERM": "truecolor"}) == "16"
    assert colour_depth({"TEXTUAL_COLOR_SYSTEM": "256"}) == "256"


@pytest.mark.parametrize("depth", ["truecolor", "256", "16"])
def test_the_defaults_are_the_default_theme(depth):
    theme = Path(stepchat.__file__).parents[1] / "themes" / "dark.toml"
    colors = tomllib.loads(theme.read_text())["colors"]
    system = {"truecolor": ColorSystem.TRUECOLOR, "256": ColorSystem.EIGHT_BIT, "16": ColorSystem.STANDARD}[depth]
    ground = colors["background"]
    wanted = {"text": "text", "ground": "text", "key": "text", "placeholder": "dim", "status": "dim", "rule": "rule"}
    styles = {role: Style(color=colors[name], bgcolor=ground) for role, name in {**wanted, "sign": "accent"}.items()}
    styles["cursor"] = Style(color=ground, bgcolor=colors["text"])
    assert default_styles(depth) == {role: sgr(style, system) for role, style in styles.items()}


def test_without_colours_the_defaults_send_none():
    assert all(sgr in ("", "1", "2", "7") for sgr in default_styles("none").values())


@given(st.binary(max_size=300), st.sampled_from(DEPTHS), st.none() | st.text(max_size=50))
def test_a_look_from_garbage_is_harmless(content, depth, model):
    look = read_frame_style(content, depth, model)
    assert set(look.styles) == set(ROLES)
    for row in draw("", 0, look, 60, 8).rows:
        assert cell_len(plain(row)) == 60
        assert plain(row).isprintable()


@pytest.mark.parametrize(
    "line",
    [
        "truecolor text 1;2\x1b]0;x\x07",
        "truecolor text 1m\x1b[2J",
        "truecolor text " + "1;" * 99,
        "truecolor nothing 1",
    ],
)
def test_a_hostile_style_is_not_used(line):
    assert read_frame_style(line.encode(), "truecolor", None).styles == default_styles("truecolor")


def test_model_and_status_from_a_file_are_cleaned():
    look = read_frame_style("model a/\x1b[31mred\u202e\x07\nstatus \x9b2Jeffort\tauto".encode(), "16", None)
    assert look.items == ("[31mred", "2Jeffortauto")


def test_the_model_asked_for_wins_over_the_file():
    assert read_frame_style(b"model a/b\n", "16", None).items == ("b",)
    assert read_frame_style(b"model a/b\n", "16", "c/d:free").items == ("d:free",)
    assert read_frame_style(b"", "16", None).items == ("step-3.5-flash",)


def test_model_names():
    assert short_model_name("stepfun/step-3.5-flash") == "step-3.5-flash"
    assert short_model_name("x") == "x"
    assert short_model_name("a/\x1b/") == "step-3.5-flash"
    assert len(short_model_name("m" * 500)) == 60
    assert clean("a\nb") == "ab"


def test_the_model_asked_for():
    assert requested_model(["stepchat", "--model", "a"], {}) == "a"
    assert requested_model(["-m", "a"], {}) == "a"
    assert requested_model(["--model=b", "--model", "c"], {"STEPCHAT_MODEL": "d"}) == "c"
    assert requested_model(["--model"], {"STEPCHAT_MODEL": "d"}) == "d"
    assert requested_model(["--", "--model", "a"], {}) is None
    assert requested_model(["--model="], {"STEPCHAT_MODEL": ""}) is None


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"XDG_STATE_HOME": "/somewhere/state"},
        {"XDG_STATE_HOME": "relative"},
        {"XDG_STATE_HOME": ""},
        {"STEPCHAT_HOME": "/own/home"},
        {"STEPCHAT_HOME": "~/own"},
        {"STEPCHAT_HOME": "own/relative"},
        {"STEPCHAT_HOME": "/with/slash/"},
    ],
)
def test_the_path_is_that_of_paths(changes, monkeypatch, tmp_path):
    for name in ("XDG_STATE_HOME", "STEPCHAT_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": str(tmp_path), **changes}.items():
        monkeypatch.setenv(name, value)
    assert os.path.normpath(first_frame_path(os.environ)) == str(find_paths(os.environ).first_frame)
    assert os.path.normpath(database_path(os.environ)) == str(find_paths(os.environ).database)


STYLES = {role: Style(color="#010203", bgcolor="#f0f1f2", bold=role == "sign") for role in ROLES}


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "not" / "there" / "first-frame"
    write_first_frame(path, "maker/model-1", ["effort high", "context 0 %"], [("Ctrl+X r", "retry")], STYLES)
    content = path.read_bytes()
    look = read_frame_style(content, "truecolor", None)
    assert look.items == ("model-1", "effort high", "context 0 %")
    assert look.hints == (("Ctrl+X r", "retry"),)
    assert look.styles["text"] == "38;2;1;2;3;48;2;240;241;242"
    assert look.styles["sign"] == "1;38;2;1;2;3;48;2;240;241;242"
    assert read_frame_style(content, "256", None).styles["text"] == "38;5;16;48;5;255"
    assert read_frame_style(content, "16", None).styles["text"] == "30;107"
    assert read_frame_style(content, "none", None).styles == {role: "1" if role == "sign" else "" for role in ROLES}


def test_writing_leaves_the_styles_as_they_were(tmp_path):
    style = STYLES["text"]
    before = style.render("x")
    write_first_frame(tmp_path / "first-frame", "m", [], [], STYLES)
    assert style.render("x") == before


def test_the_file_is_private_and_replaced_whole(tmp_path):
    path = tmp_path / "first-frame"
    write_first_frame(path, "a", [], [], STYLES)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first = path.stat()
    write_first_frame(path, "a", [], [], STYLES)
    assert path.stat().st_ino == first.st_ino
    write_first_frame(path, "b", [], [], STYLES)
    assert path.read_text().startswith("model b\n")
    assert [entry.name for entry in tmp_path.iterdir()] == ["first-frame"]


def test_a_home_that_cannot_be_written_is_no_error(tmp_path):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    write_first_frame(in_the_way / "first-frame", "a", [], [], STYLES)
    (tmp_path / "directory").mkdir()
    write_first_frame(tmp_path / "directory", "a", [], [], STYLES)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["directory", "file"]


def test_the_placeholder_has_one_row_at_60_columns():
    assert wrap(PLACEHOLDER, 56) == []


def test_nothing_harmful_is_painted_before_textual():
    harmful = re.compile(f"[{HARMFUL}{HARMFUL_FAR}]")
    for code in (*range(0xD800), *range(0xE000, 0x10000), *range(0xE0000, 0xE1000)):
        assert not harmful.match(chr(code)) or cells(chr(code)) is None, hex(code)


@pytest.mark.parametrize(
    ("environ", "setting"),
    [
        ({}, ""),
        ({"LANG": "C"}, "LANG=C"),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, "LANG=C"),
        ({"LANG": "POSIX", "LC_CTYPE": "C.utf8"}, "LANG=POSIX"),
        ({"LC_ALL": "C", "LANG": "en_US.UTF-8"}, "LC_ALL=C"),
        ({"LANG": "de_DE.ISO-8859-1"}, "LANG=de_DE.ISO-8859-1"),
        ({"LANG": "ja_JP.eucJP@x"}, "LANG=ja_JP.eucJP@x"),
        ({"LANG": "C", "PYTHONUTF8": "1"}, ""),
        ({"LANG": "C", "LC_ALL": "C.UTF-8"}, ""),
        ({"LC_CTYPE": "UTF-8"}, ""),
        ({"LANG": "en_US"}, ""),
        ({"LANG": "en_US.utf8"}, ""),
        ({"LANG": "", "LC_ALL": ""}, ""),
    ],
)
def test_locales_without_utf_8(environ, setting):
    assert non_utf8_locale(environ) == setting
