"""Reads theme files, and turns a theme into the palette of the transcript and a theme of Textual.

A colour is `#rrggbb`, one of the terminal's sixteen by name (`red`, `bright_black` ...), or `default`, the terminal's own.
A role with the same colour as the text differs by weight instead: quiet roles are dim, loud ones bold.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, cast

from rich.style import Style

from stepchat.config.file import line_of_key
from stepchat.errors import ConfigError
from stepchat.files import read_regular_file
from stepchat.transcript.palette import SYNTAX, Palette, colourless

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import textual.theme

COLORS: Final = (
    "background",
    "surface",
    "text",
    "dim",
    "rule",
    "accent",
    "reasoning",
    "success",
    "warning",
    "error",
)
"""The keys of the [colors] table; a theme sets all of them."""

DEFAULT_THEME: Final = "dark"
AUTO: Final = "auto"
"""Follows the terminal's background: `dark` or `light`."""
DEFAULT: Final = "default"
_HUES: Final = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_NAMED: Final = frozenset({DEFAULT, *_HUES, *(f"bright_{hue}" for hue in _HUES)})
_MAX_BYTES: Final = 1_000_000
_MAX_DOTS: Final = 100
"""The most dots in a line, because tomllib's memory grows with the square of the parts of a dotted key."""
_HEX: Final = re.compile(r"#[0-9a-f]{6}")
_SELECTED: Final = 0.25
"""Share of the accent in the background of a selection."""
_CHOSEN: Final = 0.18
"""Share of the text's colour in the background of the row at the cursor."""
_CURRENT: Final = Style(reverse=True, bold=True, underline=True)
_HIT: Final = Style(color="black", bgcolor="yellow", dim=False, bold=False)
"""The style of hits on the terminal's own background, where reversed text would look like code and links."""
_CURRENT_HIT: Final = Style(color="black", bgcolor="cyan", dim=False, bold=False)
"""Not bold, because many terminals show bold black as grey."""


@dataclass(frozen=True, slots=True)
class Theme:
    """The content of a theme file. `code` has all keys of `SYNTAX`; those the file omits have the colour of the text."""

    name: str
    dark: bool
    colors: Mapping[str, str]
    code: Mapping[str, str]

    @property
    def has_colour(self) -> bool:
        return any(color != DEFAULT for color in (*self.colors.values(), *self.code.values()))

    @property
    def uses_terminal_colours(self) -> bool:
        return any(not color.startswith("#") for color in (*self.colors.values(), *self.code.values()))


def load_theme(path: Path) -> Theme:
    """The theme in a file. Raises ConfigError with the file, the line if known, and the key."""
    try:
        source = read_regular_file(path, _MAX_BYTES).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"Cannot read the theme file {path}: {reason}.", "It must be a UTF-8 text file.") from error
    nested = ConfigError(f"{path} is nested too deeply.", "A theme has the tables [colors] and [code].")
    if any(line.count(".") > _MAX_DOTS for line in source.splitlines() if not line.startswith("#")):
        raise nested
    try:
        found = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.", "Fix that line.") from error
    except RecursionError:
        raise nested from None
    return _Reader(path, source).theme(found)


def find_themes(user_dir: Path, report: Callable[[ConfigError], None]) -> dict[str, Theme]:
    """All themes by name; the user's own replace those that ship with stepchat. Unusable files are reported."""
    return _themes_in(_shipped_themes(), report) | _themes_in(user_dir, report)


def choose_theme(
    wanted: str, user_dir: Path, report: Callable[[ConfigError], None], *, on_light: bool = False
) -> Theme:
    """Returns a theme by name without reading all files. For `""` and `auto` the one for the terminal's background; for an
    unknown name, which is reported, the default.
    """
    shipped = _shipped_themes()
    if wanted in {"", AUTO}:
        wanted = "light" if on_light else DEFAULT_THEME
    if theme := _themes_in(user_dir, report).get(wanted):
        return theme
    if wanted not in {path.stem for path in shipped.glob("*.toml")}:
        names = ", ".join((AUTO, *sorted(find_themes(user_dir, lambda _: None))))
        report(ConfigError(f"No theme named {wanted!r}.", f"Available: {names}."))
        wanted = DEFAULT_THEME
    return load_theme(shipped / f"{wanted}.toml")


