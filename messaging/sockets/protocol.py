"""What may be said on a socket, by a device and by a page of the console. A frame is parsed into plain values here; everything
else is malformed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from portal.kernel import ids

FRAME_LIMIT = 64 * 1024
IDS_LIMIT = 1_000
IDS_A_TOKEN = 100
MALFORMED_LIMIT = 10

COSTS = {
    "pong": 0.2,
    "active": 0.2,
    "delivered": 0.2,
    "read": 0.5,
    "reveal": 1.0,
    "extend": 2.0,
    "write": 5.0,
    "wiped": 1.0,
    "prove": 1.0,
    "follow": 2.0,
}
BURST = 60.0
A_SECOND = 10.0

_NEEDS = {
    "prove": ("signature",), "delivered": ("ids",), "reveal": ("id",), "read": ("id",), "extend": ("id",),
    "write": ("for", "body"), "wiped": ("wipe", "signature"), "pong": (), "active": (),
}  # fmt: skip
_STAFF_NEEDS = {"follow": ("what",), "pong": ()}
Needs = Mapping[str, tuple[str, ...]]


class Malformed(Exception):
    """Not a frame of this protocol."""


@dataclass(frozen=True, slots=True)
class Frame:
    kind: str
    id: UUID | None = None
    ids: list[UUID] = field(default_factory=list)
    text: str = ""
    signature: str = ""
    reply: UUID | None = None
    files: tuple[UUID, ...] = ()  # uploads that come with the words
    zone: str = ""  # what the device's clock is set to
    secret: str = ""  # the pass of a page that its app lock has opened


def parse(text: object) -> Frame:
    """A device's."""
    return _parse(text, _NEEDS)


def parse_staff(text: object) -> Frame:
    """Of a page of the console."""
    return _parse(text, _STAFF_NEEDS)


def _parse(text: object, needs: Needs) -> Frame:
    try:
        raw = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError) as error:
        raise Malformed from error
    kind = raw.get("type") if isinstance(raw, dict) else None
    if not isinstance(raw, dict) or not isinstance(kind, str) or kind not in needs:
        raise Malformed
    if any(name not in raw for name in needs[kind]):
        raise Malformed
    return _FRAMES[kind](kind, raw)


def cost(frame: Frame) -> float:
    """Acknowledgements cost by the piece: a flood of ids that mean nothing would push out those of honest devices."""
    return COSTS[frame.kind] + len(frame.ids) / IDS_A_TOKEN


def _plain(kind: str, raw: dict[str, object]) -> Frame:
    return Frame(kind)


def _named(kind: str, raw: dict[str, object]) -> Frame:
    return Frame(kind, id=_uuid(raw["id"]))


def _list(kind: str, raw: dict[str, object]) -> Frame:
    return Frame(kind, ids=_uuids(raw["ids"]))


def _signed(kind: str, raw: dict[str, object]) -> Frame:
    wipe = _uuid(raw["wipe"]) if "wipe" in raw else None
    return Frame(kind, id=wipe, signature=_text(raw["signature"]))


def _proved(kind: str, raw: dict[str, object]) -> Frame:
    return Frame(
        kind, signature=_text(raw["signature"]), zone=_text(raw.get("zone", "")), secret=_text(raw.get("pass", ""))
    )


def _written(kind: str, raw: dict[str, object]) -> Frame:
    reply = raw.get("in_reply_to")
    return Frame(
        kind, id=_uuid(raw["for"]), text=_text(raw["body"]), reply=_uuid(reply) if reply else None,
        files=tuple(_uuids(raw.get("attachments", []))),
    )  # fmt: skip


def _followed(kind: str, raw: dict[str, object]) -> Frame:
    subject = raw.get("id")
    return Frame(kind, id=_uuid(subject) if subject is not None else None, text=_text(raw["what"]))


_FRAMES = {
    "pong": _plain, "active": _plain, "reveal": _named, "read": _named, "extend": _named, "delivered": _list, "prove": _proved,
    "wiped": _signed, "write": _written, "follow": _followed,
}  # fmt: skip


def _uuids(listed: object) -> list[UUID]:
    if not isinstance(listed, list) or len(listed) > IDS_LIMIT:
        raise Malformed
    return [_uuid(one) for one in listed]


def _uuid(raw: object) -> UUID:
    found = ids.parse_uuid(raw) if isinstance(raw, str) else None
    if found is None:
        raise Malformed
    return found


def _text(raw: object) -> str:
    if not isinstance(raw, str):
        raise Malformed
    return raw
