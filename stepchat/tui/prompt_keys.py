"""The default keys of the prompt, which follow readline. Pure, so that the manual can list them."""

from __future__ import annotations

from typing import Final

from stepchat.tui.keymap import PROMPT, KeyRow

_ROWS: Final = (
    ("send", "enter", "Send; while an answer runs, queue"),
    ("newline", "ctrl+j alt+enter shift+enter ctrl+enter", "New line"),
    ("open-paste", "leader-enter", "Open the folded paste at the cursor; elsewhere a new line"),
    ("complete", "tab", "Complete what is typed; attach the file that is offered"),
    ("pick-file", "at", "At the start of a word: choose a file to attach"),
    ("cursor-up", "up", "Row above; from the first row, earlier prompts"),
    ("cursor-down", "down", "Row below; from the last row, later prompts"),
    ("line-start", "ctrl+a home", "Start of the line"),
    ("line-end", "ctrl+e end", "End of the line"),
    ("char-left", "ctrl+b left", "Character to the left"),
    ("char-right", "ctrl+f right", "Character to the right"),
    ("word-left", "alt+b ctrl+left alt+left", "Start of the word"),
    ("word-right", "alt+f ctrl+right alt+right", "End of the word"),
    ("delete-left", "backspace ctrl+h shift+backspace", "Delete the character before the cursor"),
    ("delete-right", "ctrl+d delete", "Delete the character after the cursor"),
    ("kill-word-left", "ctrl+w alt+backspace ctrl+backspace", "Kill the word before the cursor, or cut the selection"),
    ("kill-word-right", "alt+d alt+delete ctrl+delete", "Kill the word after the cursor"),
    ("kill-line-right", "ctrl+k", "Kill to the end of the line"),
    ("kill-line-left", "ctrl+u super+backspace", "Kill to the start of the line"),
    ("yank", "ctrl+y", "Insert what was killed last"),
    ("yank-previous", "alt+y", "After a yank: what was killed before that"),
    ("upcase-word", "alt+u", "Word in capitals"),
    ("downcase-word", "alt+l", "Word in small letters"),
    ("capitalize-word", "", "Capitalize the word"),
    ("transpose-chars", "", "Exchange two characters"),
    ("undo", "ctrl+underscore ctrl+slash ctrl+minus super+z leader-ctrl+u", "Undo typing"),
    ("redo", "alt+slash shift+super+z leader-ctrl+r", "Redo typing"),
    ("cut", "super+x", "Cut the selection"),
    ("copy", "super+c", "Copy the selection"),
    ("paste", "ctrl+v", "Paste"),
    ("select-left", "shift+left", "Extend the selection to the left"),
    ("select-right", "shift+right", "Extend the selection to the right"),
    ("select-up", "shift+up", "Extend the selection a row up"),
    ("select-down", "shift+down", "Extend the selection a row down"),
    ("select-word-left", "ctrl+shift+left", "Extend the selection to the start of the word"),
    ("select-word-right", "ctrl+shift+right", "Extend the selection to the end of the word"),
    ("select-line-start", "shift+home", "Extend the selection to the start of the line"),
    ("select-line-end", "shift+end", "Extend the selection to the end of the line"),
    ("select-all", "f7", "Select everything"),
)
PROMPT_ROWS: Final = tuple(
    KeyRow(id_, PROMPT, tuple(key.replace("leader-", "leader ") for key in keys.split()), help_)
    for id_, keys, help_ in _ROWS
)