def palette(theme: Theme) -> Palette:
    """The styles of the transcript."""
    if not theme.has_colour:
        return colourless()
    colors = theme.colors
    background, surface, text, accent = (colors[key] for key in ("background", "surface", "text", "accent"))
    quiet_line = _mix(colors["rule"], colors["dim"], 0.5)
    code_background = _mix(surface, colors["rule"], 0.6)

    def quiet(color: str, on: str = background) -> Style:
        return _style(color, on) + Style(dim=True if color == text else None)

    def loud(color: str, on: str = background) -> Style:
        return _style(color, on) + Style(bold=True if color == text else None)

    return Palette(
        text=_style(text, background),
        dim=quiet(colors["dim"]),
        rule=quiet(colors["rule"]),
        accent=loud(accent),
        reasoning=quiet(colors["reasoning"]),
        reasoning_bar=quiet(quiet_line),
        user=_style(text, surface),
        user_bar=loud(accent, surface),
        heading=loud(accent),
        strong=Style(bold=True),
        emphasis=Style(italic=True),
        strike=Style(strike=True),
        link=_style(accent, DEFAULT) + Style(underline=True),
        code=_style(DEFAULT, code_background) if code_background != DEFAULT else loud(accent, DEFAULT),
        code_block=_style(text, surface),
        code_label=quiet(colors["dim"], surface),
        quote_bar=quiet(quiet_line),
        table_rule=quiet(quiet_line),
        error=loud(colors["error"]),
        warning=loud(colors["warning"]),
        selection=_selection(theme),
        hit=_selection(theme) if _is_hex(background) and _is_hex(accent) else _HIT,
        current_hit=loud(accent) + _CURRENT if _is_hex(background) and _is_hex(accent) else _CURRENT_HIT,
        scrollbar_thumb=_style(colors["dim"], background),
        syntax=MappingProxyType(
            {key: (quiet if key == "comment" else _style)(theme.code[key], surface) for key in SYNTAX}
        ),
    )


def textual_theme(theme: Theme) -> textual.theme.Theme:
    """The theme for Textual's widgets, with the `$` variables of app.tcss."""
    import textual.theme  # themes are read and checked without Textual

    css = {key: _css(color) for key, color in theme.colors.items()}
    return textual.theme.Theme(
        name=theme.name,
        dark=theme.dark,
        ansi=theme.uses_terminal_colours,
        primary=css["accent"],
        secondary=css["accent"],
        accent=css["accent"],
        warning=css["warning"],
        error=css["error"],
        success=css["success"],
        foreground=css["text"],
        background=css["background"],
        surface=css["surface"],
        panel=css["surface"],
        boost=css["surface"],
        variables=_own_variables(theme) | _textual_variables(theme),
    )


def _own_variables(theme: Theme) -> dict[str, str]:
    """Colours that Textual has no name for, and `$ROLE-style` for roles that differ by weight."""
    colors = theme.colors
    same = {key for key in colors if colors[key] == colors["text"]}
    styles = {f"{key}-style": "dim" if key in same else "none" for key in ("dim", "rule", "reasoning")}
    styles |= {f"{key}-style": "bold" if key in same else "none" for key in ("accent", "warning", "error")}
    return {
        "dim": _css(colors["dim"]),
        "rule": _css(colors["rule"]),
        "reasoning": _css(colors["reasoning"]),
        "chosen-background": _css(_mix(colors["surface"], colors["text"], _CHOSEN)),
        "chosen-style": "none" if _is_hex(colors["surface"]) else "reverse",
        **styles,
    }


def _textual_variables(theme: Theme) -> dict[str, str]:
    """The variables that Textual would otherwise derive from the theme by its own rules."""
    css = {key: _css(color) for key, color in theme.colors.items()}
    text, background = css["text"], css["background"]
    # Textual derives shades of these; even the unshaded one is off by one in the last digit.
    roles = {"primary": css["accent"], "secondary": css["accent"]} | {
        key: css[key] for key in ("accent", "success", "warning", "error")
    }
    return (
        {variable: css[role] for role, variables in _SAME_AS.items() for variable in variables}
        | _cursors(theme, text, background)
        | roles
        | {f"text-{role}": color for role, color in roles.items()}
        | {f"markdown-h{level}-color": text for level in range(1, 7)}
        | {"link-background": "transparent", "link-background-hover": "transparent"}
        | {"link-style": "underline", "link-style-hover": "bold underline"}
    )


def _cursors(theme: Theme, text: str, background: str) -> dict[str, str]:
    """Cursors and selections: by colour, or reversed on the terminal's own background."""
    plain = not _is_hex(theme.colors["background"])
    chosen = _css(_mix(theme.colors["surface"], theme.colors["text"], _CHOSEN))
    selected = _css(_mix(theme.colors["background"], theme.colors["accent"], _SELECTED))
    return {
        "block-cursor-background": chosen,
        "block-cursor-text-style": "reverse" if plain else "none",
        "block-cursor-blurred-background": chosen,
        "block-cursor-blurred-text-style": "bold" if plain else "none",
        "input-cursor-foreground": text if plain else background,
        "input-cursor-background": background if plain else text,
        "input-cursor-text-style": "reverse" if plain else "none",
        "input-selection-background": selected,
        "screen-selection-background": selected,
    }


