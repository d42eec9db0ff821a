#!/usr/bin/env python3
"""A mirror of an Ebb archive, behind your own firewall. One file; needs Python 3.11 and the package `cryptography` (47 or newer).

    ebb_mirror.py init FOLDER --url https://acme.example --vkey FILE --id MIRROR
    ebb_mirror.py pull FOLDER                    fetch, verify, store, sign a receipt; run it from cron or a timer
    ebb_mirror.py verify FOLDER                  verify everything that is stored, without the portal
    ebb_mirror.py open FOLDER INDEX --key FILE [--out NEW]          open one record, and its files, with the recovery key
    ebb_mirror.py export FOLDER FIRST LAST --key FILE --out NEW     open all records of a range into a new folder
    ebb_mirror.py status FOLDER

What it trusts: the log's key that you pinned (--vkey, from somewhere else than the portal) and its own last checkpoint. It
computes every hash itself. A log that was rolled back, forked or signed by another key is refused loudly (exit 2), nothing is
stored of it and no receipt is signed. A record is here with all the files it came with, or it is missing and the receipt says so.

What the portal disposed of goes here, too: each disposal is an entry of the log, and the ids that the portal then names must hash
to what that entry says. Deleted is deleted, not overwritten: put the folder on a disk that is encrypted. A disposal of a large part
of the archive is not followed without being told (`pull --dispose`).

What it stores, in a plain folder:

    config.json  mirror.key (its own Ed25519 seed, 0600)  state.json (what is verified)
    entries.jsonl ({"index", "leaf"})  hashes.bin (32 bytes a leaf)  checkpoints/<size>
    sealed/<index div 1000>/<index>.json (ebb-sealed-record@v1)  blobs/<last two>/<id> (a file, sealed)
    missing.jsonl ({"index", "reason"})  receipts/<first>-<last>

The records are sealed as they were in the portal: the folder alone opens nothing. The API key (scopes archive.list and
archive.mirror) comes from the environment, EBB_MIRROR_KEY, or from the file that EBB_MIRROR_KEY_FILE names.

Exit 0 done, 1 something to repair (said in a sentence), 2 THE LOG BROKE ITS PROMISE: keep the folder and tell your auditor.
"""

