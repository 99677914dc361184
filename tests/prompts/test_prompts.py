"""The prompt library: files, placeholders, and errors with file and line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepchat.errors import ConfigError, StepchatError, UsageError
from stepchat.prompts.clipboard import read_clipboard, read_clipboard_file
from stepchat.prompts.library import (
    EXAMPLE,
    check_name,
    fill_in,
    find_prompt,
    list_descriptions,
    prompt_names,
    read_prompt,
    read_prompts,
)
from stepchat.prompts.template import expand, parse_template, split_values

WHOLE = """\
---
description: "Review: a change"
system: Be brief.
model: stepfun/step-3.5-flash
server: ollama
parameters:
  temperature: 0.2
  stop: [END]
variables:
  tone: friendly
  level: 3
---
In {{language}}, {{ tone }} ({{level}}):

{{input}}
"""


def no_clipboard() -> str:
    raise StepchatError("The clipboard cannot be read here.")


def filled(tmp_path, text, typed="", clipboard=no_clipboard):
    path = tmp_path / "x.md"
    path.write_text(text)
    return fill_in(read_prompt(path), typed, tmp_path, clipboard)


def test_a_whole_file(tmp_path):
    (tmp_path / "review.md").write_text(WHOLE)
    prompt = find_prompt(tmp_path, "review")
    assert (prompt.description, prompt.system, prompt.server) == ("Review: a change", "Be brief.", "ollama")
    assert prompt.settings == (("temperature", 0.2), ("stop", ["END"]))
    assert prompt.starts_session
    assert prompt.text.variables == ("language", "tone", "level")
    text = fill_in(prompt, 'language="Swiss German" tone=dry a=b', tmp_path, no_clipboard)
    assert text == "In Swiss German, dry (3):\n\na=b"
    with pytest.raises(UsageError, match="needs a value for language"):
        fill_in(prompt, "hello", tmp_path, no_clipboard)
    with pytest.raises(UsageError, match="needs a text"):
        fill_in(prompt, "language=x", tmp_path, no_clipboard)


@pytest.mark.parametrize(
    ("text", "typed", "sent"),
    [
        ("Hello", "", "Hello"),
        ("Hello\n", "and more", "Hello\n\nand more"),
        ("a {{input}} b {{input}}", "x", "a x b x"),
        ("{{input}}", "{{clipboard}} {{file:/etc/passwd}}", "{{clipboard}} {{file:/etc/passwd}}"),
        (r"\{{input}} {{input}}", "x", "{{input}} x"),
        ("---\nrole: system\n---\nYou are {{not a variable}}.", "hi", "hi"),
        ("---\nrole: system\n---\nYou are a pirate.", "", ""),
        ("---\n---\n\ntext", "", "text"),
        ("--- no front matter", "", "--- no front matter"),
        ("\ufeff---\r\ndescription: x\r\n---\r\nHi\r\n", "", "Hi"),
    ],
)
def test_what_is_sent(tmp_path, text, typed, sent):
    assert filled(tmp_path, text, typed) == sent


def test_files_and_the_clipboard(tmp_path):
    (tmp_path / "notes.txt").write_text("{{input}}\n")
    assert filled(tmp_path, "{{file:notes.txt}} {{clipboard}}", clipboard=lambda: "copied") == "{{input}} copied"
    with pytest.raises(UsageError, match=r"x\.md, line 2: Cannot read .*missing"):
        filled(tmp_path, "a\n{{file:missing}}")
    with pytest.raises(UsageError, match=r"x\.md, line 6: The clipboard cannot be read here"):
        filled(tmp_path, "---\ndescription: x\n---\n\na\n{{clipboard}}")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("---\nmodle: x\n---\n", 2, "Did you mean model?"),
        ("---\ncolour: x\n---\n", 2, "Keys: description,"),
        ("---\ntools: all\n---\n", 2, "a list of names"),
        ("---\nmodel: 3\n---\n", 2, "must be text"),
        ("---\nmodel: x\nparameters: 3\n---\n", 3, "must be a table"),
        ("---\nparameters:\n  top_k: 1\n  temperature: hot\n---\n", 4, "temperature must be a number"),
        ("---\nparameters:\n  nonsense: 1\n---\n", 3, "nonsense"),
        ("---\nrole: pirate\n---\n", 2, "user, system"),
        ("---\nsystem: x\nrole: system\n---\n", 2, "given twice"),
        ("---\na: b: c\n---\n", 2, "not YAML"),
        ("---\n- a\n---\n", 2, "no keys"),
        ("---\na: b\n", 1, "does not end"),
        ("---\ndescription: x\n---\none\n{{ two words }}", 5, "no placeholder"),
        ("{{file:}}", 1, "no placeholder"),
    ],
)
def test_mistakes_name_file_and_line(tmp_path, text, line, words):
    path = tmp_path / "x.md"
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        read_prompt(path)
    assert f"{path}, line {line}:" in str(raised.value)
    assert words in str(raised.value)


def test_a_library_with_a_mistake(tmp_path):
    for name, text in {
        "good.md": "---\ndescription: 'It is'\n---\nx",
        "bad.md": "---\n",
        ".hid.md": "",
        "a b.md": "",
    }.items():
        (tmp_path / name).write_text(text)
    problems: list[ConfigError] = []
    assert [prompt.name for prompt in read_prompts(tmp_path, problems.append)] == ["good"]
    assert len(problems) == 1
    assert list_descriptions(tmp_path) == [("bad", ""), ("good", "It is")]
    assert prompt_names(tmp_path / "nowhere") == []
    with pytest.raises(UsageError, match="Did you mean good"):
        find_prompt(tmp_path, "goood")
    for name in ("../x", "a/b", "", "ä"):
        with pytest.raises(UsageError):
            check_name(name)


def test_the_example_is_right(tmp_path):
    assert filled(tmp_path, EXAMPLE.format(description='"a"'), "hello") == "hello"


def test_the_clipboard_without_a_desktop(tmp_path):
    with pytest.raises(StepchatError, match="cannot be read here"):
        read_clipboard({"PATH": str(tmp_path)})
    tool = tmp_path / "xclip"
    tool.write_text("#!/bin/sh\nprintf 'a\\r\\nb'\n")
    tool.chmod(0o755)
    assert read_clipboard({"PATH": f"{tmp_path}:/bin:/usr/bin", "DISPLAY": ":0"}) == "a\nb"


def test_the_clipboard_as_a_file_is_its_image_or_its_text(tmp_path):
    environ = {"PATH": f"{tmp_path}:/bin:/usr/bin", "DISPLAY": ":0"}
    with pytest.raises(StepchatError, match="belongs to another machine"):
        read_clipboard_file({"PATH": str(tmp_path), "SSH_CONNECTION": "1"})
    tool = tmp_path / "xclip"
    tool.write_text('#!/bin/sh\ncase "$*" in *image/png*) test -e $0.png && printf PNG ;; *) printf text ;; esac\n')
    tool.chmod(0o755)
    assert read_clipboard_file(environ) == ("clipboard.txt", b"text")
    (tmp_path / "xclip.png").touch()
    assert read_clipboard_file(environ) == ("clipboard.png", b"PNG")


@given(st.text(max_size=60), st.text(max_size=60))
def test_what_is_filled_in_is_never_read_again(tmp_path_factory, before, value):
    folder = tmp_path_factory.getbasetemp()
    template = parse_template(folder / "x.md", before.replace("{", "(").replace("\\", "/") + "{{input}}")
    text = expand(template, {}, value, folder, no_clipboard)
    assert text == (before.replace("{", "(").replace("\\", "/") + value).strip("\n")


def test_values_come_first():
    assert split_values("a=1 b='x y' c=3 rest a=2", ("a", "b")) == ({"a": "1", "b": "x y"}, "c=3 rest a=2")
    assert split_values("a=", ("a",)) == ({"a": ""}, "")
