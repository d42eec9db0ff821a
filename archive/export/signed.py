"""Signed notes, verifier keys and checkpoints (c2sp.org/signed-note, tlog-checkpoint), as strict as the bundle needs them:
one signature, by the log's own key. What has two spellings is refused."""

import binascii
import hashlib
import json
import re
from typing import Any, NamedTuple

from archive.export.ed25519 import ed25519_holds

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,17}")
_decode = json.JSONDecoder().decode
_NAME = re.compile(r"[!-*,-~]{1,200}")  # printable ASCII without space and plus


class NotVerified(Exception):
    """Why the answer is no. One sentence, for people."""


class LogKey(NamedTuple):
    """A log's name and its Ed25519 public key, from a vkey: `name+8 hex digits+base64(1 || key)`."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n\x01" + self.public).digest()[:4]


class Tree(NamedTuple):
    """What a checkpoint states."""

    origin: str
    size: int
    root: bytes


def parse_key(text: str, what: str) -> LogKey:
    parts = text.removesuffix("\n").split("+", 2)
    if len(parts) != 3 or not _NAME.fullmatch(parts[0]):
        raise NotVerified(f"{what} is not a verifier key (name+id+key, one line).")
    data = unbase64(parts[2], what)
    key = LogKey(parts[0], data[1:])
    if len(data) != 33 or data[:1] != b"\x01" or key.key_id.hex() != parts[1]:
        raise NotVerified(f"{what} is damaged: its parts do not belong together.")
    return key


def open_note(raw: bytes, key: LogKey, what: str) -> list[str]:
    """The lines of a note's text, after its one signature was verified."""
    text, blank, tail = as_text(raw, what).rpartition("\n\n")
    prefix = f"\u2014 {key.name} "
    if not blank or not tail.startswith(prefix) or not tail.endswith("\n") or tail.count("\n") != 1:
        raise NotVerified(f"{what} carries no signature of the log {key.name}, or more than that one.")
    blob = unbase64(tail[len(prefix) : -1], what)
    if blob[:4] != key.key_id or not ed25519_holds(key.public, (text + "\n").encode(), blob[4:]):
        raise NotVerified(f"The signature of {what} is wrong: it was changed, or another key signed it.")
    return text.split("\n")


def open_checkpoint(raw: bytes, key: LogKey) -> Tree:
    lines = open_note(raw, key, "checkpoint")
    if len(lines) != 3 or lines[0] != key.name or not _DECIMAL.fullmatch(lines[1]):
        raise NotVerified("checkpoint is not the checkpoint of this log.")
    root = unbase64(lines[2], "checkpoint")
    if len(root) != 32:
        raise NotVerified("checkpoint states a root that is none.")
    return Tree(lines[0], int(lines[1]), root)


def unbase64(text: str | bytes, what: str) -> bytes:
    """Standard base64 in its one spelling (RFC 4648 section 4): the unused bits of the last group are zero."""
    try:
        raw = text.encode("ascii") if isinstance(text, str) else text
        data = binascii.a2b_base64(raw, strict_mode=True)
    except (ValueError, binascii.Error):
        raise NotVerified(f"{what} holds something that is not base64.") from None
    if binascii.b2a_base64(data[-(len(data) % 3 or 3) :], newline=False) != raw[-4:] or len(raw) % 4:
        raise NotVerified(f"{what} holds base64 in a second spelling.")
    return data


def parse_json(raw: bytes) -> Any:
    """UTF-8 JSON; a ValueError for anything else. Without the guess at the encoding that `json.loads` makes each time."""
    return _decode(raw.decode("utf-8"))


def as_text(raw: bytes, what: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise NotVerified(f"{what} is not UTF-8.") from None
