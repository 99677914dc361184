from __future__ import annotations

import os
import socket
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from stepchat.attachments import images, pdf
from stepchat.attachments.reading import Recipient, load_content, load_file
from stepchat.catalogue.models import Model
from stepchat.errors import UsageError
from tests.attachments import files

READER = Model("maker/reader", created=2, input_modalities=("text", "image", "file", "audio"))
VIEWER = Model("maker/viewer", created=1, input_modalities=("text", "image"))
PLAIN = Model("maker/plain", input_modalities=("text",))
MODELS = (PLAIN, VIEWER, READER)


def asked(model: Model | None) -> Recipient:
    return Recipient("maker/unknown" if model is None else model.id, lambda: (model, MODELS))


def load(data: bytes, name: str = "file", model: Model | None = READER):
    return load_content(name, data, asked(model))


def picture(form: str, size: tuple[int, int] = (65, 49), **more) -> bytes:
    file = BytesIO()
    Image.new("RGB", size, "red").save(file, form, **more)
    return file.getvalue()


@pytest.mark.parametrize(
    ("form", "media_type", "more"),
    [
        ("PNG", "image/png", {}),
        ("JPEG", "image/jpeg", {"comment": b"\xff\xd8" * 40}),
        ("GIF", "image/gif", {}),
        ("WEBP", "image/webp", {}),
        ("WEBP", "image/webp", {"lossless": True}),
        ("WEBP", "image/webp", {"exif": b"Exif\0\0"}),
    ],
)
def test_images_are_known_by_their_content_whatever_their_name(form, media_type, more):
    attachment, content = load(data := picture(form, **more), "report.txt")
    assert (attachment.kind, attachment.media_type, attachment.width, attachment.height) == (
        "image",
        media_type,
        65,
        49,
    )
    assert content == data


def test_large_images_are_downscaled_and_turned_upright(monkeypatch):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    attachment, content = load(picture("JPEG", (3000, 1000), exif=exif))
    assert (attachment.width, attachment.height) == (683, images.LONGEST_SIDE)
    assert Image.open(BytesIO(content)).size == (683, images.LONGEST_SIDE)
    # Transparency is kept, unless the file would stay too large.
    file = BytesIO()
    Image.new("RGBA", (3000, 30), (1, 2, 3, 4)).save(file, "PNG")
    attachment, content = load(file.getvalue())
    assert (attachment.media_type, Image.open(BytesIO(content)).mode) == ("image/png", "RGBA")
    monkeypatch.setattr(images, "LARGEST", 10)
    assert load(file.getvalue()).attachment.media_type == "image/jpeg"


def test_an_image_of_too_many_pixels_is_never_decoded():
    with pytest.raises(UsageError, match=r"65,000 × 65,000 pixels"):
        load(files.png(65_000, 1).replace((1).to_bytes(4, "big") + b"\x08", (65_000).to_bytes(4, "big") + b"\x08", 1))


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff\xe0\0", b"RIFF\0\0\0\0WEBP????"])
def test_damaged_images_are_rejected(data):
    with pytest.raises(UsageError, match="damaged"):
        load(data)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("plain", "ascii"),
        ("größer 你好 🌊", "utf-8"),
        ("größer\n" * 9, "utf-8-sig"),
        ("a,b\n1,2\n", "utf-16"),
        ("name,value\nalpha,1\n" * 9, "utf-16-le"),
        ("Die Größe der Straße überrascht; für später müssen wir prüfen, ob das möglich wäre.\n" * 9, "iso-8859-1"),
        ("これは日本語のテキストです。文字コードの判定を試します。\n" * 9, "shift_jis"),
    ],
)
def test_text_is_stored_as_utf8_whatever_its_encoding(text, encoding):
    attachment, content = load(text.encode(encoding), "notes")
    assert (attachment.kind, content.decode()) == ("text", text)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b" \n\t\r\n", "is blank"),
        (bytes(range(256)) * 9, "is a binary file"),
        (b"\x7fELF" + b"\0" * 60, "is a program"),
        (b"PK\3\4" + b"\0" * 60, "ZIP archive"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 60, "HEIC image"),
        (b"\0\0\0\x18ftypisom" + b"\0" * 60, "is a video"),
        (b"text with a \0 in it", "is a binary file"),
        (b"a" * 5_000_001, "5 MB"),
    ],
)
def test_what_is_not_text_is_rejected_with_what_it_is(data, words):
    with pytest.raises(UsageError, match=words):
        load(data, "thing")


