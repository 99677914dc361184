from __future__ import annotations

import os
from pathlib import Path

import pytest
from rich.color import Color as RichColor
from rich.color import ColorSystem
from textual.app import App
from textual.color import Color
from textual.widgets import OptionList, TextArea

import stepchat.tui
from stepchat.errors import ConfigError
from stepchat.transcript.palette import SYNTAX, colourless
from stepchat.tui.chat.status_bar import StatusBar
from stepchat.tui.composer.composer import Composer
from stepchat.tui.themes import COLORS, Theme, choose_theme, find_themes, load_theme, palette, textual_theme
from tests.tui.screen import screen_cells

SHIPPED = Path(stepchat.tui.__file__).parent.parent.parent / "themes"
NAMES = sorted(path.stem for path in SHIPPED.glob("*.toml"))
COLOURED = [name for name in NAMES if name not in {"ansi", "mono"}]


def raised(error: ConfigError) -> None:
    raise error


def shipped(name: str) -> Theme:
    return load_theme(SHIPPED / f"{name}.toml")


def contrast(first: str, second: str) -> float:
    """The contrast ratio of WCAG 2."""

    def luminance(color: str) -> float:
        parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def source(**changes: str) -> str:
    lines = {"name": '"mine"', "dark": "true"} | dict.fromkeys(COLORS, '"#808080"') | changes
    top = "".join(f"{key} = {lines.pop(key)}\n" for key in ("name", "dark") if lines[key])
    return top + "\n[colors]\n" + "".join(f"{key} = {value}\n" for key, value in lines.items() if value)


def write(directory: Path, text: str, name: str = "mine.toml") -> Path:
    path = directory / name
    path.write_text(text, encoding="utf-8")
    return path


def test_contrast_formula():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_every_shipped_theme_is_found(tmp_path):
    assert list(find_themes(tmp_path / "none", raised)) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_theme_has_the_name_of_its_file(name, tmp_path):
    assert shipped(name).name == name
    assert choose_theme(name, tmp_path, raised) == shipped(name)


def test_the_default_theme_stands_in(tmp_path):
    reported = []
    assert choose_theme("", tmp_path, reported.append).name == "dark"
    assert reported == []
    assert choose_theme("../dark", tmp_path, reported.append).name == "dark"
    assert "No theme named '../dark'" in reported[0].message
    assert "high-contrast" in reported[0].hint


@pytest.mark.parametrize("name", COLOURED)
def test_colours_can_be_read(name):
    theme = shipped(name)
    colors, code = theme.colors, theme.code
    for ground in (colors["background"], colors["surface"]):
        for role in ("text", "reasoning"):
            assert contrast(colors[role], ground) >= 4.5, (role, ground)
        for role in ("dim", "accent", "success", "warning", "error"):
            assert contrast(colors[role], ground) >= 3, (role, ground)
        for role in SYNTAX:
            assert contrast(code[role], ground) >= (3 if role == "comment" else 4.5), (role, ground)
    assert contrast(colors["rule"], colors["background"]) >= 1.25


@pytest.mark.parametrize("name", COLOURED)
def test_text_can_be_read_on_every_background_we_mix(name):
    styles = palette(shipped(name))
    for role in (styles.selection, styles.code, styles.user, styles.code_block, styles.hit):
        shown = styles.text + role
        assert contrast(shown.color.get_truecolor().hex, shown.bgcolor.get_truecolor().hex) >= 4.5
    variables = textual_theme(shipped(name)).variables
    assert contrast(variables["text"], variables["chosen-background"]) >= 4.5
    assert contrast(variables["text"], variables["input-selection-background"]) >= 4.5


def with_256_colours(color: str) -> str:
    """What a terminal without more shows instead."""
    return RichColor.parse(color).downgrade(ColorSystem.EIGHT_BIT).get_truecolor().hex