import argparse
import base64
import binascii
import hashlib
import hmac
import http.client
import json
import os
import re
import ssl
import struct
import sys
import urllib.parse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PAGE = 1000  # entries a request
IN_RECEIPT = 10_000  # entries a receipt
DISPOSED_UNASKED = 1000  # records in one pull; more of them only if they are no more than a tenth of all
TIMEOUT = 60
SEALED_FORMAT = "ebb-sealed-record@v1"
FILES = "files_sha256"  # the code of an entry whose record came with files
UUID_TEXT = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DIGEST_TEXT = re.compile("[0-9a-f]{64}")
ENDINGS = {"application/pdf": "pdf", "image/gif": "gif", "image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
WHY = {
    "altered": "the portal found it changed",
    "disposed": "it was disposed of under its retention rule",
    "gone": "the portal had it no more",
    "mirrored": "the portal had dropped it for another mirror",
}
RECEIPT_FORMAT = "ebb-mirror-receipt@v1"
ED25519 = b"\x01"


class Trouble(Exception):
    """Something to repair."""


class Broken(Exception):
    """The log broke its promise."""


# ── notes, checkpoints (c2sp.org/signed-note, tlog-checkpoint) ───────────────────────────────────────────────────────
def unbase64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise Trouble("something that should be base64 is not") from None
    if base64.b64encode(data).decode() != text:
        raise Trouble("something that should be base64 is spelled in a second way")
    return data


def key_id(name: str, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + public).digest()[:4]


def format_vkey(name: str, public: bytes) -> str:
    return f"{name}+{key_id(name, public).hex()}+{base64.b64encode(ED25519 + public).decode()}"


def parse_vkey(text: str) -> tuple[str, bytes]:
    name, _, rest = text.strip().partition("+")
    digits, _, data = rest.partition("+")
    public = unbase64(data)
    if public[:1] != ED25519 or len(public) != 33 or key_id(name, public[1:]).hex() != digits:
        raise Trouble("the log's key is not a verifier key: name+id+key, one line")
    return name, public[1:]


def open_checkpoint(note: str, vkey: str) -> tuple[int, bytes]:
    """(size, root), verified under the pinned key."""
    name, public = parse_vkey(vkey)
    text, blank, tail = note.rpartition("\n\n")
    prefix = f"\u2014 {name} "
    if not blank or not tail.startswith(prefix) or tail.count("\n") != 1:
        raise Broken(
            f"the checkpoint is not signed by {name}, the key you pinned. If an officer opened a new epoch after a restore, "
            "have it explained, and pin the new key with `pin`"
        )
    blob = unbase64(tail[len(prefix) : -1])
    try:
        if blob[:4] != key_id(name, public):
            raise InvalidSignature
        Ed25519PublicKey.from_public_bytes(public).verify(blob[4:], (text + "\n").encode())
    except (InvalidSignature, ValueError):
        raise Broken("the signature of the checkpoint is wrong") from None
    lines = text.split("\n")
    if len(lines) != 3 or lines[0] != name or not re.fullmatch("0|[1-9][0-9]{0,17}", lines[1]):
        raise Broken("the log's key signed something that is no checkpoint of this log")
    return int(lines[1]), unbase64(lines[2])


def sign_note(text: str, name: str, seed: bytes) -> str:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    blob = key_id(name, private.public_key().public_bytes_raw()) + private.sign(text.encode())
    return f"{text}\n\u2014 {name} {base64.b64encode(blob).decode()}\n"


# ── the tree (RFC 6962) ──────────────────────────────────────────────────────────────────────────────────────────────
def hash_leaf(leaf: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + leaf).digest()


class Edge:
    """A tree that grows leaf by leaf, in constant memory."""

    def __init__(self) -> None:
        self.size = 0
        self._parts: list[tuple[int, bytes]] = []

    def add(self, leaf_hash: bytes) -> None:
        level = 0
        while self._parts and self._parts[-1][0] == level:
            leaf_hash = hashlib.sha256(b"\x01" + self._parts.pop()[1] + leaf_hash).digest()
            level += 1
        self._parts.append((level, leaf_hash))
        self.size += 1

    def root(self) -> bytes:
        if not self._parts:
            return hashlib.sha256(b"").digest()
        root = self._parts[-1][1]
        for _, left in reversed(self._parts[:-1]):
            root = hashlib.sha256(b"\x01" + left + root).digest()
        return root


# ── the folder ───────────────────────────────────────────────────────────────────────────────────────────────────────
class Folder:
    """What is on disk. `size` is verified; whatever lies beyond it was not, and is cut off."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not (path / "config.json").is_file():
            raise Trouble(f"{path} is no mirror yet: run init first")
        self.config: dict[str, str] = json.loads((path / "config.json").read_text())
        self.state: dict[str, Any] = json.loads((path / "state.json").read_text())
        self._missing: dict[int, str] | None = None
        self._whole: set[tuple[str, str]] = set()

    @property
    def size(self) -> int:
        return int(self.state["size"])

    def save(self, **changes: Any) -> None:
        self.state |= changes
        write(self.path / "state.json", json.dumps(self.state, indent=1).encode())

    def trim(self) -> None:
        """After a crash: back to what was verified."""
        for name, length in (("entries.jsonl", int(self.state["bytes"])), ("hashes.bin", 32 * self.size)):
            with (self.path / name).open("ab") as file:
                if file.tell() < length:
                    raise Trouble(f"{name} is shorter than what was verified: restore the folder from its own backup")
                file.truncate(length)
        if (noted := self.path / "missing.jsonl").is_file():
            with noted.open("r+b") as file:
                file.truncate(file.read().rfind(b"\n") + 1)
        self._missing = None

    def edge(self) -> Edge:
        """The tree over the stored hashes, held against the last checkpoint that was accepted."""
        edge = Edge()
        with (self.path / "hashes.bin").open("rb") as file:
            while len(edge_hash := file.read(32)) == 32 and edge.size < self.size:
                edge.add(edge_hash)
        if edge.size != self.size or edge.root().hex() != self.state["root"]:
            raise Trouble("the stored hashes are not those that were verified: restore the folder from its own backup")
        return edge

    def leaves(self, start: int = 0, end: int | None = None) -> Iterator[tuple[int, bytes]]:
        with (self.path / "entries.jsonl").open("rb") as file:
            for index, line in enumerate(file):
                if index >= (self.size if end is None else end):
                    return
                if index >= start:
                    value = json.loads(line)
                    if value["index"] != index:
                        raise Trouble(f"entries.jsonl does not hold entry {index} in its place")
                    yield index, unbase64(value["leaf"])

    def sealed(self, index: int) -> Path:
        return self.path / "sealed" / str(index // 1000) / f"{index}.json"

    def blob(self, name: str) -> Path:
        return self.path / "blobs" / name[-2:] / name

    def has_blob(self, name: str, digest: str) -> bool:
        """Whether this file is here and is what it should be; each is hashed once."""
        if not self.blob(name).is_file():
            return False
        if (name, digest) not in self._whole:
            with self.blob(name).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                    return False
            self._whole.add((name, digest))
        return True

    def missing(self) -> dict[int, str]:
        if self._missing is None:
            file = self.path / "missing.jsonl"
            rows = [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []
            self._missing = {row["index"]: row["reason"] for row in rows}
        return self._missing

    def miss(self, indexes: Iterable[int], reason: str) -> None:
        """Note why these records are not here; what was noted before stays."""
        known = self.missing()
        new = [index for index in indexes if index not in known]
        if not new:
            return
        with (self.path / "missing.jsonl").open("a") as file:
            file.writelines(json.dumps({"index": index, "reason": reason}) + "\n" for index in new)
            file.flush()
            os.fsync(file.fileno())
        known.update(dict.fromkeys(new, reason))


def write(path: Path, data: bytes) -> None:
    """Whole or not at all, 0600, on the disk when this returns."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


# ── the portal ───────────────────────────────────────────────────────────────────────────────────────────────────────
class Portal:
    """Its API, over one connection."""

    def __init__(self, url: str) -> None:
        self._url = urllib.parse.urlsplit(url)
        self._headers = {"Authorization": f"Bearer {api_key()}", "Host": self._url.netloc}
        self._connection: http.client.HTTPConnection | None = None

    def get(self, path: str) -> tuple[int, bytes]:
        return self._ask("GET", path, None)

    def text(self, path: str) -> str:
        status, body = self.get(path)
        if status != 200:
            raise Trouble(f"the portal answers {status} to GET {path.partition('?')[0]}: {told(body)}")
        return body.decode()

    def post(self, path: str, value: dict[str, Any]) -> tuple[int, bytes]:
        return self._ask("POST", path, json.dumps(value).encode())

    def _ask(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        headers = self._headers | ({"Content-Type": "application/json"} if body else {})
        for attempt in (1, 2):
            try:
                connection = self._connection = self._connection or self._connect()
                connection.request(method, f"{self._url.path.rstrip('/')}/api/v1/archive/{path}", body, headers)
                answer = connection.getresponse()
                return answer.status, answer.read()
            except (http.client.HTTPException, OSError) as error:
                self._connection = None
                if attempt == 2:
                    raise Trouble(f"the portal cannot be reached: {error}") from None
        raise AssertionError

    def _connect(self) -> http.client.HTTPConnection:
        # A demo's business lives on a name below localhost, which not every resolver knows.
        host = str(self._url.hostname)
        host = "127.0.0.1" if host.endswith(".localhost") else host
        if self._url.scheme == "https":
            return http.client.HTTPSConnection(
                host, self._url.port, timeout=TIMEOUT, context=ssl.create_default_context()
            )
        return http.client.HTTPConnection(host, self._url.port, timeout=TIMEOUT)


def api_key() -> str:
    if path := os.environ.get("EBB_MIRROR_KEY_FILE"):
        return Path(path).read_text().strip()
    if key := os.environ.get("EBB_MIRROR_KEY"):
        return key
    raise Trouble("no API key: set EBB_MIRROR_KEY, or EBB_MIRROR_KEY_FILE to a file that holds it")


def told(body: bytes) -> str:
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode(errors="replace")


def code_of(body: bytes) -> str:
    try:
        return str(json.loads(body)["code"])
    except (ValueError, KeyError, TypeError):
        return ""


# ── pulling ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def pull(folder: Folder, *, may_dispose: bool = False) -> None:
    portal = Portal(folder.config["url"])
    folder.trim()
    note = portal.text("checkpoint")
    size, root = open_checkpoint(note, folder.config["vkey"])
    edge = folder.edge()
    if size < folder.size:
        raise Broken(f"ROLLED BACK: the log stated {folder.size:,} entries before and states {size:,} now")
    if size == folder.size and root != edge.root():
        raise Broken(f"FORKED: the log states another root for the same {size:,} entries")
    if size > folder.size:
        fetch_entries(folder, portal, edge, size, root)
        write(folder.path / "checkpoints" / str(size), note.encode())
        end = (folder.path / "entries.jsonl").stat().st_size
        folder.save(size=size, root=root.hex(), bytes=end)
    follow_disposals(folder, portal, may_dispose)
    fetch_records(folder, portal)
    if folder.config["id"]:
        sign_receipts(folder, portal)
    else:
        print(
            "No receipt was signed: name this mirror in the console (Archive, Mirror), then `pin --id` what it gives.",
            file=sys.stderr,
        )


def fetch_entries(folder: Folder, portal: Portal, edge: Edge, size: int, root: bytes) -> None:
    """Every leaf from the last one on; accepted only if all of them together lead to the root."""
    with (folder.path / "entries.jsonl").open("ab") as lines, (folder.path / "hashes.bin").open("ab") as hashes:
        while edge.size < size:
            first, last = edge.size, min(edge.size + PAGE, size) - 1
            page = json.loads(portal.text(f"entries?from={first}&to={last}&limit={PAGE}"))["results"]
            if [one["index"] for one in page] != list(range(first, last + 1)):
                raise Broken(f"the log does not give all entries from {first} to {last}")
            for one in page:
                leaf = unbase64(one["leaf"])
                edge.add(hash_leaf(leaf))
                hashes.write(hash_leaf(leaf))
                lines.write(json.dumps({"index": one["index"], "leaf": one["leaf"]}).encode() + b"\n")
            say(f"entries: {edge.size:,} of {size:,}")
        for file in (lines, hashes):
            file.flush()
            os.fsync(file.fileno())
    if edge.root() != root:
        folder.trim()
        raise Broken(
            f"FORKED: the entries do not lead to the root that the log signed for {size:,} entries, though they follow on the "
            f"{folder.size:,} that were verified before. One was changed, lost, added or reordered"
        )


def fetch_records(folder: Folder, portal: Portal) -> None:
    """The sealed record of each entry that has one, each checked against its leaf before it is kept; its files first."""
    start = int(folder.state["records_to"])
    for index, leaf in folder.leaves(start):
        if "sealed_sha256" in (stated := json.loads(leaf)) and not folder.sealed(index).is_file():
            fetch_record(folder, portal, index, leaf, stated)
        if not (index + 1) % PAGE:
            folder.save(records_to=index + 1)
            say(f"records: {index + 1:,} of {folder.size:,} entries")
    folder.save(records_to=folder.size)


def fetch_record(folder: Folder, portal: Portal, index: int, leaf: bytes, stated: dict[str, Any]) -> None:
    if (body := fetched(folder, portal, index, f"entries/{index}/sealed")) is None:
        return
    for file in check_sealed(body, index, leaf, stated)["blobs"]:
        if folder.has_blob(file["id"], file["sha256"]):
            continue
        if (data := fetched(folder, portal, index, f"blobs/{file['id']}")) is None:
            return
        if hashlib.sha256(data).hexdigest() != file["sha256"]:
            raise Broken(f"file {file['id']} of entry {index} is not the one that its entry commits to")
        write(folder.blob(file["id"]), data)
    write(folder.sealed(index), body)


def fetched(folder: Folder, portal: Portal, index: int, path: str) -> bytes | None:
    """What the portal has of a record; nothing where it says that it has it no more, which is noted."""
    status, body = portal.get(path)
    if status in {404, 410, 409}:
        gone = {"record_disposed": "disposed", "record_mirrored": "mirrored"}.get(code_of(body), "gone")
        folder.miss([index], "altered" if status == 409 else gone)
        return None
    if status != 200:
        raise Trouble(f"the portal answers {status} for the record of entry {index}: {told(body)}")
    return body


def check_sealed(body: bytes, index: int, leaf: bytes, stated: dict[str, Any]) -> dict[str, Any]:
    """The parts of a sealed record, which must be what the leaf commits to."""
    try:
        value = json.loads(body)
        parts = {name: unbase64(value[name]) for name in ("leaf", "sealed", "wrap")}
        envelope, batch = unbase64(value["batch"]["envelope"]), value["batch"]["id"]
        files = [{name: str(one[name]) for name in ("id", "sha256")} for one in value.get("blobs", ())]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Trouble(f"the record of entry {index} cannot be read") from None
    if value["format"] != SEALED_FORMAT:
        raise Trouble(f"the record of entry {index} is of a version that this mirror does not know: take a newer one")
    said = (stated["sealed_sha256"], stated["wrap_sha256"], stated["batch_sha256"])
    found = tuple(hashlib.sha256(part).hexdigest() for part in (parts["sealed"], parts["wrap"], envelope))
    same = (value["index"], value["message"], value["entry"]) == (index, stated["message"], stated["id"])
    if parts["leaf"] != leaf or said != found or not same:
        raise Broken(f"the record of entry {index} is not the one that its entry commits to")
    if digest_files(files) != stated.get("codes", {}).get(FILES):
        raise Broken(f"the files of entry {index} are not those that its entry commits to")
    more = {"envelope": envelope, "batch": batch, "business": value["business"], "message": value["message"]}
    return {**parts, **more, "blobs": files}


def digest_files(files: list[dict[str, str]]) -> str | None:
    """SHA-256 over the id (16 bytes) and the digest of each file, sorted, joined. A name here is a name on disk."""
    if not all(UUID_TEXT.fullmatch(one["id"]) and DIGEST_TEXT.fullmatch(one["sha256"]) for one in files):
        return ""
    listed = sorted({bytes.fromhex(one["id"].replace("-", "") + one["sha256"]) for one in files})
    return hashlib.sha256(b"".join(listed)).hexdigest() if listed else None


# ── disposal: what the log says is gone goes here, too ───────────────────────────────────────────────────────────────
def follow_disposals(folder: Folder, portal: Portal, may_dispose: bool) -> None:
    """Destroy what new entries `archive.disposed` name. What was destroyed is noted first: killed half way it goes on."""
    gone: set[str] = set()
    for index, leaf in folder.leaves(int(folder.state.get("disposed_to", 0))):
        if (stated := json.loads(leaf))["kind"] == "archive.disposed":
            gone |= disposed_by(portal, index, stated)
    if gone:
        destroy(folder, gone, may_dispose)
    folder.save(disposed_to=folder.size)


def disposed_by(portal: Portal, index: int, stated: dict[str, Any]) -> set[str]:
    """The messages of a disposal, which must be those that its entry commits to."""
    named = json.loads(portal.text(f"entries/{index}/disposed"))["messages"]
    if not all(UUID_TEXT.fullmatch(one) for one in named):
        raise Broken(f"what was disposed of by entry {index} is no list of ids")
    distinct = sorted({bytes.fromhex(one.replace("-", "")) for one in named})
    if (len(distinct), hashlib.sha256(b"".join(distinct)).hexdigest()) != (stated["count"], stated["ids_sha256"]):
        raise Broken(f"what was disposed of by entry {index} is not what that entry commits to")
    return set(named)


def destroy(folder: Folder, gone: set[str], may_dispose: bool) -> None:
    """Delete these messages' records, and every file that no record names which is left."""
    doomed, kept, named = [], 0, set[str]()
    for index, leaf in folder.leaves():
        if "sealed_sha256" not in (stated := json.loads(leaf)):
            continue
        if stated["message"] in gone:
            doomed.append(index)
        elif folder.sealed(index).is_file():
            kept += 1
            named |= files_named(folder, index, stated)
    here = sum(folder.sealed(index).is_file() for index in doomed)
    if here > max(DISPOSED_UNASKED, (here + kept) // 10) and not may_dispose:
        raise Trouble(
            f"the log disposes of {here:,} of the {here + kept:,} records here. Nothing was deleted. If that is meant (Archive, "
            "Disposal says why), run `pull --dispose` once"
        )
    folder.miss(doomed, "disposed")
    for index in doomed:
        folder.sealed(index).unlink(missing_ok=True)
    for path in (folder.path / "blobs").glob("*/*"):
        if path.name not in named:
            path.unlink()


def files_named(folder: Folder, index: int, stated: dict[str, Any]) -> set[str]:
    if FILES not in stated.get("codes", {}):
        return set()
    return {one["id"] for one in json.loads(folder.sealed(index).read_bytes())["blobs"]}


def sign_receipts(folder: Folder, portal: Portal) -> None:
    """For what is verified and stored, in ranges that follow one another. Each is on the disk before the portal gets it: killed
    in between, the same one is given again, which the portal takes as the one it has."""
    while (first := int(folder.state["signed_to"])) < folder.size:
        path = written_receipt(folder, first) or write_receipt(folder, first)
        last = int(path.name.partition("-")[2])
        status, body = portal.post("receipts", {"mirror": folder.config["id"], "receipt": path.read_text()})
        if status == 409 and first < next_asked(body) <= folder.size:
            last = next_asked(body) - 1  # this folder is younger than its receipts: it came from a backup
        elif status != 201:
            if status == 422:
                path.unlink()  # another may be taken
            raise Trouble(f"the portal did not take the receipt for entries {first} to {last}: {told(body)}")
        folder.save(signed_to=last + 1)
        say(f"signed for entries {first:,} to {last:,}")


def next_asked(body: bytes) -> int:
    return int(json.loads(body).get("next", -1)) if code_of(body) == "receipt_not_next" else -1


def written_receipt(folder: Folder, first: int) -> Path | None:
    found = [path for path in (folder.path / "receipts").glob(f"{first}-*") if path.suffix != ".part"]
    return found[0] if found else None


def write_receipt(folder: Folder, first: int) -> Path:
    last = min(first + IN_RECEIPT, folder.size) - 1
    text = receipt_text(folder, first, last)
    path = folder.path / "receipts" / f"{first}-{last}"
    write(path, sign_note(text, folder.config["name"], (folder.path / "mirror.key").read_bytes()).encode())
    return path


def receipt_text(folder: Folder, first: int, last: int) -> str:
    digest, count, gone = hashlib.sha256(), 0, []
    missing = folder.missing()
    for index, leaf in folder.leaves(first, last + 1):
        stated = json.loads(leaf)
        if "sealed_sha256" not in stated:
            continue
        if folder.sealed(index).is_file():
            digest.update(bytes.fromhex(stated["sealed_sha256"] + stated.get("codes", {}).get(FILES, "")))
            count += 1
        else:
            gone.append(f"missing {index} {missing[index]}")
    origin, root = parse_vkey(folder.config["vkey"])[0], base64.b64encode(bytes.fromhex(folder.state["root"])).decode()
    head = [RECEIPT_FORMAT, origin, str(first), str(last), str(folder.size), root, str(count), digest.hexdigest()]
    return "".join(f"{line}\n" for line in [*head, *gone])


# ── verifying and opening ────────────────────────────────────────────────────────────────────────────────────────────
def verify(folder: Folder) -> None:
    """Everything from the files alone: leaves, tree, every checkpoint ever taken, every record, every file."""
    edge, kept, checkpoints, files = Edge(), 0, {}, set[str]()
    for path in sorted((folder.path / "checkpoints").glob("*"), key=lambda one: int(one.name)):
        size, root = open_any(path.read_text(), [folder.config["vkey"], *folder.config.get("earlier", "").split()])
        checkpoints[size] = root
    missing = folder.missing()
    for index, leaf in folder.leaves():
        edge.add(hash_leaf(leaf))
        if edge.size in checkpoints and checkpoints[edge.size] != edge.root():
            raise Broken(f"the entries do not lead to the checkpoint of {edge.size:,} entries")
        stated = json.loads(leaf)
        if "sealed_sha256" in stated and index < int(folder.state["records_to"]):
            if folder.sealed(index).is_file():
                if missing.get(index) == "disposed":
                    raise Trouble(
                        f"the record of entry {index} was disposed of and is still here: run pull, which goes on with it"
                    )
                parts = check_sealed(folder.sealed(index).read_bytes(), index, leaf, stated)
                check_files(folder, index, parts["blobs"])
                files |= {one["id"] for one in parts["blobs"]}
                kept += 1
            elif index not in missing:
                raise Trouble(f"the record of entry {index} is not here and nothing says why")
    if edge.root().hex() != folder.state["root"] or edge.size != folder.size:
        raise Trouble("the stored entries are not those that were verified")
    print(
        f"VERIFIED. {edge.size:,} entries, {kept:,} sealed records, {len(files):,} files, {len(checkpoints):,} checkpoints, "
        f"{len(missing):,} missing."
    )


def check_files(folder: Folder, index: int, files: list[dict[str, str]]) -> None:
    for one in files:
        if folder.has_blob(one["id"], one["sha256"]):
            continue
        what = "was changed here" if folder.blob(one["id"]).is_file() else "is not here"
        raise Trouble(f"file {one['id']} of entry {index} {what}: restore the folder from its own backup")


def open_any(note: str, vkeys: list[str]) -> tuple[int, bytes]:
    """A checkpoint of the log, in this epoch or in an earlier one whose key was pinned."""
    for vkey in vkeys:
        if f"\u2014 {parse_vkey(vkey)[0]} " in note:
            return open_checkpoint(note, vkey)
    return open_checkpoint(note, vkeys[0])


def open_one(folder: Folder, index: int, key_file: Path, out: Path | None) -> None:
    """Print a record. Its files are opened, too, and held against what the record says of them; into `out` if it is given."""
    leaf = next((leaf for at, leaf in folder.leaves(index, index + 1) if at == index), None)
    if leaf is None or not folder.sealed(index).is_file():
        raise Trouble(f"there is no record of entry {index} here{why_missing(folder, index)}")
    record = opened(folder, index, leaf, read_recovery_key(key_file.read_text()))
    if out is not None:
        out.mkdir(mode=0o700, parents=True)
    for name, data in record.files:
        if out is not None:
            write(out / name, data)
    print(json.dumps(json.loads(record.content), indent=1, ensure_ascii=False))


def export(folder: Folder, first: int, last: int, key_file: Path, out: Path) -> None:
    """Open every record of a range into a folder that is not there yet: `records/<index>.json` as it was sealed, its files by
    their digest, and in missing.jsonl what is not here and why."""
    seed, count, absent = read_recovery_key(key_file.read_text()), 0, []
    out.mkdir(mode=0o700, parents=True)
    for index, leaf in folder.leaves(first, min(last + 1, folder.size)):
        if "sealed_sha256" not in json.loads(leaf):
            continue
        if not folder.sealed(index).is_file():
            absent.append(json.dumps({"index": index, "reason": folder.missing().get(index, "not fetched yet")}) + "\n")
            continue
        record = opened(folder, index, leaf, seed)
        for name, data in record.files:
            write(out / "attachments" / name, data)
        write(out / "records" / f"{index}.json", record.content)
        count += 1
        say(f"opened {count:,} records")
    write(out / "missing.jsonl", "".join(absent).encode())
    print(f"{count:,} records opened, each as its entry commits to it; {len(absent):,} are not here (missing.jsonl).")


class Opened(NamedTuple):
    """A record's content, byte for byte, and its files: name of digest and ending, data."""

    content: bytes
    files: list[tuple[str, bytes]]


def opened(folder: Folder, index: int, leaf: bytes, seed: bytes) -> Opened:
    stated = json.loads(leaf)
    parts = check_sealed(folder.sealed(index).read_bytes(), index, leaf, stated)
    check_files(folder, index, parts["blobs"])
    nonce, content = open_record(parts, seed)
    if hmac.digest(nonce, content, "sha256").hex() != stated["commitment"]:
        raise Broken(f"what the record of entry {index} holds is not what its entry commits to")
    listed = json.loads(content).get("attachments") or []
    return Opened(content, [open_file(folder, index, parts["business"], one) for one in listed])


def open_file(folder: Folder, index: int, business: str, entry: dict[str, Any]) -> tuple[str, bytes]:
    """A file as its record names it: opened with the key in there, and held against the digest in there."""
    name = str(entry["id"])
    if not (UUID_TEXT.fullmatch(name) and folder.blob(name).is_file()):
        raise Trouble(f"file {name} of entry {index} is not here")
    key, place = base64.urlsafe_b64decode(entry["key"]), bytes.fromhex((business + name).replace("-", ""))
    data = open_blob(key, folder.blob(name).read_bytes(), b"ebb/v1/blob\x01" + place)
    if hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise Broken(f"file {name} of entry {index} is not what its record says")
    return f"{entry['sha256']}.{ENDINGS.get(entry['type'], 'bin')}", data


def open_blob(key: bytes, sealed: bytes, aad: bytes) -> bytes:
    """version (1) | chunks of 65,536 bytes and a tag (16); the nonce counts them and marks the last (portal/sealing/blob.py)."""
    chunk, cipher, plain = 65_536 + 16, AESGCM(key), []
    last = (len(sealed) - 2) // chunk
    try:
        if sealed[:1] != b"\x01":
            raise InvalidTag
        for number in range(last + 1):
            start, nonce = 1 + number * chunk, struct.pack(">7xIB", number, number == last)
            plain.append(cipher.decrypt(nonce, sealed[start : start + chunk], aad))
    except (InvalidTag, ValueError):
        raise Broken("a file does not open with the key that its record holds") from None
    return b"".join(plain)


def why_missing(folder: Folder, index: int) -> str:
    reason = folder.missing().get(index)
    return f": {WHY[reason]}" if reason in WHY else ""


def read_recovery_key(text: str) -> bytes:
    lines = [line.strip() for line in text.lstrip("\ufeff").splitlines()]
    keys = [line for line in lines if line and not line.startswith("#")]
    fields = keys[0].split(":") if len(keys) == 1 else []
    if len(fields) != 4 or fields[:2] != ["EBB-RECOVERY-1", "xwing-hkdf-sha256-aes256gcm"]:
        raise Trouble("this is no recovery key file that this mirror knows")
    if hashlib.sha256(":".join(fields[:3]).encode()).hexdigest()[:8] != fields[3].lower():
        raise Trouble("a character of the recovery key is wrong: its check digits differ")
    return base64.urlsafe_b64decode(fields[2] + "=" * (-len(fields[2]) % 4))


def open_record(parts: dict[str, Any], seed: bytes) -> tuple[bytes, bytes]:
    """envelope → batch key → wrap → record key → sealed = nonce (32) || content. Formats: portal/sealing/README.md."""
    business, message, batch = (
        bytes.fromhex(parts[name].replace("-", "")) for name in ("business", "message", "batch")
    )
    place = business + message + batch
    batch_key = open_envelope(parts["envelope"], seed, business, batch)
    record_key = unbox(batch_key, parts["wrap"], b"ebb/v1/record-inner" + place)
    opened = unbox(record_key, parts["sealed"], b"ebb/v1/record" + place)
    return opened[:32], opened[32:]


def open_envelope(envelope: bytes, seed: bytes, business: bytes, batch: bytes) -> bytes:
    expanded = hashlib.shake_256(seed).digest(96)
    private = hpke.MLKEM768X25519PrivateKey(
        mlkem.MLKEM768PrivateKey.from_seed_bytes(expanded[:64]),
        x25519.X25519PrivateKey.from_private_bytes(expanded[64:]),
    )
    suite = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
    for name, box in boxes(envelope):
        info = b"ebb/v1/envelope/batch\x00" + business + batch + name
        try:
            return suite.decrypt(box[1:], private, info) if box[:1] == b"\x01" else b""
        except (InvalidTag, ValueError):
            continue  # another recipient's
    raise Trouble("this key does not open the record: it is sealed to other keys")


def boxes(envelope: bytes) -> Iterator[tuple[bytes, bytes]]:
    if envelope[:5] != b"EBBE\x01":
        raise Trouble("the record's envelope is of a version that this mirror does not know")
    at = 6
    for _ in range(envelope[5]):
        name = envelope[at + 1 : at + 1 + envelope[at]]
        at += 1 + envelope[at]
        (length,) = struct.unpack_from(">H", envelope, at)
        yield name, envelope[at + 2 : at + 2 + length]
        at += 2 + length


def unbox(key: bytes, box: bytes, aad: bytes) -> bytes:
    try:
        if box[:1] != b"\x01":
            raise InvalidTag
        return AESGCM(key).decrypt(box[1:13], box[13:], b"\x01" + aad)
    except InvalidTag:
        raise Trouble("the record does not open with this key") from None


# ── the program ──────────────────────────────────────────────────────────────────────────────────────────────────────
def init(path: Path, url: str, vkey: str, mirror: str) -> None:
    if (path / "config.json").exists():
        raise Trouble(f"{path} is a mirror already")
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    parse_vkey(vkey)
    seed = os.urandom(32)
    name = f"ebb.mirror/{os.urandom(8).hex()}"
    write(path / "mirror.key", seed)
    for file in ("entries.jsonl", "hashes.bin"):
        write(path / file, b"")
    empty = {"size": 0, "root": Edge().root().hex(), "bytes": 0, "records_to": 0, "disposed_to": 0, "signed_to": 0}
    write(path / "state.json", json.dumps(empty, indent=1).encode())
    config = {"url": url, "vkey": vkey.strip(), "name": name, "id": mirror}
    write(path / "config.json", json.dumps(config, indent=1).encode())
    print_key(Folder(path))


def print_key(folder: Folder) -> None:
    private = Ed25519PrivateKey.from_private_bytes((folder.path / "mirror.key").read_bytes())
    print("The mirror's key, for the page Archive, Mirror:")
    print(format_vkey(folder.config["name"], private.public_key().public_bytes_raw()))


def configure(folder: Folder, **changes: str) -> None:
    write(folder.path / "config.json", json.dumps(folder.config | changes, indent=1).encode())


def repin(folder: Folder, vkey: str) -> dict[str, str]:
    """A new epoch's key; the one before still verifies the checkpoints that it signed."""
    parse_vkey(vkey)
    return {"vkey": vkey, "earlier": f"{folder.config.get('earlier', '')} {folder.config['vkey']}".strip()}


def status(folder: Folder) -> None:
    state = folder.state
    print(f"{folder.size:,} entries verified, records of {state['records_to']:,}, signed for {state['signed_to']:,}.")
    print_key(folder)


def say(sentence: str) -> None:
    if sys.stderr.isatty():
        print(f"  {sentence}", file=sys.stderr)


def main(arguments: list[str] | None = None) -> int:
    given = parse(arguments)
    try:
        act(given)
    except Trouble as trouble:
        print(f"ebb_mirror: {trouble}.", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"ebb_mirror: {error}.", file=sys.stderr)
        return 1
    except Broken as broken:
        print(f"ebb_mirror: THE LOG BROKE ITS PROMISE: {broken}. Nothing of it was stored.", file=sys.stderr)
        return 2
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("init", "pull", "verify", "open", "export", "status", "pin"):
        commands.add_parser(name).add_argument("folder", type=Path)
    made = commands.choices
    made["init"].add_argument("--url", required=True)
    made["init"].add_argument(
        "--id", default="", help="the mirror's id, once the page has given it; `pin --id` sets it later"
    )
    for name in ("init", "pin"):
        made[name].add_argument("--vkey", type=Path, required=name == "init", help="a file with the log's key")
    made["pin"].add_argument("--id", default="")
    made["open"].add_argument("index", type=int)
    for name in ("first", "last"):
        made["export"].add_argument(name, type=int, help=f"index of the {name} entry")
    for name in ("open", "export"):
        made[name].add_argument("--key", type=Path, required=True, help="the recovery key file")
        made[name].add_argument("--out", type=Path, required=name == "export", help="a folder that is not there yet")
    made["pull"].add_argument("--dispose", action="store_true", help="follow a disposal of a large part of the archive")
    return parser.parse_args(arguments)


def act(given: argparse.Namespace) -> None:
    if given.command == "init":
        init(given.folder, given.url, given.vkey.read_text(), given.id)
        return
    folder = Folder(given.folder)
    if given.command == "pin":
        changes = repin(folder, given.vkey.read_text().strip()) if given.vkey else {}
        configure(folder, **changes, **({"id": given.id} if given.id else {}))
    elif given.command == "open":
        open_one(folder, given.index, given.key, given.out)
    elif given.command == "export":
        export(folder, given.first, given.last, given.key, given.out)
    elif given.command == "pull":
        pull(folder, may_dispose=given.dispose)
    else:
        {"verify": verify, "status": status}[given.command](folder)


def stop() -> NoReturn:
    sys.exit(main())


if __name__ == "__main__":
    stop()
