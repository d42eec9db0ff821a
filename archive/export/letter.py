"""A record as an e-mail message (RFC 5322, 2045, 2047): ASCII only, CRLF, lines of at most 76 characters.

No header can be injected: what is not printable ASCII goes into encoded words, and control characters become spaces
before that. The body is quoted-printable and decodes to exactly what was archived (line ends as CRLF). Threads: all
messages of one customer refer to one root that is no message; an answer also names what it answers.
"""

import base64
import json
import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

from archive.export.enclosed import EnclosedFile, boundary_of, files_of, in_lines, part_head

_PLAIN_LINE = re.compile(rb"(?!\.|From )(?:[!-<>-~ \t]*[!-<>-~])?")
_PLAIN_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9]+(?: [A-Za-z0-9]+)*")
_UNSAFE = re.compile(rb"[^!-<>-~ \t]|[ \t]\Z|\A\.|\AF(?=rom )")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*"
)
_ID = re.compile(r"[0-9a-f-]{36}")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SIDE = ("name", "email", "phone", "reference")
_WIDTH = 76
_TEXT_HEAD = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
Files = Callable[[EnclosedFile], bytes]
_WORD = 42  # bytes in one encoded word, so that its line stays within the width


def write_letter(
    index: int, leaf: dict[str, Any], until: str | None, content: dict[str, Any], business: str, files: Files | None = None
) -> bytes:  # fmt: skip
    """The bytes of `records/<index>.eml`. `until` is when the archive may forget it, None for an end nobody knows. `files` gives
    the bytes of each; without it their digests stand in their places (`enclosed.bare`)."""
    domain = f"{business}.ebb.invalid"
    parts = [
        f"Date: {_date(str(leaf.get('time')))}",
        f"From: {_mailbox(content.get('from'), domain)}",
        f"To: {_mailbox(content.get('to'), domain)}",
        _header("Subject", words_of(content.get("subject"))),
        f"Message-ID: <{_id(leaf.get('message'))}@{domain}>",
        *_thread(leaf, content, domain),
        f"X-Ebb-Entry: {index}",
        _code("X-Ebb-Kind", words_of(leaf.get("kind"))),
        _header("X-Ebb-From", describe(content.get("from"))),
        _header("X-Ebb-To", describe(content.get("to"))),
        _header("X-Ebb-Sent-At", words_of(content.get("sent_at") or leaf.get("time"))),
        _header("X-Ebb-Gone-At", words_of(leaf.get("gone_at") or "not set")),
        _header("X-Ebb-Archived-Until", words_of(until or "unknown")),
        _code("X-Ebb-Retention-Rule", words_of(leaf.get("class") or "unknown")),
        _code("X-Ebb-Category", words_of(content.get("category"))),
        _code("X-Ebb-Format", words_of(content.get("format") or "text")),
        _header("X-Ebb-Answers", _offered(content)),
        f"X-Ebb-Commitment: {words_of(leaf.get('commitment'))[:64]}",
        "MIME-Version: 1.0",
    ]
    head = "\r\n".join(part for part in parts if part).encode("ascii") + b"\r\n"
    text = _TEXT_HEAD + _quote(words_of(content.get("body")).encode("utf-8", "replace"))
    enclosed = files_of(content)
    return head + (_mixed(index, text, enclosed, files) if enclosed else text)


def _mixed(index: int, text: bytes, enclosed: list[EnclosedFile], files: Files | None) -> bytes:
    boundary = boundary_of(index)
    mark = f"\r\n--{boundary}".encode()
    packed = [
        part_head(one) + b"\r\n\r\n" + (in_lines(files(one)) if files else one.sha256.encode()) for one in enclosed
    ]
    head = f'Content-Type: multipart/mixed;\r\n boundary="{boundary}"\r\n'.encode()
    return head + b"".join(mark + b"\r\n" + part for part in (text, *packed)) + mark + b"--\r\n"


