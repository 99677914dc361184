"""Draws the first frame, from a stored style and in the same layout as the real widgets.

Imported before anything else (see frame.py), so it imports only C modules and what the interpreter has already loaded.

From the bottom up: the status line in the last row; the prompt (1 to `prompt_row_limit` rows, growing with its wrapped
text); one rule across the whole width.
"""

import itertools

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SIGN = "❯ "
"""In the left margin of the prompt's first row."""
PLACEHOLDER = "Ask, or / for commands"
HINTS = (("Ctrl+T", "reasoning"), ("Ctrl+P", "commands"))
RULE = "─"
SEPARATOR = " · "
MARGIN = 2
"""Free columns on both sides of the prompt and the status line."""
CURSOR_COLUMN = 1
"""Text wraps this much earlier, so that the cursor has a cell after a full row (like Textual's TextArea)."""
KEPT_ITEMS = 3
"""These items of the status line are worth more than the last hint."""
MAX_PROMPT_ROWS = 8
MIN_COLUMNS, MIN_ROWS = 20, 6
"""In smaller terminals there is no first frame."""
DEFAULT_MODEL = "stepfun/step-3.5-flash"

_PLAIN = ("C", "POSIX")

ROLES = ("ground", "text", "placeholder", "cursor", "rule", "sign", "status", "key")
"""The parts with a style, which is an SGR parameter string: foreground, background and attributes."""

DEPTHS = ("truecolor", "256", "16", "none")

# themes/dark.toml as Textual paints it: background, text, dim, rule, accent; and the cursor, which is text reversed.
_DARK = {
    "truecolor": ("48;2;15;17;19", "38;2;216;218;221", "38;2;134;141;150", "38;2;44;49;54", "38;2;118;188;203"),
    "256": ("48;5;233", "38;5;252", "38;5;245", "38;5;236", "38;5;110"),
    "16": ("40", "97", "37", "90", "37"),
}
_DARK_CURSOR = {"truecolor": "38;2;15;17;19;48;2;216;218;221", "256": "38;5;233;48;5;252", "16": "30;107"}


def default_styles(depth: str) -> dict[str, str]:
    """The styles of the very first start, before a theme has been stored."""
    if depth not in _DARK:
        plain = dict.fromkeys(ROLES, "")
        return plain | dict.fromkeys(("placeholder", "rule", "status"), "2") | {"cursor": "7", "sign": "1"}
    ground, text, dim, rule, accent = _DARK[depth]
    colours = {
        "ground": text,
        "text": text,
        "key": text,
        "placeholder": dim,
        "status": dim,
        "rule": rule,
        "sign": accent,
    }
    on_ground = {role: f"{colour};{ground}" for role, colour in colours.items()}
    return {**on_ground, "cursor": _DARK_CURSOR[depth]}


class FrameStyle:
    """The contents of a frame besides the typed text: status items (the model first), keys with a word each, and an SGR string
    for each role.
    """

    __slots__ = ("hints", "items", "styles")

    def __init__(
        self, items: "Sequence[str]", styles: "Mapping[str, str]", hints: "Sequence[tuple[str, str]]" = HINTS
    ) -> None:
        self.items = tuple(items)
        self.hints = tuple(hints)
        self.styles = styles


def non_utf8_locale(environ: "Mapping[str, str]") -> str:
    """The setting that makes this a locale without UTF-8, such as `LANG=C`; "" if there is none.

    Python's own encoding does not tell: for the locale C it switches to UTF-8, while the terminal does not.
    """
    if environ.get("PYTHONUTF8") == "1":
        return ""
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        value = environ.get(name, "")
        # For LANG=C Python sets LC_CTYPE itself (PEP 538).
        if not value or (name == "LC_CTYPE" and value.endswith(("UTF-8", "utf8")) and environ.get("LANG") in _PLAIN):
            continue
        codeset = value.partition(".")[2].partition("@")[0].lower().replace("-", "")
        return f"{name}={value}" if value in _PLAIN or codeset not in ("", "utf8") else ""
    return ""


def colour_depth(environ: "Mapping[str, str]") -> str:
    """One of DEPTHS, by the same rules as Rich and Textual."""
    if environ.get("NO_COLOR"):  # an empty one does not count (no-color.org)
        return "none"
    forced = environ.get("TEXTUAL_COLOR_SYSTEM", "auto")
    if forced in ("truecolor", "256"):
        return forced
    if forced == "standard":
        return "16"
    if environ.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit"):
        return "truecolor"
    kind = environ.get("TERM", "").strip().lower().rpartition("-")[2]
    return "256" if kind in ("256color", "kitty") else "16"


