"""The files of a backup: written whole, hashed while they are written, durable before they get their name.

What is not finished stands in a folder whose name begins with a dot and is removed, whatever stopped it; a full disk leaves
nothing behind but a sentence.
"""

import errno
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import UUID

from archive.rules import manifest as rules
from portal.kernel import pgtools
from portal.kernel.errors import Kind, Refusal
from portal.sealing.keyring import disk

CHUNK = 1 << 20
Progress = Callable[[int], None]


@contextmanager
def making(folder: Path, backup_id: UUID) -> Iterator[Path]:
    """A folder to fill; gone again when the block does not end well. The block moves it to its place (`settle`)."""
    draft = folder / f".making-{backup_id.hex}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for leftover in folder.glob(".making-*"):  # of a run that was killed: the caller holds the folder's lock
            shutil.rmtree(leftover, ignore_errors=True)
        draft.mkdir(mode=0o700)
        (draft / rules.RINGS).mkdir(mode=0o700)
        yield draft
    except OSError as error:
        raise _refused(error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def settle(draft: Path, place: Path) -> None:
    """The folder gets its name, and the name is durable."""
    disk.sync_folder(draft / rules.RINGS, disk.DISK)
    disk.sync_folder(draft, disk.DISK)
    draft.rename(place)
    disk.sync_folder(place.parent, disk.DISK)


def write(root: Path, name: str, content: bytes) -> rules.File:
    with _new(root / name) as file:
        file.write(content)
    return rules.File(name, len(content), hashlib.sha256(content).hexdigest())


def dump(root: Path, *, snapshot: str, server: int, tell: Progress) -> rules.File:
    """pg_dump of that snapshot, streamed. Nothing is dumped that only means something to the processes that ran."""
    skipped = [
        f"--exclude-table-data={table}"
        for table in ("*.django_q_ormq", "*.django_q_task", "*.tenants_cache", "*.accounts_session", "*.archive_unlock")
    ]
    program = pgtools.program("pg_dump", server=server)
    command = [
        program,
        "--format=custom",
        "--compress=gzip:1",
        "--no-owner",
        "--no-privileges",
        f"--snapshot={snapshot}",
        *skipped,
    ]
    with _running(command, stdout=subprocess.PIPE) as process, _new(root / rules.DUMP) as file:
        assert process.stdout is not None
        return _copy(process.stdout, file, tell)


def read_back(root: Path, manifest: rules.Manifest, *, tell: Progress = lambda _: None) -> None:
    """Every file has the bytes that the manifest tells. Raises `backup_altered`."""
    done = 0
    for told in manifest.files:
        digest, size = _digest(root / told.name, lambda count, before=done: tell(before + count))
        if (size, digest) != (told.bytes, told.sha256):
            raise altered(f"{told.name} is not what was written")
        done += size


def read_through(root: Path, *, server: int) -> None:
    """pg_restore reads the dump from its first byte to its last, every block unpacked, into nothing."""
    program = pgtools.program("pg_restore", server=server)
    with _running([program, f"--file={os.devnull}", root / rules.DUMP], stdout=subprocess.DEVNULL):
        pass


def restore(root: Path, *, server: int, tell: Progress, without: Sequence[str] = ()) -> None:
    """The dump into the database of the settings, but for the schemas of `without`. Stops at the first error."""
    program = pgtools.program("pg_restore", server=server)
    command = [
        program,
        "--no-owner",
        "--no-privileges",
        "--exit-on-error",
        *(f"--exclude-schema={schema}" for schema in without),
        f"--dbname={pgtools.environment()['PGDATABASE']}",
    ]
    with _running(command, stdin=subprocess.PIPE) as process, (root / rules.DUMP).open("rb") as file:
        assert process.stdin is not None
        try:
            _copy(file, process.stdin, tell)
            process.stdin.close()
        except BrokenPipeError:
            pass  # it ended before its input did: its own words tell why


def manifest_of(root: Path) -> rules.Manifest:
    try:
        return rules.decode((root / rules.MANIFEST).read_bytes())
    except FileNotFoundError:
        raise altered("it has no manifest") from None
    except rules.ManifestError as error:
        raise altered(str(error)) from None
    except OSError as error:
        raise _refused(error) from error


def decided_beside(folder: Path) -> dict[str, int]:
    """What the folder of backups remembers, and what each backup in it says itself."""
    known: list[dict[str, int]] = []
    try:
        known.append({str(pk): int(at) for pk, at in json.loads((folder / rules.DECIDED).read_bytes()).items()})
    except FileNotFoundError:
        pass
    except (ValueError, AttributeError, TypeError):
        raise altered(f"{rules.DECIDED} beside it is not readable") from None
    known += [manifest_of(place).decided for place in kept_in(folder)]
    return rules.merge_decided(known)


def remember_decided(folder: Path, decided: dict[str, int]) -> None:
    _remember(folder, rules.DECIDED, rules.merge_decided([decided_beside(folder), decided]))


def closed_beside(folder: Path) -> dict[UUID, str]:
    """What the folder of backups remembers of businesses that were closed: their certificates."""
    try:
        return {UUID(pk): str(told) for pk, told in json.loads((folder / rules.CLOSED).read_bytes()).items()}
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError, TypeError):
        raise altered(f"{rules.CLOSED} beside it is not readable") from None


