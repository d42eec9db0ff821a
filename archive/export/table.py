"""The two lists of a bundle: `records.jsonl`, which is what the verifier reads, and `records.csv` for a spreadsheet.

    {"index":12,"leaf":"<base64>","archived_until":"…" or null,"nonce":"<base64>","content":{…}}     open
    {"index":12,"leaf":"<base64>","archived_until":"…" or null}                                      sealed

`content` stands as the exact bytes that were committed to: HMAC-SHA256(nonce, content) is the leaf's `commitment`.

A spreadsheet must not run what somebody wrote: a cell that begins, after any blanks, like a formula gets an apostrophe, and
so does one that begins with an apostrophe, so that taking one away gives back what was there.
"""

import base64
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from archive.export.letter import describe, offered_by, words_of
from archive.export.signed import NotVerified, parse_json, unbase64

COLUMNS = (
    "index", "time", "kind", "message", "from", "to", "category", "subject", "body", "gone_at", "archived_until", "rule",
    "answers",
)  # fmt: skip
_DANGEROUS = re.compile("[\\s\u200b-\u200f\u2060\ufeff\x00-\x1f]*[=+\\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n']")
_LINE = re.compile(
    rb'\{"index":(0|[1-9][0-9]{0,17}),"leaf":"([A-Za-z0-9+/=]+)","archived_until":(null|"[0-9TZ:.-]{20,32}")'
    rb'(?:,"nonce":"([A-Za-z0-9+/=]{44})","content":(\{.*\}))?\}\n'
)


class RecordLine(NamedTuple):
    """A line of records.jsonl. `content` is the exact bytes, None in a sealed bundle."""

    index: int  # type: ignore[assignment]  # a tuple has a method of this name, which nobody calls on a line
    leaf: bytes
    until: str | None
    nonce: bytes
    content: bytes | None


def write_line(line: RecordLine) -> bytes:
    until = b"null" if line.until is None else b'"%s"' % line.until.encode()
    head = b'{"index":%d,"leaf":"%s","archived_until":%s' % (line.index, base64.b64encode(line.leaf), until)
    if line.content is None:
        return head + b"}\n"
    return b'%s,"nonce":"%s","content":%s}\n' % (head, base64.b64encode(line.nonce), line.content)


def read_line(raw: bytes) -> RecordLine:
    found = _LINE.fullmatch(raw)
    if not found:
        raise NotVerified("records.jsonl holds a line that is not one of a bundle.")
    until = None if found[3] == b"null" else found[3][1:-1].decode()
    nonce = unbase64(found[4], "records.jsonl") if found[4] else b""
    return RecordLine(int(found[1]), unbase64(found[2], "records.jsonl"), until, nonce, found[5])


def read_content(raw: bytes, index: int) -> dict[str, Any]:
    try:
        content = parse_json(raw)
    except (ValueError, RecursionError):
        raise NotVerified(f"The content of record {index} is not JSON.") from None
    if not isinstance(content, dict):
        raise NotVerified(f"The content of record {index} is not an object.")
    return content


def write_row(index: int, leaf: dict[str, Any], until: str | None, content: dict[str, Any] | None) -> bytes:
    """One line of records.csv (RFC 4180, every field quoted)."""
    known = content or {}
    return _row(
        (
            str(index), words_of(leaf.get("time")), words_of(leaf.get("kind")), words_of(leaf.get("message")),
            describe(known.get("from")), describe(known.get("to")), words_of(known.get("category")),
            words_of(known.get("subject")), words_of(known.get("body")), words_of(leaf.get("gone_at")), until or "",
            words_of(leaf.get("class")), "\n".join(offered_by(known)),
        )
    )  # fmt: skip


def write_heading() -> bytes:
    return _row(COLUMNS)


def _row(values: Iterable[str]) -> bytes:
    cells = [safe_cell(value).replace('"', '""') for value in values]
    return ('"' + '","'.join(cells) + '"\r\n').encode("utf-8", "replace")


def safe_cell(value: str) -> str:
    """NUL, which no reader of CSV takes, becomes the sign for a character that cannot be shown."""
    if "\x00" in value:
        value = value.replace("\x00", "\ufffd")
    return f"'{value}" if _DANGEROUS.match(value) else value