def read_frame_style(content: bytes, depth: str, model: str | None) -> FrameStyle:
    """The style that write_first_frame stored. Anything invalid in it is replaced by the default.

    `model` is the one given on the command line or in the environment; it wins over the stored one.
    """
    styles = default_styles(depth)
    stored_model = DEFAULT_MODEL
    status: list[str] = []
    hints: list[tuple[str, str]] = []
    for line in content.decode("utf-8", "replace").split("\n"):
        key, _, value = line.partition(" ")
        if key == "model" and value:
            stored_model = value
        elif key == "status" and value and len(status) < 6:
            status.append(clean(value))
        elif key == "hint" and "\t" in value and len(hints) < 6:
            label, _, word = value.partition("\t")
            hints.append((clean(label), clean(word)))
        elif key == depth:
            role, _, sgr = value.partition(" ")
            if role in styles and len(sgr) <= 60 and not sgr.strip("0123456789;"):
                styles[role] = sgr
    return FrameStyle([short_model_name(model or stored_model), *filter(None, status)], styles, hints or HINTS)


def short_model_name(model: str) -> str:
    """The part after the last slash, safe to show."""
    return clean(model.rstrip("/").rpartition("/")[2]) or short_model_name(DEFAULT_MODEL)


def clean(text: str) -> str:
    """The text without characters of uncertain width or control characters; 60 characters at most."""
    return "".join([character for character in text[:200] if cells(character) is not None])[:60].strip()


def cells(character: str) -> int | None:
    """The width that Textual gives this character; None if that is uncertain, or if it must not be painted."""
    if " " <= character <= "~" or ("\xa1" <= character <= "\u02ff" and character != "\xad"):
        return 1
    if not character.isprintable():
        return None
    import unicodedata  # loaded only when something other than ASCII is typed

    code = ord(character)
    category = unicodedata.category(character)
    if category in ("Mn", "Me"):
        # A variation selector changes the width of the character before it.
        return None if 0xFE00 <= code <= 0xFE0F or code >= 0xE0000 or code == 0x34F else 0
    if category in ("Mc", "Sk") or code in (0x115F, 0x3164):  # fillers, as U+034F is
        return None
    if unicodedata.east_asian_width(character) in ("W", "F"):
        return 2
    # Jamo that join with the letter before them, and symbols whose width has changed between Unicode versions.
    joins = 0x1160 <= code <= 0x11FF or 0xD7B0 <= code <= 0xD7FF or code == 0xFFA0
    return None if joins or (code >= 0x2600 and category in ("So", "No")) else 1


def width_of(text: str) -> int:
    return len(text) if text.isascii() else sum([cells(character) or 0 for character in text])


def wrap(line: str, width: int) -> list[int]:
    """Where Textual's TextArea breaks this line: after words, or inside long ones."""
    if width_of(line) <= width:
        return []
    breaks: list[int] = []
    used = start = 0
    while start < len(line):
        end = _word_end(line, start)
        size = width_of(line[start:end])
        if used + size <= width:
            used += size
        elif size > width:
            used = _fold(line, start, end, width, breaks)
        else:
            breaks.append(start)
            used = size
        start = end
    return breaks


def _word_end(line: str, start: int) -> int:
    """The end of the word at `start` and the spaces after it, or of the leading spaces."""
    end = start
    while end < len(line) and line[end] != " ":
        end += 1
    while end < len(line) and line[end] == " ":
        end += 1
    return end


def _fold(line: str, start: int, end: int, width: int, breaks: list[int]) -> int:
    """Break inside a word that is wider than a row and begins a new one. Returns the width of its last piece."""
    if start:
        breaks.append(start)
    used = 0
    for index in range(start, end):
        size = cells(line[index]) or 0
        if used + size > width:
            breaks.append(index)
            used = 0
        used += size
    return used


def prompt_width(columns: int) -> int:
    """The width at which the prompt's text wraps."""
    return columns - 2 * MARGIN - CURSOR_COLUMN


def prompt_row_limit(rows: int) -> int:
    """The most rows of the prompt in a terminal of this height."""
    return max(1, min(MAX_PROMPT_ROWS, rows - 4))


