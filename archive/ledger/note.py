"""Signed notes: C2SP signed-note v1.0.0, Ed25519 (type 0x01) only.

    <text, ends in \\n>
    <empty line>
    — <key name> base64(4-byte key id || 64-byte signature)       one line a signature; U+2014, spaces as shown

    key id  SHA-256(name || 0x0A || 0x01 || public key)[:4]
    vkey    <name>+<key id, 8 hex>+base64(0x01 || public key)                what a verifier is given
    skey    PRIVATE+KEY+<name>+<key id, 8 hex>+base64(0x01 || 32-byte seed)  secret; the format of Go's x/mod/sumdb/note

The signature covers the text with its last newline, without the empty line. A signature of an unknown key is ignored;
one bad signature of a known key rejects the note; so does having none that verifies.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from archive.ledger import LedgerError, encoding

ED25519 = b"\x01"
MARK = "\u2014 "
PRIVATE = "PRIVATE+KEY+"
MAX_SIGNATURES = 100  # the specification asks for 16 at least; Go's own cap is this
MAX_LENGTH = 1_000_000
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
KEY = re.compile(r"([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)")


class NoteError(LedgerError):
    """A key or a note is malformed, or its signature does not hold."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A name and an Ed25519 public key (32 bytes) that a reader trusts."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """4 bytes; an index, not a cryptographic identity."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    def encode(self) -> str:
        """The vkey."""
        return f"{self.name}+{self.key_id.hex()}+{encoding.encode_base64(ED25519 + self.public)}"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A name and an Ed25519 seed (32 bytes). Secret: its repr shows the name only."""

    name: str
    seed: bytes

    def __repr__(self) -> str:
        return f"SigningKey({self.name!r})"

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        private = Ed25519PrivateKey.from_private_bytes(self.seed)
        return VerifierKey(self.name, private.public_key().public_bytes_raw())

    def encode(self) -> str:
        """The skey."""
        return f"{PRIVATE}{self.name}+{self.verifier.key_id.hex()}+{encoding.encode_base64(ED25519 + self.seed)}"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: not verified by being here."""

    name: str
    key_id: bytes
    blob: bytes

    def encode(self) -> str:
        return f"{MARK}{self.name} {encoding.encode_base64(self.key_id + self.blob)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text and signatures. From `parse` nothing is verified; from `open_` the signatures are those that were."""

    text: str
    signatures: tuple[Signature, ...]

    def encode(self) -> str:
        return self.text + "\n" + "".join(signature.encode() for signature in self.signatures)


def generate(name: str) -> SigningKey:
    """A new signing key; NoteError for a name that no note could carry."""
    check_name(name)
    return SigningKey(name, Ed25519PrivateKey.generate().private_bytes_raw())


def parse_vkey(vkey: str) -> VerifierKey:
    """The key in a vkey; NoteError when its parts do not belong together."""
    name, key_id, public = _parse_key(vkey)
    key = VerifierKey(name, public)
    if key.key_id.hex() != key_id:
        raise NoteError("the key id does not belong to the key")
    return key


def parse_skey(skey: str) -> SigningKey:
    """The key in an skey; NoteError when its parts do not belong together. Messages never quote the key."""
    if not skey.startswith(PRIVATE):
        raise NoteError("not a signing key")
    name, key_id, seed = _parse_key(skey.removeprefix(PRIVATE))
    key = SigningKey(name, seed)
    if key.verifier.key_id.hex() != key_id:
        raise NoteError("the key id does not belong to the key")
    return key


def check_name(name: str) -> None:
    """A key name is non-empty, without any Unicode space, control character or plus."""
    if not name or "+" in name or CONTROL.search(name) or any(char.isspace() for char in name):
        raise NoteError("not a key name")


