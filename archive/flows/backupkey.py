"""The installation's backup key: its public half beside the keyrings, its private half with the operator, offline.

Beside the keyrings and not in the database: whoever can write rows could else name a key of their own and read the next
backup's keys.
"""

import os
from datetime import datetime
from pathlib import Path

from django.conf import settings

from portal.kernel.errors import Kind, Refusal
from portal.sealing import errors, hpke, recovery
from portal.sealing.keyring import disk

FILE = "backup.pub"


def make(*, now: datetime) -> str:
    """A new pair: the public half is kept, the private half is in the returned text and nowhere else. Refuses where there is
    one: older backups open with its private half only, so it is replaced by moving its file away, knowingly."""
    if _path().exists():
        raise Refusal(
            "backup_key_taken", f"This installation has a backup key ({FILE} in its keyring folder). Older backups open with its "
            "private half only. To make another, move that file away first.", Kind.CONFLICT,
        )  # fmt: skip
    pair = hpke.generate()
    keep(pair.public)
    comment = (
        f"Ebb: backup key of this installation, {now:%Y-%m-%d}. It opens every keyring of its backups. Keep it offline."
    )
    return recovery.encode(pair.private, comment)


def keep(public: bytes) -> None:
    """Write the public half, durably; one that is there stays."""
    try:
        disk.place_new(_path(), public, disk.DISK)
    except OSError as error:
        raise Refusal(
            "keyring_unwritable", f"The keyring folder cannot be written: {error.strerror}.", Kind.UNAVAILABLE
        ) from error


def is_made() -> bool:
    return _path().exists()


def public() -> bytes:
    """The public half that backups are sealed to."""
    try:
        found = _path().read_bytes()
    except FileNotFoundError:
        raise Refusal(
            "backup_key_missing", "This installation has no backup key yet. Make one: manage.py backup --init FILE",
            Kind.CONFLICT,
        ) from None  # fmt: skip
    if len(found) != hpke.PUBLIC_BYTES:
        raise Refusal("backup_key_missing", f"{FILE} in the keyring folder is damaged.", Kind.UNAVAILABLE)
    return found


def read(file: Path) -> bytes:
    """The private half (or a business's recovery key) from its file."""
    try:
        return recovery.decode(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise Refusal("backup_wrong_key", f"The key file cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise Refusal("backup_wrong_key", "This is not a key file.") from None
    except errors.SealingError as error:
        raise Refusal("backup_wrong_key", str(error)) from error


def _path() -> Path:
    return Path(os.fspath(settings.EBB_KEYRING)) / FILE
