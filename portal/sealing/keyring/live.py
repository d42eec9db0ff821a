"""The live buckets of the whole installation: bucket end (Unix seconds) → random 32-byte key.

    payload = n x ( bucket u64 BE | key (32) ), ascending by bucket

The end of a bucket is the only thing that makes its messages unreadable at once; there is no undo and no backup.

L1  A key is durable before anyone may seal under it (`create`).
L2  A key is gone once `destroy` or `destroy_past` returned: from the map, from the slot that held it, from every
    process's cache at its next look.
L3  A bucket at or below the mark is over: `get` and `create` refuse it even while its key still lies there, so a clock
    that steps back revives nothing. The mark only rises; a clock set wrongly into the future ends what it passes.
"""

import os
import struct
from collections.abc import Callable
from typing import NamedTuple

from portal.sealing import aead, errors, wheel
from portal.sealing.keyring import slots

FILE_ID = b"live"
# Room for 6,500 buckets. Every minute of a day, quarter of a week, hour of a month and day of three years: 3,500.
CAPACITY = 64 * 4096

_ENTRY = struct.Struct(f">Q{aead.KEY_BYTES}s")

Keys = dict[int, bytes]


class _Decoded(NamedTuple):
    payload: bytes
    keys: Keys


def encode(keys: Keys) -> bytes:
    return b"".join(_ENTRY.pack(bucket, key) for bucket, key in sorted(keys.items()))


def decode(payload: bytes) -> Keys:
    return dict(_ENTRY.iter_unpack(payload))


class LiveKeyring:
    """Get-or-create and destroy the keys of buckets. Opening it drops past buckets and scrubs the idle slot."""

    def __init__(self, file: slots.SlotFile) -> None:
        self._file = file
        self._decoded = _Decoded(b"", {})
        file.birth(encode({}))
        file.settle()
        self._drop_past()

    def create(self, bucket: int) -> bytes:
        """The bucket's key, made if there is none, durable before this returns. Raises `KeyGone` for a bucket that is
        over, `KeyringUnwritable`, `KeyringFull`."""
        mark, keys = self._state()
        if bucket not in keys and not wheel.is_over(bucket, mark):
            self._file.update(lambda state: _with_new(state, bucket))
        return self.get(bucket)

    def get(self, bucket: int) -> bytes:
        """The bucket's key, 32 bytes. Raises `KeyGone` when it is over, destroyed, or was never made."""
        mark, keys = self._state()
        key = keys.get(bucket)
        if key is None or wheel.is_over(bucket, mark):
            raise errors.KeyGone(f"There is no key for the bucket {bucket}.")
        return key

    def destroy(self, bucket: int) -> bool:
        """True once the key is gone and the slot that held it is zeroed, by this call or an earlier one; else it
        raises `KeyringUnwritable` and the caller asks again."""
        self._destroy(lambda found: found == bucket)
        return True

    def destroy_past(self, now: float) -> list[int]:
        """Destroy every bucket that is over at `now`, in one write, and raise the mark to it. The buckets that this
        call removed, ascending: of several clocks each bucket is told to one."""
        return self._destroy(lambda bucket: wheel.is_over(bucket, now), mark=now)

    def mark(self, t: float, *, durable: bool = True) -> None:
        """Raise the high-water time to `t`; a smaller one changes nothing. Not waiting for the disk risks only that a
        power failure forgets the last raise."""
        if t > self.high_water():
            self._file.update(lambda _: None, mark=t, durable=durable)

    def high_water(self) -> float:
        """Unix seconds; a pread of one sector (some µs)."""
        return self._file.read().mark

    def buckets(self) -> list[int]:
        """Every bucket that still has a key, ascending; those that are over but not yet destroyed included."""
        return sorted(self._state()[1])

    def _drop_past(self) -> None:
        """Writes only if there is something to drop: a process must be able to start, and read, on a read-only disk."""
        mark, keys = self._state()
        if any(wheel.is_over(bucket, mark) for bucket in keys):
            self.destroy_past(mark)

    def _destroy(self, is_doomed: Callable[[int], bool], *, mark: float = 0.0) -> list[int]:
        removed: list[int] = []

        def without(state: slots.Snapshot) -> bytes | None:
            keys = decode(state.payload)
            removed.extend(filter(is_doomed, sorted(keys)))
            return encode({bucket: key for bucket, key in keys.items() if not is_doomed(bucket)})

        self._file.update(without, mark=mark)
        return removed

    def _state(self) -> tuple[float, Keys]:
        """Mark and keys. Replaced as one tuple, so that threads see a payload with its own keys."""
        state = self._file.read()
        decoded = self._decoded
        if decoded.payload is not state.payload:
            decoded = self._decoded = _Decoded(state.payload, decode(state.payload))
        return state.mark, decoded.keys


def _with_new(state: slots.Snapshot, bucket: int) -> bytes | None:
    """Under the lock: another process may have made the key, or time may have passed the bucket."""
    keys = decode(state.payload)
    if bucket in keys or wheel.is_over(bucket, state.mark):
        return None
    return encode(keys | {bucket: os.urandom(aead.KEY_BYTES)})
