"""How blocks begin: CommonMark's patterns, each a pure function of one line, and the cursor that moves along a line."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_ATX: Final = re.compile(r"(#{1,6})(?:[ \t]+|$)")
_ATX_END: Final = re.compile(r"(?:^|[ \t])#+[ \t]*$")
_RULE: Final = re.compile(r"(?:(?:\*[ \t]*+){3,}|(?:_[ \t]*+){3,}|(?:-[ \t]*+){3,})$")
_SETEXT: Final = re.compile(r"(?:=+|-+)[ \t]*$")
_FENCE: Final = re.compile(r"(`{3,})([^`]*)$|(~{3,})(.*)$")
_LANGUAGE: Final = re.compile(r"(?:\{\s*\.?|\.)?(?:language-)?([^\s,:{}]+)")
_FENCE_END: Final = re.compile(r"(`{3,}|~{3,})[ \t]*$")
_MARKER: Final = re.compile(r"([-+*])(?=[ \t]|$)|(\d{1,9})([.)])(?=[ \t]|$)")

_HTML_NAMES: Final = (
    "address article aside base basefont blockquote body caption center col colgroup dd details dialog dir div dl dt "
    "fieldset figcaption figure footer form frame frameset h1 h2 h3 h4 h5 h6 head header hr html iframe legend li link "
    "main menu menuitem nav noframes ol optgroup option p param search section summary table tbody td tfoot th thead "
    "title tr track ul"
)
_ATTRIBUTE: Final = r"""\s+[a-zA-Z_:][a-zA-Z0-9:._-]*+(?:\s*+=\s*+(?:[^"'=<>`\x00-\x20]++|'[^']*+'|"[^"]*+"))?"""
_TAG: Final = rf"<(?:[A-Za-z][A-Za-z0-9-]*+(?:{_ATTRIBUTE})*\s*+/?>|/[A-Za-z][A-Za-z0-9-]*+\s*+>)\s*$"
_HTML: Final = (
    (
        re.compile(r"<(?:script|pre|style|textarea)(?=\s|>|$)", re.IGNORECASE | re.ASCII),
        r"</(?:script|pre|style|textarea)>",
    ),
    (re.compile(r"<!--"), r"-->"),
    (re.compile(r"<\?"), r"\?>"),
    (re.compile(r"<![A-Za-z]"), r">"),
    (re.compile(r"<!\[CDATA\["), r"\]\]>"),
    (re.compile(rf"</?(?:{'|'.join(_HTML_NAMES.split())})(?=\s|/?>|$)", re.IGNORECASE | re.ASCII), ""),
    (re.compile(_TAG), ""),
)
_LONE_TAG: Final = len(_HTML) - 1
_FORMULA: Final = {"$$": len(_HTML), "\\[": len(_HTML) + 1}
_HTML_END: Final = (
    *(re.compile(end, re.IGNORECASE) if end else None for _, end in _HTML),
    re.compile(r"\$\$[ \t]*$"),
    re.compile(r"\\\][ \t]*$"),
)

_DELIMITER_ROW: Final = re.compile(r"[-:|][-:|\s]*$")
_DELIMITER: Final = re.compile(r":?-+:?$")
_PIPE: Final = re.compile(r"(?<!\\)\|")

_UNDECIDED: Final = re.compile(
    r"(?:[ \t>]|(?:[-+*]|\d{1,9}[.)])[ \t])*+(?:[-+*=#|:_`~ \t]*+$|(?:\${1,2}|\\\[?)[ \t]*+$|\d{1,9}+[.)]?$|`{3}|~{3})"
)
_UNDECIDED_IN_FENCE: Final = re.compile(r"[ \t>]*+(?:`++|~++)?[ \t]*+$")


class Marker(NamedTuple):
    """The marker of a list item. `kind` distinguishes lists: the bullet itself, or the delimiter after the number."""

    kind: str
    number: int | None
    width: int
    """Of the marker alone, in columns."""
    content: int
    """The column where the content begins, counted from where the line's container begins."""


def heading(text: str, *, complete: bool) -> tuple[int, str] | None:
    """Level and content of an ATX heading."""
    if not (found := _ATX.match(text)):
        return None
    content = text[found.end() :]
    return len(found[1]), heading_content(content) if complete else content


def heading_content(text: str) -> str:
    """The content without closing # characters and surrounding white space."""
    text = text.rstrip(" \t")
    if text.endswith("#") and (found := _ATX_END.search(text, max(0, len(text) - 1000))):
        text = text[: found.start()]
    return text.strip(" \t")


def is_rule(text: str) -> bool:
    return _RULE.match(text) is not None


def setext_level(text: str) -> int | None:
    if not _SETEXT.match(text):
        return None
    return 1 if text[0] == "=" else 2


def fence(text: str) -> tuple[str, int, str] | None:
    """Character, length and info string of an opening fence."""
    if not (found := _FENCE.match(text)):
        return None
    run, info = (found[1], found[2]) if found[1] else (found[3], found[4])
    return run[0], len(run), info.strip()


def language(info: str) -> str:
    """The first language that an info string names: Python in `python {linenos}`, `{.python}` and `python,ignore`."""
    found = _LANGUAGE.match(info)
    name = found[1] if found else ""
    if "\\" in name or "&" in name:
        from markdown_it.common.utils import unescapeAll

        return unescapeAll(name)
    return name


def closes_fence(text: str, character: str, length: int) -> bool:
    if text[:1] != character or not (found := _FENCE_END.match(text)):
        return False
    return len(found[1]) >= length


def html_kind(text: str, *, lone_tag: bool) -> int | None:
    """The kind of HTML block that begins here. A lone tag begins one only if `lone_tag` allows it."""
    for kind, (start, _) in enumerate(_HTML):
        if kind == _LONE_TAG and not lone_tag:
            return None
        if start.match(text):
            return kind
    return None


def ends_html(kind: int, text: str) -> bool:
    """Whether a line ends an HTML block or a formula; those without an end pattern end at a blank line."""
    pattern = _HTML_END[kind]
    return pattern is not None and pattern.search(text) is not None


def html_ends_with_blank(kind: int) -> bool:
    """Formulas do as well: one that is never closed must not swallow the rest of the text."""
    return _HTML_END[kind] is None or is_formula(kind)


def is_formula(kind: int) -> bool:
    return kind > _LONE_TAG


def formula_kind(text: str) -> int | None:
    """The kind of a formula whose opening delimiter has its own line; it is then read like an HTML block."""
    return _FORMULA.get(text.rstrip(" \t"))


def list_marker(cursor: Cursor, *, interrupts: bool) -> Marker | None:
    """The list marker at the cursor, which then moves to the item's content; otherwise it does not move."""
    line = cursor.line
    found = _MARKER.match(line, cursor.next)
    if found is None:
        return None
    number = int(found[2]) if found[2] else None
    if interrupts and (number not in (None, 1) or not line[found.end() :].strip(" \t")):
        return None
    width = found.end() - found.start()
    indent = cursor.indent
    cursor.to_next()
    cursor.skip(width)
    pos, column, partial = cursor.pos, cursor.column, cursor.partial
    cursor.find()
    spaces = cursor.indent
    if 1 <= spaces < 5 and not cursor.blank:
        cursor.to_next()
        content = indent + width + spaces
    else:
        cursor.pos, cursor.column, cursor.partial = pos, column, partial
        cursor.skip_one_space()
        content = indent + width + 1
    return Marker(found[1] or found[3], number, width, content)


def delimiter_row(text: str) -> tuple[str, ...] | None:
    """The alignment of each column if this is the second line of a table."""
    if len(text) < 2 or not _DELIMITER_ROW.match(text):
        return None
    if text[1] not in "-:| \t" or (text[0] == "-" and text[1] in " \t"):
        return None
    aligns: list[str] = []
    columns = text.strip(" \t").split("|")
    for index, column in enumerate(columns):
        column = column.strip()
        if not column:
            if index in (0, len(columns) - 1):
                continue
            return None
        if not _DELIMITER.match(column):
            return None
        match column[0] == ":", column[-1] == ":":
            case True, True:
                aligns.append("center")
            case False, True:
                aligns.append("right")
            case True, False:
                aligns.append("left")
            case _:
                aligns.append("")
    return tuple(aligns)


def split_row(text: str) -> list[str]:
    """The cells of a table row, trimmed; an escaped pipe belongs to its cell."""
    cells = _PIPE.split(text.strip())
    if cells and not cells[0]:
        del cells[0]
    if cells and not cells[-1]:
        del cells[-1]
    return [cell.replace("\\|", "|").strip() for cell in cells]


def undecided(line: str, *, in_fence: bool) -> bool:
    """Whether an incomplete line may still become anything, such as `-`, `**`, `1.` or an opening fence."""
    pattern = _UNDECIDED_IN_FENCE if in_fence else _UNDECIDED
    return pattern.match(line) is not None


LINE_LIMIT: Final = 1000
"""Characters by which a line is judged; what must be a whole line must be shorter.

Without a limit, a line that never ends would be read again from its beginning with every token.
"""


class Cursor:
    """Moves along a line, counting indentation as CommonMark does: a tab reaches to the next multiple of four.

    Call `find` before `next`, `indent` and `blank`.
    """

    __slots__ = ("blank", "column", "complete", "indent", "line", "next", "next_column", "partial", "pos")

    def __init__(self, line: str) -> None:
        self.line = line
        self.complete = len(line) < LINE_LIMIT
        """False if there may be more of this line."""
        self.pos = 0
        self.column = 0
        self.partial = False
        """The tab at `pos` is partly used."""
        self.next = 0
        """Index of the next character that is not white space."""
        self.next_column = 0
        self.indent = 0
        """Columns of white space before it."""
        self.blank = False

    def find(self) -> None:
        line, at, column = self.line, self.pos, self.column
        end = len(line)
        while at < end:
            match line[at]:
                case " ":
                    column += 1
                case "\t":
                    column += 4 - column % 4
                case _:
                    break
            at += 1
        self.next, self.next_column, self.indent, self.blank = at, column, column - self.column, at == end

    def to_next(self) -> None:
        self.pos, self.column, self.partial = self.next, self.next_column, False

    def skip(self, count: int) -> None:
        """Moves past `count` characters that are not tabs."""
        self.pos += count
        self.column += count
        self.partial = False

    def skip_columns(self, count: int) -> None:
        """Moves past `count` columns of white space; a tab may be partly used."""
        line, end = self.line, len(self.line)
        while count > 0 and self.pos < end:
            if line[self.pos] == "\t":
                width = 4 - self.column % 4
                self.partial = width > count
                step = min(count, width)
                self.column += step
                self.pos += 0 if self.partial else 1
                count -= step
            else:
                self.skip(1)
                count -= 1

    def skip_one_space(self) -> None:
        if self.at_space():
            self.skip_columns(1)

    def at_space(self) -> bool:
        return self.pos < len(self.line) and self.line[self.pos] in " \t"

    def rest(self) -> str:
        """The rest of the line, with the unused columns of a partly used tab as spaces."""
        if self.partial:
            return " " * (4 - self.column % 4) + self.line[self.pos + 1 :]
        return self.line[self.pos :]