def test_a_text_that_mentions_a_format_is_text():
    for text in (b"The header is %PDF-1.7, they say", b"GIF: a format", b"BMW and MZ are words"):
        assert load(text).attachment.kind == "text"


@pytest.mark.parametrize(("model", "kind"), [(READER, "pdf"), (VIEWER, "text"), (PLAIN, "text"), (None, "text")])
def test_a_pdf_is_sent_as_a_file_or_as_its_text(model, kind):
    attachment, content = load(data := files.pdf("Revenue grew", "and fell"), "report.pdf", model)
    assert (attachment.kind, attachment.media_type, attachment.pages) == (kind, "application/pdf", 2)
    assert content == (data if kind == "pdf" else b"[page 1]\nRevenue grew\n\n[page 2]\nand fell")


@pytest.mark.parametrize("data", [b"%PDF-1.4\n", files.pdf("x")[:200], b"%PDF-1.7" + b"\0" * 2000])
def test_a_damaged_pdf_is_rejected(data):
    with pytest.raises(UsageError, match=r"The text of report\.pdf cannot be read"):
        load(data, "report.pdf", PLAIN)


def test_a_pdf_without_text_or_without_the_library_names_a_way_out(monkeypatch):
    with pytest.raises(UsageError, match="contains no text"):
        load(files.pdf(""), "scan.pdf", PLAIN)
    monkeypatch.setattr(pdf, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"plain does not accept.*stepchat\[pdf\].*accept PDFs: maker/reader\."):
        load(files.pdf("x"), "report.pdf", PLAIN)


@pytest.mark.parametrize(
    ("data", "model", "words"),
    [
        (files.png(), PLAIN, r"file is a PNG image, which plain does not accept\. .*maker/reader, maker/viewer\."),
        (
            files.wav(),
            VIEWER,
            r"WAV recording, which viewer does not accept\. Models that accept audio: maker/reader\.",
        ),
    ],
)
def test_what_the_model_does_not_accept_is_rejected_with_models_that_do(data, model, words):
    with pytest.raises(UsageError, match=words):
        load(data, model=model)


def test_what_is_unknown_about_a_model_is_assumed():
    assert load(files.png(), model=None).attachment.kind == "image"
    assert load(files.wav(), model=None).attachment.tokens > 0


def test_only_regular_files_are_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    os.truncate(os.open("huge", os.O_CREAT | os.O_WRONLY), 10**12)
    Path("zero").symlink_to("/dev/zero")
    Path("loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
    for name in ("pipe", "huge", "zero", "loop", "socket", "/dev/null", ".", "gone", "a\0b", "x" * 5000):
        with pytest.raises(UsageError, match=r"^Cannot attach"):
            load_file(tmp_path / name, asked(READER))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("src/app.py", "src/app.py"),
        ("bad\x1b[2J\u202ename\n.txt", "bad[2Jname .txt"),
        ("../outside.txt", "outside.txt"),
    ],
)
def test_names_are_relative_to_the_working_directory_and_harmless(tmp_path, monkeypatch, path, name):
    here = tmp_path / "here"
    (here / "src").mkdir(parents=True)
    monkeypatch.chdir(here)
    (here / path).write_text("x")
    assert load_file(here / path, asked(None)).attachment.name == name
