"""How wake-ups travel: `{"o": origin, "e": [[schema, kind, {name: ids}], …]}`, a list of ids as one base64 string.

A payload of NOTIFY must stay under 8,000 bytes, so a long event is cut: its lists run in parallel and are cut together.
"""

import base64
import json
from uuid import UUID

from portal.kernel import wake

LIMIT = 7_400
IDS_A_PIECE = 160  # two parallel lists of 160 ids are 6,830 bytes in base64


class Packer:
    """Packs events into as few payloads as fit.

    >>> Packer("me").payloads()
    []
    """

    def __init__(self, origin: str) -> None:
        self._head = f'{{"o":"{origin}","e":['
        self._payloads: list[str] = []
        self._pieces: list[str] = []
        self._size = 0

    def add(self, event: wake.Event) -> None:
        for piece in _cut(event):
            text = json.dumps([piece.schema, piece.kind, _encode(piece.ids)], separators=(",", ":"))
            if self._size + len(text) + len(self._head) + 2 > LIMIT:
                self._close()
            self._pieces.append(text)
            self._size += len(text) + 1

    def payloads(self) -> list[str]:
        self._close()
        return self._payloads

    def _close(self) -> None:
        if self._pieces:
            self._payloads.append(self._head + ",".join(self._pieces) + "]}")
        self._pieces, self._size = [], 0


def unpack(payload: str) -> tuple[str, list[wake.Event]]:
    """→ origin and events. What is not ours (anyone may NOTIFY a channel) is no event."""
    try:
        packed = json.loads(payload)
        return packed["o"], [wake.Event(s, k, _decode(ids)) for s, k, ids in packed["e"]]
    except (ValueError, KeyError, TypeError):
        return "", []


def _cut(event: wake.Event) -> list[wake.Event]:
    longest = max((len(v) for v in event.ids.values() if isinstance(v, list)), default=0)
    if longest <= IDS_A_PIECE:
        return [event]
    return [
        wake.Event(event.schema, event.kind, {
            name: value[start : start + IDS_A_PIECE] if isinstance(value, list) else value
            for name, value in event.ids.items()
        })
        for start in range(0, longest, IDS_A_PIECE)
    ]  # fmt: skip


def _encode(ids: dict[str, wake.Value]) -> dict[str, object]:
    return {name: _encode_one(value) for name, value in ids.items()}


def _encode_one(value: wake.Value) -> object:
    if isinstance(value, list):
        return [base64.b64encode(b"".join(one.bytes for one in value)).decode()]
    return {"id": value.hex} if isinstance(value, UUID) else value


def _decode(ids: dict[str, object]) -> dict[str, wake.Value]:
    return {name: _decode_one(value) for name, value in ids.items()}


def _decode_one(value: object) -> wake.Value:
    if isinstance(value, list):
        raw = base64.b64decode(value[0])
        return [UUID(bytes=raw[i : i + 16]) for i in range(0, len(raw), 16)]
    return UUID(value["id"]) if isinstance(value, dict) else str(value)