def status_line(
    items: "Sequence[str]", columns: int, hints: "Sequence[tuple[str, str]]" = HINTS
) -> list[tuple[str, str]]:
    """The parts of the status line, each with its role, `columns` wide. tui/chat/status_bar.py follows the same rule:

    what does not fit is dropped from the right: first the hints except one, then the items except three, then the last
    hint, then the other items.
    """
    left, right = list(items), list(hints)
    while (left or right) and _status_width(left, right) > columns:
        hints_go = len(right) > 1 or (right and len(left) <= KEPT_ITEMS)
        (right if hints_go else left).pop()
    if not left:
        return [("ground", " " * columns)]
    gap = columns - _status_width(left, right) + (MARGIN if right else 0)
    parts = [("status", " " * MARGIN + SEPARATOR.join(left) + " " * gap)]
    for number, (key, word) in enumerate(right):
        parts += [("key", f"  {key}" if number else key), ("status", f" {word}")]
    return [*parts, ("status", " " * MARGIN)]


def _status_width(items: list[str], hints: list[tuple[str, str]]) -> int:
    shown = "  ".join([f"{key} {word}" for key, word in hints])
    between = MARGIN if items and hints else 0
    return MARGIN + width_of(SEPARATOR.join(items)) + between + width_of(shown) + MARGIN


class Picture:
    """A drawn frame: a string of text and SGR for each row, and the cursor's row and column from 0."""

    __slots__ = ("cursor", "rows")

    def __init__(self, rows: list[str], cursor: tuple[int, int]) -> None:
        self.rows = rows
        self.cursor = cursor


def draw(text: str, cursor: int, style: FrameStyle, columns: int, rows: int, page: "Sequence[str]" = ()) -> Picture:
    """Draw the screen with this text in the prompt and the cursor at this index of it, below the rows of a page."""
    lines, (row, column) = _visible_rows(text, cursor, prompt_width(columns), prompt_row_limit(rows))
    styles = style.styles
    painted = [_painted([("rule", RULE * columns)], styles)]
    for index, line in enumerate(lines):
        shown = "text"
        if not text:
            shown = "placeholder"
            line = PLACEHOLDER[: ([*wrap(PLACEHOLDER, columns - 2 * MARGIN), len(PLACEHOLDER)])[0]]
        parts = [(shown, line)]
        if index == row:
            under = line[column : column + 1] or " "
            parts = [(shown, line[:column]), ("cursor", under), (shown, line[column + 1 :])]
        before = ("sign", SIGN) if index == 0 else ("text", " " * MARGIN)
        after = columns - MARGIN - sum([width_of(part) for _, part in parts])
        painted.append(_painted([before, *parts, ("text", " " * after)], styles))
    painted.append(_painted(status_line(style.items, columns, style.hints), styles))
    blank = _painted([("ground", " " * columns)], styles)
    above = rows - len(painted)
    shown = [row or blank for row in fit_rows(page, above)]
    return Picture(
        [*shown, *[blank] * (above - len(shown)), *painted], (above + 1 + row, MARGIN + width_of(lines[row][:column]))
    )


def fit_rows(rows: "Sequence[str]", height: int) -> list[str]:
    """The rows above a prompt that may have grown: blank ones at the end go first, then those at the top."""
    end = len(rows)
    while end > height and not rows[end - 1]:
        end -= 1
    return list(rows[max(0, end - height) : end])


def _visible_rows(text: str, cursor: int, width: int, limit: int) -> tuple[list[str], tuple[int, int]]:
    """The wrapped rows within `limit`, and the row and index of the cursor among them."""
    rows: list[str] = []
    place = (0, 0)
    offset = 0
    for line in text.split("\n"):
        breaks = [0, *wrap(line, width), len(line)]
        for start, end in itertools.pairwise(breaks):
            if offset + start <= cursor <= offset + end:
                place = (len(rows), cursor - offset - start)
            rows.append(line[start:end])
        offset += len(line) + 1
    top = max(0, place[0] - limit + 1)
    return rows[top : top + limit], (place[0] - top, place[1])


def _painted(parts: "Iterable[tuple[str, str]]", styles: "Mapping[str, str]") -> str:
    return "".join([f"\x1b[0;{styles[role]}m{text}" for role, text in parts if text])