_SAME_AS: Final[Mapping[str, tuple[str, ...]]] = {
    "surface": ("surface", "panel", "boost", "block-hover-background", "surface-active"),
    "text": (
        "text", "foreground", "ansi-foreground", "block-cursor-foreground", "block-cursor-blurred-foreground",
        "input-selection-foreground", "screen-selection-foreground", "button-foreground",
    ),
    "dim": (
        "text-muted", "text-disabled", "foreground-muted", "foreground-disabled", "scrollbar-hover",
        "footer-foreground", "footer-description-foreground",
    ),
    "rule": ("border-blurred", "scrollbar"),
    "accent": ("border", "scrollbar-active", "link-color", "link-color-hover", "footer-key-foreground"),
    "background": (
        "background", "ansi-background", "scrollbar-background", "scrollbar-background-hover",
        "scrollbar-background-active", "scrollbar-corner-color", "footer-background", "footer-description-background",
        "footer-item-background", "button-color-foreground",
    ),
}  # fmt: skip
"""The variables of Textual that have a colour of the theme."""


def _themes_in(directory: Path, report: Callable[[ConfigError], None]) -> dict[str, Theme]:
    themes: dict[str, Theme] = {}
    try:
        paths = sorted(directory.glob("*.toml"), key=lambda path: path.stem) if directory.is_dir() else []
    except OSError as error:
        report(
            ConfigError(f"Cannot read the directory {directory}: {error.strerror or error}.", "Check its permissions.")
        )
        return {}
    for path in paths:
        try:
            theme = load_theme(path)
        except ConfigError as error:
            report(error)
        else:
            themes[theme.name] = theme
    return themes


def _shipped_themes() -> Path:
    """The directory of the shipped themes: in the package if installed, otherwise beside it."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "themes"
    return inside if inside.is_dir() else package.parent / "themes"


def _selection(theme: Theme) -> Style:
    mixed = _mix(theme.colors["background"], theme.colors["accent"], _SELECTED)
    # Quiet and coloured text must stay readable on it, with 256 colours as well.
    return _style(theme.colors["text"], mixed) + Style(dim=False) if _is_hex(mixed) else Style(reverse=True)


def _style(color: str, background: str) -> Style:
    """The style of a colour; `default` leaves the terminal's own colour."""
    return Style(color=None if color == DEFAULT else color, bgcolor=None if background == DEFAULT else background)


def _css(color: str) -> str:
    return color if _is_hex(color) else f"ansi_{color}"


def _is_hex(color: str) -> bool:
    return color.startswith("#")


def _mix(first: str, second: str, share: float) -> str:
    """`first` with this share of `second`; only `first` if the terminal decides about one of them."""
    if not (_is_hex(first) and _is_hex(second)):
        return first
    pairs = ((int(first[at : at + 2], 16), int(second[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Checks a parsed file; keeps the source to report the line of a wrong key."""

    path: Path
    source: str

    def theme(self, found: dict[str, Any]) -> Theme:
        self._refuse_unknown(found, ("name", "dark", "colors", "code"), "")
        name = found.get("name")
        if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name):
            raise self._wrong("name", "must be lower-case letters, digits, - and _, such as name = 'evening'")
        dark = found.get("dark")
        if not isinstance(dark, bool):
            raise self._wrong("dark", "must be true or false")
        colors = self._table(found, "colors", COLORS)
        for key in COLORS:
            if key not in colors:
                raise self._wrong(key, "is missing", "colors")
        code = dict.fromkeys(SYNTAX, colors["text"]) | self._table(found, "code", SYNTAX)
        return Theme(name, dark, MappingProxyType(colors), MappingProxyType(code))

    def _table(self, found: dict[str, Any], table: str, keys: tuple[str, ...]) -> dict[str, str]:
        values = found.get(table, {})
        if not isinstance(values, dict):
            raise self._wrong(table, "must be a table, such as [colors]")
        values = cast("dict[str, Any]", values)
        self._refuse_unknown(values, keys, table)
        return {key: self._color(key, value, table) for key, value in values.items()}

    def _color(self, key: str, value: object, table: str) -> str:
        color = value.lower() if isinstance(value, str) else ""
        if _HEX.fullmatch(color) or color in _NAMED:
            return color
        raise self._wrong(key, f"must be '#rrggbb', 'default' or one of {', '.join(_HUES)} (or bright_...)", table)

    def _refuse_unknown(self, values: dict[str, Any], known: tuple[str, ...], table: str) -> None:
        for key in values:
            if key not in known:
                raise self._wrong(key, f"is unknown; known keys: {', '.join(known)}", table)

    def _wrong(self, key: str, problem: str, table: str = "") -> ConfigError:
        line = line_of_key(self.source, (*filter(None, [table]), key))
        place = f"{self.path}, line {line}" if line else str(self.path)
        return ConfigError(f"{place}: {f'{table}.' if table else ''}{key} {problem}.", "Fix the theme file.")