def sign(text: str, *keys: SigningKey, others: Iterable[Signature] = ()) -> str:
    """`text` (ends in a newline) signed by `keys`, after the signatures of `others` by different keys."""
    _check_text(text)
    new = [_sign_text(text, key) for key in keys]
    replaced = {(signature.name, signature.key_id) for signature in new}
    kept = [old for old in others if (old.name, old.key_id) not in replaced]
    if not 1 <= len(kept) + len(new) <= MAX_SIGNATURES:
        raise NoteError("a note has 1 to 100 signatures")
    return Note(text, (*kept, *new)).encode()


def parse(note: str | bytes) -> Note:
    """The parts of a note, verified in form only. NoteError otherwise."""
    whole = _decode(note)
    at = whole.rfind("\n\n")
    if at < 0 or not whole.endswith("\n"):
        raise NoteError("not a signed note")
    lines = whole[at + 2 :].split("\n")[:-1]
    if not 1 <= len(lines) <= MAX_SIGNATURES:
        raise NoteError("a note has 1 to 100 signatures")
    return Note(whole[: at + 1], tuple(_parse_signature(line) for line in lines))


def open_(note: str | bytes, *vkeys: str | VerifierKey) -> Note:
    """The note with those signatures that verify under `vkeys`, at least one. NoteError otherwise, or for a bad one."""
    known = _index(vkeys)
    parsed = parse(note)
    message = parsed.text.encode()
    verified: dict[tuple[str, bytes], Signature] = {}
    for signature in parsed.signatures:
        key = known.get((signature.name, signature.key_id))
        if key:
            _verify(key, signature, message)
            verified.setdefault((signature.name, signature.key_id), signature)
    if not verified:
        raise NoteError("no signature of a known key")
    return Note(parsed.text, tuple(verified.values()))


def _index(vkeys: Iterable[str | VerifierKey]) -> dict[tuple[str, bytes], VerifierKey]:
    known: dict[tuple[str, bytes], VerifierKey] = {}
    for vkey in vkeys:
        key = parse_vkey(vkey) if isinstance(vkey, str) else vkey
        if known.setdefault((key.name, key.key_id), key) != key:
            raise NoteError("two known keys share a name and an id")
    return known


def _verify(key: VerifierKey, signature: Signature, message: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature.blob, message)
    except (InvalidSignature, ValueError) as error:
        raise NoteError("the signature of a known key does not verify") from error


def _sign_text(text: str, key: SigningKey) -> Signature:
    check_name(key.name)
    blob = Ed25519PrivateKey.from_private_bytes(key.seed).sign(text.encode())
    return Signature(key.name, key.verifier.key_id, blob)


def _parse_key(text: str) -> tuple[str, str, bytes]:
    match = KEY.fullmatch(text)
    if not match:
        raise NoteError("not a key")
    check_name(match[1])
    data = _decode_base64(match[3])
    if len(data) != 33 or data[:1] != ED25519:
        raise NoteError("not an Ed25519 key")
    return match[1], match[2], data[1:]


def _parse_signature(line: str) -> Signature:
    name, space, blob = line.removeprefix(MARK).partition(" ")
    if not line.startswith(MARK) or not space:
        raise NoteError("not a signature line")
    check_name(name)
    data = _decode_base64(blob)
    if len(data) < 5:
        raise NoteError("a signature is too short")
    return Signature(name, data[:4], data[4:])


def _decode_base64(text: str) -> bytes:
    try:
        return encoding.decode_base64(text)
    except encoding.EncodingError as error:
        raise NoteError(str(error)) from error


def _decode(note: str | bytes) -> str:
    try:
        whole = note.decode() if isinstance(note, bytes) else note
        whole.encode()  # a str may hold lone surrogates, which no UTF-8 can carry
    except UnicodeError as error:
        raise NoteError("a note is UTF-8") from error
    if len(whole) > MAX_LENGTH:
        raise NoteError("a note is too long")
    if CONTROL.search(whole):
        raise NoteError("a note has no control characters")
    return whole


def _check_text(text: str) -> None:
    if not _decode(text).endswith("\n"):
        raise NoteError("the text of a note ends in a newline")
