"""A record's proof as one file: C2SP tlog-proof, `.tlog-proof`. Self-contained and offline.

c2sp.org/tlog-proof@v1
extra <base64>          optional, authenticated by nothing: never trust it
index <n>
<base64 hash>…          the inclusion path, the leaf's sibling first
<empty line>
<checkpoint, verbatim>
"""

from dataclasses import dataclass

from archive.ledger import checkpoint, encoding, merkle, note

HEADER = "c2sp.org/tlog-proof@v1"
MAX_PATH = 63


@dataclass(frozen=True, slots=True)
class Proof:
    """Leaf `index` and its `path` (32 bytes each) to the root of `checkpoint` (the text of a signed note)."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None


def encode(proof: Proof) -> str:
    """The text of a proof file."""
    lines = [HEADER]
    if proof.extra is not None:
        lines.append(f"extra {encoding.encode_base64(proof.extra)}")
    lines.append(f"index {proof.index}")
    lines += [encoding.encode_base64(step) for step in proof.path]
    return "\n".join(lines) + "\n\n" + proof.checkpoint


def parse(text: str | bytes) -> Proof:
    """The parts of a proof file; ProofError unless it has exactly this form. Verifies nothing: use `verify`."""
    head, blank, signed = _decode(text).partition("\n\n")
    lines = head.split("\n")
    if not blank or lines.pop(0) != HEADER:
        raise merkle.ProofError("not a proof file")
    try:
        extra = encoding.decode_base64(_take(lines, "extra ")) if _begins(lines, "extra ") else None
        index = encoding.decode_decimal(_take(lines, "index "))
        path = tuple(encoding.decode_hash(line) for line in lines)
    except encoding.EncodingError as error:
        raise merkle.ProofError(str(error)) from error
    if len(path) > MAX_PATH:
        raise merkle.ProofError("the inclusion path is too long")
    return Proof(index, path, signed, extra)


def verify(
    text: str | bytes, vkey: str | note.VerifierKey, leaf: bytes, *, index: int | None = None
) -> checkpoint.Checkpoint:
    """Accept that `leaf` (exact bytes) stands in the log of `vkey`, at `index` where given: the verified checkpoint.

    Raises ProofError, NoteError or CheckpointError, all of them LedgerError.
    """
    proof = parse(text)
    if index is not None and proof.index != index:
        raise merkle.ProofError("the proof is of another index")
    tree = checkpoint.open_(proof.checkpoint, vkey)
    merkle.verify_inclusion(proof.index, tree.size, merkle.hash_leaf(leaf), proof.path, tree.root)
    return tree


def _decode(text: str | bytes) -> str:
    try:
        return text.decode() if isinstance(text, bytes) else text
    except UnicodeDecodeError as error:
        raise merkle.ProofError("a proof file is UTF-8") from error


def _begins(lines: list[str], word: str) -> bool:
    return bool(lines) and lines[0].startswith(word)


def _take(lines: list[str], word: str) -> str:
    """What follows `word` on the first line, which is taken off."""
    if not _begins(lines, word):
        raise merkle.ProofError(f"a proof file lacks its {word}line")
    return lines.pop(0).removeprefix(word)