@pytest.mark.parametrize("shown", [str, with_256_colours])
@pytest.mark.parametrize("name", COLOURED)
def test_every_text_can_be_read_where_the_cursor_is_and_in_a_selection(name, shown):
    theme = shipped(name)
    styles, variables = palette(theme), textual_theme(theme).variables
    chosen, selected = shown(variables["chosen-background"]), shown(variables["input-selection-background"])
    for ground in (chosen, selected):
        assert contrast(shown(theme.colors["text"]), ground) >= 4.5
    # Nothing is quiet in the row at the cursor, nor in a selection.
    for role in (styles.dim, styles.reasoning, styles.link, *styles.syntax.values()):
        marked = role + styles.selection
        assert not marked.dim
        assert contrast(shown(marked.color.name), shown(marked.bgcolor.name)) >= 4.5
    assert contrast(selected, shown(theme.colors["background"])) >= 1.3
    assert contrast(chosen, shown(theme.colors["surface"])) >= 1.2


@pytest.mark.parametrize("name", NAMES)
def test_the_hit_one_is_at_is_told_from_others_in_every_text(name):
    styles = palette(shipped(name))
    bases = [styles.text, styles.user, styles.reasoning, styles.dim, styles.code_block, styles.heading]
    bases += [styles.text + added for added in (styles.code, styles.link, styles.strong, styles.emphasis)]
    looks = [{ground_of(base + mark) for base in bases} for mark in (styles.hit, styles.current_hit)]
    assert not looks[0] & looks[1]
    assert not (looks[0] | looks[1]) & {ground_of(base) for base in bases}


def ground_of(style):
    """The ground of a style, by which marks are seen from afar."""
    ground = style.color if style.reverse else style.bgcolor
    return ground, bool(style.reverse), bool(style.reverse and style.dim)


@pytest.mark.parametrize("name", COLOURED)
def test_complete_roles_carry_both_grounds_and_added_ones_only_what_they_change(name):
    styles = palette(shipped(name))
    for role in ("strong", "emphasis", "strike", "link"):
        assert getattr(styles, role).bgcolor is None
    complete = {"text", "dim", "rule", "accent", "reasoning", "user", "heading", "code_block", "code_label", "error"}
    for role in complete:
        assert getattr(styles, role).color is not None
        assert getattr(styles, role).bgcolor is not None
    assert {style.bgcolor for style in styles.syntax.values()} == {styles.code_block.bgcolor}
    assert tuple(styles.syntax) == SYNTAX


def test_mono_has_no_colour_at_all():
    theme = shipped("mono")
    assert palette(theme) == colourless()
    system = textual_theme(theme).to_color_system().generate()
    assert not [value for value in system.values() if value.startswith(("#", "rgb"))]
    assert {value.split()[0] for value in system.values() if "ansi" in value} == {"ansi_default"}


def test_mono_still_tells_roles_apart():
    styles = colourless()
    assert len({styles.text, styles.dim, styles.selection, styles.link, styles.emphasis}) == 5


def test_ansi_uses_the_terminals_own_colours_only():
    theme = shipped("ansi")
    styles = palette(theme)
    assert styles.text.color is None
    assert styles.text.bgcolor is None
    assert styles.dim.dim
    assert styles.accent.color.name == "magenta"
    assert textual_theme(theme).ansi


class Themed(App):
    CSS_PATH = Path(stepchat.tui.__file__).parent / "app.tcss"

    def __init__(self, name: str):
        super().__init__()
        for theme in find_themes(Path("/nonexistent"), raised).values():
            self.register_theme(textual_theme(theme))
        self.theme = name

    def compose(self):
        yield OptionList("one", "two")
        yield TextArea("text")
        yield Composer(lambda _: [])
        yield StatusBar()


def assert_painted_in(app: App, theme: Theme) -> None:
    mark = screen_cells(app, -2)[0]
    assert mark.text == "❯"
    wanted = palette(theme).accent
    assert bool(mark.style.bold) == bool(wanted.bold)
    if wanted.color is None:
        assert mark.style.color.is_default
    else:
        assert (mark.style.color.triplet, mark.style.color.number) == (wanted.color.triplet, wanted.color.number)


