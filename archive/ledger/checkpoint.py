"""Checkpoints: C2SP tlog-checkpoint v1.0.0, the text of a signed note that states one tree.

    <origin>            the log's name; the key's name too
    <size>              decimal, no leading zero
    <root>              base64 of 32 bytes
    <extension>…        non-empty lines, read but never written here

Signing one is a promise never to sign another that does not extend it. Who calls `sign` keeps that promise (design 6).
"""

from dataclasses import dataclass

from archive.ledger import LedgerError, encoding, merkle, note


class CheckpointError(LedgerError):
    """The text is not a checkpoint, or not one of this log."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree of `size` leaves and its `root` (32 bytes), as a log of the name `origin` states it."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()


def encode(checkpoint: Checkpoint) -> str:
    """The text to sign; CheckpointError for values that no checkpoint can hold."""
    lines = (checkpoint.origin, str(checkpoint.size), encoding.encode_base64(checkpoint.root), *checkpoint.extensions)
    text = "".join(line + "\n" for line in lines)
    if parse(text) != checkpoint:
        raise CheckpointError("a value does not fit a checkpoint")
    return text


def parse(text: str) -> Checkpoint:
    """The checkpoint in a note's text, or CheckpointError. Verifies no signature: use `open_`."""
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() or not all(lines):
        raise CheckpointError("not a checkpoint")
    try:
        size, root = encoding.decode_decimal(lines[1]), encoding.decode_hash(lines[2])
    except encoding.EncodingError as error:
        raise CheckpointError(str(error)) from error
    if size == 0 and root != merkle.EMPTY_ROOT:
        raise CheckpointError("an empty tree has another root")
    return Checkpoint(lines[0], size, root, tuple(lines[3:]))


def sign(checkpoint: Checkpoint, key: note.SigningKey) -> str:
    """The signed note. The key's name must be the origin: one name, one log, one key."""
    if key.name != checkpoint.origin:
        raise CheckpointError("the key belongs to another log")
    return note.sign(encode(checkpoint), key)


def open_(note_text: str | bytes, vkey: str | note.VerifierKey) -> Checkpoint:
    """The checkpoint of a signed note, verified under the log's own key. NoteError or CheckpointError otherwise."""
    key = note.parse_vkey(vkey) if isinstance(vkey, str) else vkey
    checkpoint = parse(note.open_(note_text, key).text)
    if checkpoint.origin != key.name:
        raise CheckpointError("the checkpoint is of another log")
    return checkpoint
