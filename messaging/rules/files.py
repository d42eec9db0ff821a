"""What may be attached, by what it is and not by what it is called. Pure."""

import re
import unicodedata

from messaging.rules import pictures
from portal.kernel.errors import Kind, Refusal

MOST_BYTES = 10 * 1024 * 1024  # of one file
MOST_TOGETHER = 20 * 1024 * 1024  # bytes of one message's files
MOST_WAITING = 20  # uploads of one device that were not sent yet
SHORTEST_LIFE = 60  # seconds: an upload's own key dies within two minutes of its use, and never after the message's
NAME_LIMIT = 100

PDF = "application/pdf"
ENDINGS = {
    "image/png": ("png",),
    "image/jpeg": ("jpg", "jpeg"),
    "image/webp": ("webp",),
    "image/gif": ("gif",),
    PDF: ("pdf",),
}
_PDF_HEAD = re.compile(rb"%PDF-[12]\.\d[\r\n \t%]")
# What has no place in a name: paths, controls, and characters that turn the direction of what follows.
_ODD = re.compile('[\x00-\x1f\x7f-\x9f/\\\\:*?"<>|\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]')


def checked(data: bytes) -> tuple[str, bytes]:
    """Its type, and the bytes that are kept: pictures drawn anew, a PDF as it is. Refuses what is neither."""
    if len(data) > MOST_BYTES:
        raise too_large()
    if not data:
        raise Refusal("empty_file", "That file is empty.", field="file")
    kind = kind_of(data)
    if kind == PDF:
        _check_pdf(data)
        return kind, data
    drawn = pictures.redraw(data, kind)
    if len(drawn) > MOST_BYTES:
        raise pictures.too_large()
    return kind, drawn


def kind_of(data: bytes) -> str:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data[:6] in {b"GIF87a", b"GIF89a"}:
        return "image/gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data.startswith(b"%PDF-"):
        return PDF
    raise Refusal(
        "unknown_file_type", "Only pictures (PNG, JPEG, WebP, GIF) and PDF files can be attached.", field="file"
    )


def name_of(given: str, kind: str) -> str:
    """The last part of what it was called, in one line, ending as its type ends."""
    last = re.split(r"[/\\]", given)[-1]
    stem, dot, ending = _ODD.sub("", unicodedata.normalize("NFC", last)).strip().rpartition(".")
    if not dot or ending.casefold() not in ENDINGS[kind]:
        stem, ending = (f"{stem}{dot}{ending}", ENDINGS[kind][0])
    return f"{stem.strip(' .')[:NAME_LIMIT] or 'file'}.{ending}"


def shown(entries: object) -> list[dict[str, object]]:
    """What a reader is told of a message's files: never a key."""
    listed = entries if isinstance(entries, list) else []
    return [{name: one[name] for name in ("id", "name", "type", "bytes")} for one in listed]


def is_picture(kind: str) -> bool:
    return kind in pictures.FORMATS


def too_large() -> Refusal:
    return Refusal(
        "file_too_large",
        "A file can have 10 MB at most. Make it smaller.",
        Kind.TOO_LARGE,
        field="file",
        limit=MOST_BYTES,
    )


def _check_pdf(data: bytes) -> None:
    """One file that begins and ends as a PDF does, not another one that only says so."""
    if not _PDF_HEAD.match(data) or b"%%EOF" not in data[-1024:] or b"startxref" not in data[-2048:]:
        raise Refusal("bad_pdf", "That is not a whole PDF file. Save it anew and try again.", field="file")