@pytest.mark.parametrize("name", NAMES)
async def test_textual_widgets_take_the_theme(name):
    theme = shipped(name)
    app = Themed(name)
    async with app.run_test(size=(60, 16)) as pilot:
        await pilot.pause()
        surface = theme.colors["surface"]
        expected = Color.parse("ansi_default" if surface == "default" else surface)
        assert app.query_one(TextArea).styles.background == expected
        assert_painted_in(app, theme)


async def test_mono_paints_no_colour():
    app = Themed("mono")
    async with app.run_test(size=(60, 16)) as pilot:
        await pilot.press("/")
        await pilot.pause()
        for row in range(16):
            for cell in screen_cells(app, row):
                for color in (cell.style.color, cell.style.bgcolor) if cell.style else ():
                    assert color is None or color.is_default


async def test_the_theme_can_change_while_running():
    app = Themed("dark")
    async with app.run_test(size=(60, 16)) as pilot:
        for name in (*NAMES, "dark"):
            app.theme = name
            await pilot.pause()
            assert_painted_in(app, shipped(name))


def test_a_user_theme_wins_and_a_bad_one_is_reported(tmp_path):
    write(tmp_path, source(name='"dark"', text='"#123456"'), "a.toml")
    bad = write(tmp_path, source(text="12"), "b.toml")
    write(tmp_path, source(name='"third"'), "c.toml")
    reported = []
    themes = find_themes(tmp_path, reported.append)
    assert themes["dark"].colors["text"] == "#123456"
    assert "third" in themes
    assert [str(bad) in str(error) for error in reported] == [True]
    for name in ("dark", "third"):
        assert choose_theme(name, tmp_path, reported.append) == themes[name]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("name = \n", 1, "not valid TOML"),
        (source(name='"My Theme"'), 1, "name must be"),
        (source(name=""), None, "name must be"),
        (source(dark='"yes"'), 2, "dark must be true or false"),
        (source(text='"#12345"'), 7, "colors.text must be '#rrggbb'"),
        (source(text='"pink"'), 7, "colors.text must be"),
        (source(rule=""), None, "colors.rule is missing"),
        (source(accnt='"#ffffff"'), 15, "colors.accnt is unknown; known keys: background, surface"),
        (source() + '\n[code]\nstring = "red"\nstrin = "red"\n', 18, "code.strin is unknown"),
        (source() + "\n[extra]\n", 16, "extra is unknown"),
        ("colors = 3\n" + source().partition("\n[colors]")[0], 1, "colors must be a table"),
    ],
)
def test_errors_name_file_line_and_key(tmp_path, text, line, words):
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_theme(path)
    assert str(path) in caught.value.message
    assert words in caught.value.message
    assert caught.value.hint
    assert (f"line {line}" in caught.value.message) == (line is not None)


def test_unreadable_files_are_config_errors(tmp_path):
    path = tmp_path / "latin.toml"
    path.write_bytes(b'name = "caf\xe9"')
    for each in (path, tmp_path / "missing.toml", tmp_path):
        with pytest.raises(ConfigError, match="Cannot read the theme file"):
            load_theme(each)


def test_code_colours_may_be_left_out_and_names_are_case_blind(tmp_path):
    theme = load_theme(write(tmp_path, source(text='"#ABCDEF"', accent='"Bright_Blue"') + '[code]\nstring = "green"\n'))
    assert theme.code["keyword"] == theme.colors["text"] == "#abcdef"
    assert theme.code["string"] == "green"
    assert theme.colors["accent"] == "bright_blue"
    assert palette(theme).accent.color.name == "bright_blue"


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_not_a_regular_file_is_rejected(tmp_path, make):
    make(tmp_path / "odd.toml")
    reported = []
    assert list(find_themes(tmp_path, reported.append)) == NAMES
    assert "Cannot read the theme file" in reported[0].message


@pytest.mark.parametrize("text", ["name = " + "[" * 100_000, "name = " + "{a = " * 100_000, "a." * 100_000 + "a = 1"])
def test_a_deeply_nested_file_is_rejected(tmp_path, text):
    with pytest.raises(ConfigError):
        load_theme(write(tmp_path, text))
