"""The files of a record in a bundle: each once, under its own digest, and inside each e-mail message that came with it.

    attachments/<sha256>.<ending>     of an open bundle: the name is the digest of what lies there
    blobs/<id>                        of a sealed one: as the portal holds it, to be opened with the key in a record

An EML with files is `multipart/mixed`. Its boundary holds "=_", which no quoted-printable text can. To verify one, each file in it
is put back by its digest: what is left must be, byte for byte, what the record says.
"""

import base64
import hashlib
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from archive.export.signed import NotVerified

ENDINGS = {
    "application/pdf": "pdf", "image/gif": "gif", "image/jpeg": "jpg", "image/png": "png", "image/webp": "webp",
}  # fmt: skip
_DIGEST = re.compile(r"[0-9a-f]{64}")
_KIND = re.compile(r"[a-z]{1,20}/[a-z0-9.+-]{1,40}")
_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._")
_LINE_BYTES = 57  # 76 characters of base64
_NAME_PART = 48


class EnclosedFile(NamedTuple):
    """A file as its record names it; `entry` is all that the record says of it."""

    name: str
    kind: str
    sha256: str
    path: str
    entry: dict[str, Any]


def files_of(content: dict[str, Any] | None) -> list[EnclosedFile]:
    """Those that are named by a digest; nothing else was ever a file."""
    listed = content.get("attachments") if content else None
    found = []
    for entry in listed if isinstance(listed, list) else []:
        digest = entry.get("sha256") if isinstance(entry, dict) else None
        if isinstance(digest, str) and _DIGEST.fullmatch(digest):
            kind = entry.get("type")
            kind = kind if isinstance(kind, str) and _KIND.fullmatch(kind) else "application/octet-stream"
            name = entry.get("name")
            path = f"attachments/{digest}.{ENDINGS.get(kind, 'bin')}"
            found.append(EnclosedFile(name if isinstance(name, str) else "", kind, digest, path, entry))
    return found


def check_file(path: str, data: bytes) -> None:
    if hashlib.sha256(data).hexdigest() != path.rpartition("/")[2].partition(".")[0]:
        raise NotVerified(f"{path} was changed: it is not what its name and the records say.")


def digest_files(files: Iterable[tuple[str, str]]) -> str | None:
    """What a leaf commits to of its files: SHA-256 over the id (16 bytes) and the digest of each, sorted, joined."""
    listed = sorted(bytes.fromhex(f"{blob_id.replace('-', '')}{digest}") for blob_id, digest in files)
    return hashlib.sha256(b"".join(listed)).hexdigest() if listed else None


def boundary_of(index: int) -> str:
    return f"=_ebb_{index}"


def part_head(file: EnclosedFile) -> bytes:
    """The headers of a file's part; its name in RFC 2231, whatever is in it."""
    quoted = "".join(chr(byte) if byte in _SAFE else f"%{byte:02X}" for byte in file.name.encode("utf-8", "replace"))
    pieces = re.findall(rf"(?:%..|[^%]){{1,{_NAME_PART}}}", quoted) or [""]
    names = [f"filename*{n}*=" + ("" if n else "UTF-8''") + piece for n, piece in enumerate(pieces)]
    lines = [
        f"Content-Type: {file.kind}", "Content-Disposition: attachment;\r\n " + ";\r\n ".join(names),
        "Content-Transfer-Encoding: base64",
    ]  # fmt: skip
    return "\r\n".join(lines).encode("ascii")


def in_lines(data: bytes) -> bytes:
    """Base64 (RFC 2045 section 6.8), 76 characters a line."""
    return b"\r\n".join(base64.b64encode(data[at : at + _LINE_BYTES]) for at in range(0, len(data), _LINE_BYTES))


def bare(letter: bytes, index: int) -> bytes:
    """An EML with each file's digest where the file was, as `write_letter` writes it when it has no files at hand."""
    mark = f"\r\n--{boundary_of(index)}".encode()
    first, *parts = letter.split(mark)
    if len(parts) < 3:
        return letter
    return mark.join([first, parts[0], *(_bare_part(part, index) for part in parts[1:-1]), parts[-1]])


def _bare_part(part: bytes, index: int) -> bytes:
    head, blank, packed = part.partition(b"\r\n\r\n")
    try:
        data = base64.b64decode(packed.replace(b"\r\n", b""), validate=True)
    except ValueError:
        data = b""
    if in_lines(data) != packed:
        raise NotVerified(f"records/{index}.eml holds a file that is not whole.")
    return head + blank + hashlib.sha256(data).hexdigest().encode()