def words_of(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def describe(side: object) -> str:
    """A side as it was known then: name, e-mail, phone, reference."""
    if not isinstance(side, dict):
        return ""
    return ", ".join([words_of(side[name]) for name in _SIDE if side.get(name) not in (None, "")])


def _offered(content: dict[str, Any]) -> str:
    """As a list in JSON; "" for a record without, which keeps its bytes."""
    answers = offered_by(content)
    return json.dumps(answers, ensure_ascii=False) if answers else ""


def offered_by(content: dict[str, Any]) -> list[str]:
    """The answers that a message offered as buttons."""
    answers = content.get("answers")
    return [text for text in answers if isinstance(text, str)] if isinstance(answers, list) else []


def _thread(leaf: dict[str, Any], content: dict[str, Any], domain: str) -> list[str]:
    root = f"<thread.{_id(leaf.get('subject'))}@{domain}>"
    answered = words_of(content.get("in_reply_to"))
    if not _ID.fullmatch(answered):
        return [f"References: {root}"]
    return [f"In-Reply-To: <{answered}@{domain}>", f"References: {root}\r\n <{answered}@{domain}>"]


def _mailbox(side: object, domain: str) -> str:
    """Display name and address; whoever has no e-mail address gets one that leads nowhere."""
    known = side if isinstance(side, dict) else {}
    address = words_of(known.get("email"))
    if len(address) > 254 or not _ADDRESS.fullmatch(address):
        address = f"{_id(known.get('customer'))}@customers.{domain}" if "customer" in known else f"business@{domain}"
    name = _CONTROL.sub(" ", words_of(known.get("name"))).strip()
    if len(name) < _WIDTH - 6 and _PLAIN_NAME.fullmatch(name):
        return f"{name}\r\n <{address}>"
    return f"{_encode_words(name)}\r\n <{address}>" if name else f"<{address}>"


def _id(value: object) -> str:
    return value if isinstance(value, str) and _ID.fullmatch(value) else "unknown"


def _header(name: str, value: str) -> str:
    """One header, folded; "" for an empty value."""
    if len(name) + 2 + len(value) <= _WIDTH and _PLAIN_VALUE.fullmatch(value) and "=?" not in value:
        return f"{name}: {value}"
    value = _CONTROL.sub(" ", value).strip()
    return f"{name}: {_encode_words(value)}" if value else ""


_code = lru_cache(1024)(_header)  # of codes of which there are few; never of what somebody wrote


def _encode_words(value: str) -> str:
    """RFC 2047 encoded words in base64, no character cut in two."""
    words, held = [], b""
    for char in value:
        raw = char.encode("utf-8", "replace")
        if len(held) + len(raw) > _WORD:
            words.append(held)
            held = b""
        held += raw
    words.append(held)
    return "\r\n ".join(f"=?utf-8?B?{base64.b64encode(word).decode()}?=" for word in words)


def _date(stamp: str) -> str:
    """Of a leaf's time: its parts stand where they always stand."""
    day = _DAYS[datetime.fromisoformat(stamp).weekday()]
    return f"{day}, {stamp[8:10]} {_MONTHS[int(stamp[5:7]) - 1]} {stamp[:4]} {stamp[11:19]} +0000"


def _quote(body: bytes) -> bytes:
    """Quoted-printable (RFC 2045 section 6.7). A body that ends without a line end ends in a soft one."""
    lines = [_quote_line(line) for line in body.split(b"\n")]
    return b"\r\n".join(lines) + (b"=\r\n" if lines[-1] else b"")


def _quote_line(line: bytes) -> bytes:
    if len(line) < _WIDTH and _PLAIN_LINE.fullmatch(line):
        return line
    quoted = _UNSAFE.sub(_escape, line)
    if len(quoted) < _WIDTH:
        return quoted
    rows, at = [], 0
    while at < len(quoted):
        end = at + _WIDTH - 1
        while end < len(quoted) and b"=" in quoted[end - 2 : end]:
            end -= 1  # an escape is not cut in two
        rows.append(quoted[at:end])
        at = end
    return b"=\r\n".join(rows)


def _escape(found: re.Match[bytes]) -> bytes:
    return b"=%02X" % found[0][0]
