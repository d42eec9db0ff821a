"""Static files, before any host or database is asked: compressed once, and kept by browsers for as long as they like.

    /static/<version>/js/inbox/main.js

The version is a hash over all files, so that a page of a new release names new addresses; its modules import each other by
relative paths and stay together. Any version, or none, is answered with today's file: a page of yesterday's release goes on
for the minutes it is still open, and keeps nothing of it.

A phone pays for bytes and for round trips: our own scripts and styles leave without what only people read (`lean`), and
`modules` names all that a script imports, so that a browser fetches them at once instead of finding them out one behind the
other.
"""

import asyncio
import gzip
import hashlib
import mimetypes
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import drf_spectacular_sidecar
from django.contrib.staticfiles.storage import StaticFilesStorage

from portal.web import lean

App = Callable[[dict[str, Any], Any, Any], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

HOUSE = Path(__file__).resolve().parent / "static"
SIDECAR = Path(drf_spectacular_sidecar.__file__).parent / "static"  # of the API's pages
PREFIX = "/static/"
VERSION_LENGTH = 12
TEXTS = {".css", ".js", ".svg", ".map"}
LEAN = {".css", ".js"}
FOR_GOOD = b"public, max-age=31536000, immutable"
FOR_A_MINUTE = b"public, max-age=60"

_VERSIONED = re.compile(rf"[0-9a-f]{{{VERSION_LENGTH}}}/")
_IMPORT = re.compile(r"^\s*(?:import|export)\b[^;\"(]*\"(\.{1,2}/[^\"]+)\"", re.MULTILINE)


class Storage(StaticFilesStorage):
    """What `{% static %}` writes."""

    def url(self, name: str | None) -> str:
        return f"{PREFIX}{version()}/{name}"


@cache
def version() -> str:
    """Of what this process serves."""
    digest = hashlib.sha256()
    for name, path in sorted(_files().items()):
        if path.is_relative_to(HOUSE):
            digest.update(f"{name}\0".encode() + _read(path))
    digest.update(drf_spectacular_sidecar.__version__.encode())
    return digest.hexdigest()[:VERSION_LENGTH]


@cache
def modules(name: str) -> tuple[str, ...]:
    """Every module that this one imports before it runs, itself first; by names such as `js/inbox/main.js`."""
    found = {name: None}  # an ordered set
    for one in _imports(name):
        found |= dict.fromkeys(modules(one))
    return tuple(found)


def _imports(name: str) -> list[str]:
    folder = (HOUSE / name).parent
    paths = _IMPORT.findall((HOUSE / name).read_text(encoding="utf-8"))
    return [(folder / path).resolve().relative_to(HOUSE).as_posix() for path in paths]


@dataclass(frozen=True, slots=True)
class File:
    body: bytes
    squeezed: bytes | None
    kind: bytes
    tag: bytes


class Statics:
    """ASGI: answers what is a file here, hands everything else on."""

    def __init__(self, inner: App) -> None:
        self.inner = inner

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        name, is_lasting = _name(scope["path"])
        if scope["method"] not in {"GET", "HEAD"} or name not in _files():
            await self.inner(scope, receive, send)
            return
        file = await asyncio.get_running_loop().run_in_executor(None, load, name)
        asked = dict(scope["headers"])
        status, headers, body = _answer(file, asked, FOR_GOOD if is_lasting else FOR_A_MINUTE)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _name(path: str) -> tuple[str, bool]:
    """→ the file's name, and whether its address says exactly what it holds."""
    if not path.startswith(PREFIX):
        return "", False
    rest = path.removeprefix(PREFIX)
    return _VERSIONED.sub("", rest, count=1), rest.startswith(f"{version()}/")


def _answer(file: File, asked: dict[bytes, bytes], keep: bytes) -> tuple[int, Headers, bytes]:
    headers = [
        (b"cache-control", keep), (b"etag", file.tag), (b"vary", b"accept-encoding"),
        (b"x-content-type-options", b"nosniff"), (b"cross-origin-resource-policy", b"same-origin"),
    ]  # fmt: skip
    if file.tag in asked.get(b"if-none-match", b""):
        return 304, headers, b""
    body = file.body
    if file.squeezed is not None and b"gzip" in asked.get(b"accept-encoding", b""):
        body = file.squeezed
        headers.append((b"content-encoding", b"gzip"))
    headers += [(b"content-type", file.kind), (b"content-length", str(len(body)).encode())]
    return 200, headers, body


@cache
def _files() -> dict[str, Path]:
    """All there is, by name. Nothing outside this list is ever opened."""
    return dict(_walk(SIDECAR)) | dict(_walk(HOUSE))


def _walk(folder: Path) -> Iterable[tuple[str, Path]]:
    return ((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file())


@cache
def load(name: str) -> File:
    """As it is sent; a name such as `js/inbox/main.js`."""
    path = _files()[name]
    body = _read(path)
    squeezed = gzip.compress(body, 9, mtime=0) if path.suffix in TEXTS else None
    tag = hashlib.sha256(body).hexdigest()[:16]
    return File(body, squeezed, _kind(path), f'"{tag}"'.encode())


def _read(path: Path) -> bytes:
    if path.suffix in LEAN and path.is_relative_to(HOUSE):
        return lean.lean(path.read_text(encoding="utf-8")).encode()
    return path.read_bytes()


def _kind(path: Path) -> bytes:
    kind = {".js": "text/javascript", ".map": "application/json"}.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    kind = kind or "application/octet-stream"
    return (f"{kind}; charset=utf-8" if kind.startswith("text/") else kind).encode()