def remember_closed(folder: Path, closed: Mapping[UUID, str]) -> None:
    _remember(folder, rules.CLOSED, {pk.hex: told for pk, told in {**closed, **closed_beside(folder)}.items()})


def _remember(folder: Path, name: str, told: Mapping[str, object]) -> None:
    draft = folder / f".{name}"
    draft.unlink(missing_ok=True)
    write(folder, draft.name, json.dumps(told, sort_keys=True).encode())
    draft.rename(folder / name)
    disk.sync_folder(folder, disk.DISK)


def kept_in(folder: Path) -> list[Path]:
    """The finished backups of a folder, the oldest first."""
    if not folder.is_dir():
        return []
    return sorted(place for place in folder.iterdir() if rules.NAME.fullmatch(place.name) and place.is_dir())


def remove(place: Path) -> None:
    """First the name goes, then the files: what is half removed is no backup any more."""
    gone = place.with_name(f".removed-{place.name}")
    try:
        place.rename(gone)
        shutil.rmtree(gone)
    except OSError as error:
        raise _refused(error) from error


def altered(what: str) -> Refusal:
    return Refusal("backup_altered", f"This is no whole backup: {what}. Take another one.", Kind.CONFLICT)


# ── parts ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
@contextmanager
def _new(path: Path) -> Iterator[IO[bytes]]:
    """A file that was not there, 0600, on the disk when the block ends."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _copy(source: IO[bytes], target: IO[bytes], tell: Progress) -> rules.File:
    digest, size = hashlib.sha256(), 0
    while part := source.read(CHUNK):
        target.write(part)
        digest.update(part)
        size += len(part)
        tell(size)
    return rules.File(rules.DUMP, size, digest.hexdigest())


def _digest(path: Path, tell: Progress) -> tuple[str, int]:
    try:
        with path.open("rb") as file:
            digest, size = hashlib.sha256(), 0
            while part := file.read(CHUNK):
                digest.update(part)
                size += len(part)
                tell(size)
    except FileNotFoundError:
        raise altered(f"{path.name} is missing") from None
    return digest.hexdigest(), size


@contextmanager
def _running(command: list[object], **pipes: int) -> Iterator[subprocess.Popen[bytes]]:
    """A program of PostgreSQL's; killed when the block fails, and believed only if it says that all went well."""
    process = subprocess.Popen(
        [str(part) for part in command],
        env=pgtools.environment(),
        stderr=subprocess.PIPE,
        **pipes,  # type: ignore[call-overload]
    )
    try:
        yield process
    except BaseException:
        process.kill()
        raise
    finally:
        said = process.stderr.read() if process.stderr else b""
        process.wait()
    if process.returncode:
        raise Refusal("backup_failed", _reason(str(command[0]), said), Kind.UNAVAILABLE)


def _reason(program: str, said: bytes) -> str:
    """Its first line only: a later one could quote a row."""
    lines = [line for line in said.decode(errors="replace").splitlines() if "error:" in line or "FATAL" in line]
    told = lines[0].partition("error:")[2].strip()[:200] if lines else "it gave no reason"
    return f"{Path(program).name} stopped: {told}."


def _refused(error: OSError) -> Refusal:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return Refusal(
            "backup_no_space", "The disk of the backup is full. Nothing half-made was left; make room, or name another folder.",
            Kind.UNAVAILABLE,
        )  # fmt: skip
    return Refusal("backup_folder", f"The folder of the backup cannot be used: {error.strerror}.", Kind.UNAVAILABLE)
