"""Searching a house for what must not be there: a mark in any of the shapes that bytes take on their way to a disk.

Shapes: as it is, UTF-16 (both orders), hex (both cases), base64 in its three shifts (both alphabets), and each of these
inside zlib, gzip and ZIP streams wherever one begins.
"""

import re
import zlib
from base64 import b64encode, urlsafe_b64encode
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

WINDOW, PIECE = 1 << 20, 512
_STREAMS = ((re.compile(rb"\x78[\x01\x5e\x9c\xda]"), 15, 0), (re.compile(rb"\x1f\x8b\x08"), 31, 0))
_ZIP = re.compile(rb"PK\x03\x04")
_ZIP_HEAD = 30


def shapes(mark: bytes) -> dict[str, bytes]:
    """Each shape by its name. Shifted base64 loses its torn first and last characters."""
    text = mark.decode()
    found = {
        "raw": mark, "utf-16le": text.encode("utf-16-le"), "utf-16be": text.encode("utf-16-be"),
        "hex": mark.hex().encode(), "HEX": mark.hex().upper().encode(),
    }  # fmt: skip
    for shift in range(3):
        for name, encode in (("base64", b64encode), ("base64url", urlsafe_b64encode)):
            found[f"{name}+{shift}"] = _inner(encode(b"\0" * shift + mark), shift, len(mark))
    return found


def _inner(encoded: bytes, shift: int, length: int) -> bytes:
    first = -(-shift * 8 // 6)
    last = (shift + length) * 8 // 6
    return encoded[first:last]


class Finder:
    """Looks for any of some marks (bytes) in all their shapes; `found` counts by (place, shape)."""

    def __init__(self, marks: Iterable[bytes], *, is_text: bool = True) -> None:
        self.names: dict[bytes, str] = {}
        for mark in marks:
            told = shapes(mark) if is_text else _shapes_of_key(mark)
            for name, pattern in told.items():
                self.names.setdefault(pattern, f"{name} of {mark[:8].hex()}")
        self.found: Counter[tuple[str, str]] = Counter()
        self.bytes = 0
        self.streams = 0

    def look(self, place: str, content: bytes) -> None:
        self.bytes += len(content)
        self._count(place, content)
        for inflated in _streams(content):
            self.streams += 1
            self._count(f"{place} (inflated)", inflated)

    def look_in(self, folder: Path) -> None:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                try:
                    self.look(str(path.relative_to(folder.parent)), path.read_bytes())
                except FileNotFoundError:
                    continue  # a server at work recycles its files

    def _count(self, place: str, content: bytes) -> None:
        for pattern, name in self.names.items():  # one fast pass each: an alternation of them would be a slow one
            if count := content.count(pattern):
                self.found[place, name] += count


def _shapes_of_key(key: bytes) -> dict[str, bytes]:
    """A key is no text: UTF-16 makes no sense of it."""
    found = {"raw": key, "hex": key.hex().encode(), "HEX": key.hex().upper().encode()}
    for shift in range(3):
        found[f"base64+{shift}"] = _inner(b64encode(b"\0" * shift + key), shift, len(key))
        found[f"base64url+{shift}"] = _inner(urlsafe_b64encode(b"\0" * shift + key), shift, len(key))
    return found


def _streams(content: bytes) -> Iterator[bytes]:
    for pattern, bits, skip in _STREAMS:
        for match in pattern.finditer(content):
            yield from _inflate(content, match.start() + skip, bits)
    for match in _ZIP.finditer(content):
        head = content[match.start() : match.start() + _ZIP_HEAD]
        if len(head) == _ZIP_HEAD:
            names = int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
            yield from _inflate(content, match.start() + _ZIP_HEAD + names, -15)


def _inflate(content: bytes, start: int, bits: int) -> Iterator[bytes]:
    """What a stream gives before it ends, or breaks at a page's edge."""
    stream, opened = zlib.decompressobj(bits), b""
    with suppress(zlib.error):
        for at in range(start, min(start + WINDOW, len(content)), PIECE):
            opened += stream.decompress(content[at : at + PIECE], 4 * WINDOW)
            if stream.eof:
                break
    if opened:
        yield opened
