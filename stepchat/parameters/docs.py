"""The table of parameters as text, for the shell and the manual."""

from __future__ import annotations

from shlex import quote
from textwrap import fill
from typing import TYPE_CHECKING

from stepchat.parameters.table import GROUPS, Parameter, allowed_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.messages import Json


def as_markdown() -> str:
    """The tables of the manual, one for each group."""
    return "\n\n".join(f"### {group.title}\n\n{_table(group.rows)}" for group in GROUPS)


def _table(rows: Sequence[Parameter]) -> str:
    lines = ["| parameter | value | when unset | example |", "| --- | --- | --- | --- |"]
    lines += [
        f"| `{row.name}` | {row.help} {_sentence(row)} | {row.default} | `{_cell(example(row))}` |" for row in rows
    ]
    return "\n".join(lines)


def example(row: Parameter) -> str:
    """The flag as typed in a shell."""
    if row.kind == "bool":
        return row.flag if row.example == "true" else f"--no-{row.flag[2:]}"
    return f"{row.flag} {quote(row.example)}"


def _sentence(row: Parameter) -> str:
    words = allowed_text(row)
    return f"{words[0].upper()}{words[1:]}."


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _matching(words: Sequence[str]) -> list[tuple[str, list[Parameter]]]:
    found = [
        (group.title, [row for row in group.rows if all(word in f"{row.name} {row.help}".casefold() for word in words)])
        for group in GROUPS
    ]
    return [(title, rows) for title, rows in found if rows]


def as_text(words: Sequence[str] = ()) -> str:
    """The parameters that match the words, for a terminal of 80 columns."""
    lines: list[str] = []
    for title, rows in _matching(words):
        lines += [title, ""]
        for row in rows:
            unset = f" When unset: {row.default}." if row.default else ""
            about = f"{row.help} {_sentence(row)}{unset}"
            lines += [
                f"  {row.name}",
                fill(about, 78, initial_indent="      ", subsequent_indent="      "),
                f"      {example(row)}",
            ]
        lines.append("")
    return "\n".join(lines) if lines else "No matching parameter.\n"


def as_rows(words: Sequence[str] = ()) -> list[Json]:
    """The parameters that match the words, as JSON."""
    return [
        {
            "name": row.name,
            "group": title,
            "kind": row.kind,
            "help": row.help,
            "allowed": allowed_text(row),
            "default": row.default or None,
            "flag": row.flag,
            "example": row.example,
        }
        for title, rows in _matching(words)
        for row in rows
    ]
