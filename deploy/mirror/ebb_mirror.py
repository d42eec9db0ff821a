#!/usr/bin/env python3
"""A mirror of an Ebb archive, behind your own firewall. One file; needs Python 3.11 and the package `cryptography` (47 or newer).

    ebb_mirror.py init FOLDER --url https://acme.example --vkey FILE --id MIRROR
    ebb_mirror.py pull FOLDER                    fetch, verify, store, sign a receipt; run it from cron or a timer
    ebb_mirror.py verify FOLDER                  verify everything that is stored, without the portal
    ebb_mirror.py open FOLDER INDEX --key FILE   open one record with the recovery key
    ebb_mirror.py status FOLDER

What it trusts: the log's key that you pinned (--vkey, from somewhere else than the portal) and its own last checkpoint. It
computes every hash itself. A log that was rolled back, forked or signed by another key is refused loudly (exit 2), nothing is
stored of it and no receipt is signed. What it stores, in a plain folder:

    config.json  mirror.key (its own Ed25519 seed, 0600)  state.json (what is verified)
    entries.jsonl ({"index", "leaf"})  hashes.bin (32 bytes a leaf)  checkpoints/<size>
    sealed/<index div 1000>/<index>.json (ebb-sealed-record@v1)  missing.jsonl  receipts/<first>-<last>

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
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PAGE = 1000  # entries a request
IN_RECEIPT = 10_000  # entries a receipt
TIMEOUT = 60
SEALED_FORMAT = "ebb-sealed-record@v1"
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

    def missing(self) -> dict[int, str]:
        file = self.path / "missing.jsonl"
        rows = [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []
        return {row["index"]: row["reason"] for row in rows}


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


# ── pulling ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def pull(folder: Folder) -> None:
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
    """The sealed record of each entry that has one, each checked against its leaf before it is kept."""
    start = int(folder.state["records_to"])
    for index, leaf in folder.leaves(start):
        if "sealed_sha256" in (stated := json.loads(leaf)) and not folder.sealed(index).is_file():
            status, body = portal.get(f"entries/{index}/sealed")
            if status == 200:
                check_sealed(body, index, leaf, stated)
                write(folder.sealed(index), body)
            elif status in {404, 410, 409}:
                note_missing(folder, index, "altered" if status == 409 else "gone")
            else:
                raise Trouble(f"the portal answers {status} for the record of entry {index}: {told(body)}")
        if not (index + 1) % PAGE:
            folder.save(records_to=index + 1)
            say(f"records: {index + 1:,} of {folder.size:,} entries")
    folder.save(records_to=folder.size)


def check_sealed(body: bytes, index: int, leaf: bytes, stated: dict[str, Any]) -> dict[str, Any]:
    """The parts of a sealed record, which must be what the leaf commits to."""
    try:
        value = json.loads(body)
        parts = {name: unbase64(value[name]) for name in ("leaf", "sealed", "wrap")}
        envelope, batch = unbase64(value["batch"]["envelope"]), value["batch"]["id"]
    except (ValueError, KeyError, TypeError):
        raise Trouble(f"the record of entry {index} cannot be read") from None
    if value["format"] != SEALED_FORMAT:
        raise Trouble(f"the record of entry {index} is of a version that this mirror does not know: take a newer one")
    said = (stated["sealed_sha256"], stated["wrap_sha256"], stated["batch_sha256"])
    found = tuple(hashlib.sha256(part).hexdigest() for part in (parts["sealed"], parts["wrap"], envelope))
    same = (value["index"], value["message"], value["entry"]) == (index, stated["message"], stated["id"])
    if parts["leaf"] != leaf or said != found or not same:
        raise Broken(f"the record of entry {index} is not the one that its entry commits to")
    return {**parts, "envelope": envelope, "batch": batch, "business": value["business"], "message": value["message"]}


def note_missing(folder: Folder, index: int, reason: str) -> None:
    if index not in folder.missing():
        with (folder.path / "missing.jsonl").open("a") as file:
            file.write(json.dumps({"index": index, "reason": reason}) + "\n")


def sign_receipts(folder: Folder, portal: Portal) -> None:
    """For what is verified and stored, in ranges that follow one another."""
    while (first := int(folder.state["signed_to"])) < folder.size:
        last = min(first + IN_RECEIPT, folder.size) - 1
        text = receipt_text(folder, first, last)
        note = sign_note(text, folder.config["name"], (folder.path / "mirror.key").read_bytes())
        status, body = portal.post("receipts", {"mirror": folder.config["id"], "receipt": note})
        if (
            status == 409
            and json.loads(body).get("code") == "receipt_not_next"
            and json.loads(body)["next"] == last + 1
        ):
            status = 201  # it was taken before this mirror could note it
        if status != 201:
            raise Trouble(f"the portal did not take the receipt for entries {first} to {last}: {told(body)}")
        write(folder.path / "receipts" / f"{first}-{last}", note.encode())
        folder.save(signed_to=last + 1)
        say(f"signed for entries {first:,} to {last:,}")


def receipt_text(folder: Folder, first: int, last: int) -> str:
    digest, count, gone = hashlib.sha256(), 0, []
    missing = folder.missing()
    for index, leaf in folder.leaves(first, last + 1):
        stated = json.loads(leaf)
        if "sealed_sha256" not in stated:
            continue
        if folder.sealed(index).is_file():
            digest.update(bytes.fromhex(stated["sealed_sha256"]))
            count += 1
        else:
            gone.append(f"missing {index} {missing[index]}")
    origin, root = parse_vkey(folder.config["vkey"])[0], base64.b64encode(bytes.fromhex(folder.state["root"])).decode()
    head = [RECEIPT_FORMAT, origin, str(first), str(last), str(folder.size), root, str(count), digest.hexdigest()]
    return "".join(f"{line}\n" for line in [*head, *gone])


# ── verifying and opening ────────────────────────────────────────────────────────────────────────────────────────────
def verify(folder: Folder) -> None:
    """Everything from the files alone: leaves, tree, every checkpoint ever taken, every record."""
    edge, kept, checkpoints = Edge(), 0, {}
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
                check_sealed(folder.sealed(index).read_bytes(), index, leaf, stated)
                kept += 1
            elif index not in missing:
                raise Trouble(f"the record of entry {index} is not here and nothing says why")
    if edge.root().hex() != folder.state["root"] or edge.size != folder.size:
        raise Trouble("the stored entries are not those that were verified")
    print(
        f"VERIFIED. {edge.size:,} entries, {kept:,} sealed records, {len(checkpoints):,} checkpoints, {len(missing):,} missing."
    )


def open_any(note: str, vkeys: list[str]) -> tuple[int, bytes]:
    """A checkpoint of the log, in this epoch or in an earlier one whose key was pinned."""
    for vkey in vkeys:
        if f"\u2014 {parse_vkey(vkey)[0]} " in note:
            return open_checkpoint(note, vkey)
    return open_checkpoint(note, vkeys[0])


def open_one(folder: Folder, index: int, key_file: Path) -> None:
    leaf = next((leaf for at, leaf in folder.leaves(index, index + 1) if at == index), None)
    if leaf is None or not folder.sealed(index).is_file():
        raise Trouble(f"there is no record of entry {index} here")
    stated = json.loads(leaf)
    parts = check_sealed(folder.sealed(index).read_bytes(), index, leaf, stated)
    nonce, content = open_record(parts, read_recovery_key(key_file.read_text()))
    if hmac.digest(nonce, content, "sha256").hex() != stated["commitment"]:
        raise Broken(f"what the record of entry {index} holds is not what its entry commits to")
    print(json.dumps(json.loads(content), indent=1, ensure_ascii=False))


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
    empty = {"size": 0, "root": Edge().root().hex(), "bytes": 0, "records_to": 0, "signed_to": 0}
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
    for name in ("init", "pull", "verify", "open", "status", "pin"):
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
    made["open"].add_argument("--key", type=Path, required=True, help="the recovery key file")
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
        open_one(folder, given.index, given.key)
    else:
        {"pull": pull, "verify": verify, "status": status}[given.command](folder)


def stop() -> NoReturn:
    sys.exit(main())


if __name__ == "__main__":
    stop()
