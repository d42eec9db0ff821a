"""The keys of one business, a named map of bytes: business key, disposal buckets, log key, last checkpoint, index keys.

    payload = n x ( name length u16 | name (UTF-8) | value length u32 | value ), ascending by name; integers big endian

Unlike the live file it MUST be backed up, sealed to the recovery recipient: losing it loses that archive.

B1  A value is durable before `create`, `put_new` or `compare_and_swap` returns.
B2  Nothing is overwritten but by `compare_and_swap` with the value that is being replaced.
B3  A value is gone, and the slot that held it zeroed, once `destroy` returned.
"""

import os
import struct
from collections.abc import Callable
from typing import NamedTuple

from portal.sealing import aead, errors
from portal.sealing.keyring import slots

# Per slot: room for some 1,000 keys. Both slots are allocated at birth (132 KiB a business).
CAPACITY = 16 * 4096

_NAME_LENGTH = struct.Struct(">H")
_VALUE_LENGTH = struct.Struct(">I")

Values = dict[str, bytes]


class _Decoded(NamedTuple):
    payload: bytes
    values: Values


def encode(values: Values) -> bytes:
    return b"".join(_entry(name.encode(), value) for name, value in sorted(values.items()))


def decode(payload: bytes) -> Values:
    values, at = {}, 0
    while at < len(payload):
        name, at = _take(payload, at, _NAME_LENGTH)
        value, at = _take(payload, at, _VALUE_LENGTH)
        values[name.decode()] = value
    return values


class BusinessKeyring:
    """Every method raises `KeyGone` when the business was never born or is removed, and `KeyringUnwritable`,
    `KeyringFull` or `KeyringCorrupt` as they say."""

    def __init__(self, file: slots.SlotFile) -> None:
        self._file = file
        self._decoded = _Decoded(b"", {})

    def create(self, name: str, length: int = aead.KEY_BYTES) -> bytes:
        """The value, random if there was none yet; of several callers at once all get the same."""
        found = self._values().get(name)
        if found is not None:
            return found
        fresh = os.urandom(length)
        return self._change(lambda values: {name: fresh} | values)[name]

    def put_new(self, name: str, value: bytes) -> None:
        """Keep a value that was made elsewhere. The same again is fine; raises `KeyTaken` for another one."""
        if self._change(lambda values: {name: value} | values)[name] != value:
            raise errors.KeyTaken(f"The keyring already holds another {name}.")

    def get(self, name: str) -> bytes:
        """Raises `KeyGone` when there is no such name."""
        value = self._values().get(name)
        if value is None:
            raise errors.KeyGone(f"The keyring holds no {name}.")
        return value

    def destroy(self, name: str) -> bool:
        """True once the value is gone and the slot that held it is zeroed, by this call or an earlier one; else it
        raises and the caller asks again. There is no way back but a backup of this file."""
        return name not in self._change(lambda values: {key: values[key] for key in values if key != name})

    def names(self, prefix: str = "") -> list[str]:
        return sorted(name for name in self._values() if name.startswith(prefix))

    def copy(self) -> bytes:
        """Everything it holds at one moment, as `decode` reads it: for a backup, which seals it at once."""
        return encode(self._values())

    def compare_and_swap(self, name: str, old: bytes | None, new: bytes) -> bool:
        """Set `name` to `new` if it holds `old` (None: if it holds nothing). False, and nothing changed, if not."""
        was: list[bytes | None] = []

        def swapped(values: Values) -> Values:
            was.append(values.get(name))
            return values | {name: new} if was == [old] else values

        self._change(swapped)
        return was == [old]

    def _change(self, change: Callable[[Values], Values]) -> Values:
        return decode(self._file.update(lambda state: encode(change(decode(state.payload)))).payload)

    def _values(self) -> Values:
        state = self._file.read()
        decoded = self._decoded
        if decoded.payload is not state.payload:
            decoded = self._decoded = _Decoded(state.payload, decode(state.payload))
        return decoded.values


def _entry(name: bytes, value: bytes) -> bytes:
    return _NAME_LENGTH.pack(len(name)) + name + _VALUE_LENGTH.pack(len(value)) + value


def _take(payload: bytes, at: int, length: struct.Struct) -> tuple[bytes, int]:
    start = at + length.size
    end = start + int(length.unpack_from(payload, at)[0])
    return payload[start:end], end
