"""What happened, in words and in order: from a row's times, and from the ledger for who may list it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from archive.flows import listing
from archive.queries import entries
from messaging.models import Device, Message, Wipe
from messaging.pages.console.unreached import said
from messaging.queries import unreached
from messaging.rules import state, telling
from messaging.rules import unreached as rules
from portal.accounts.queries import staff
from portal.kernel.actors import Actor

KIND_OF = {
    "composed_at": ("Written", "compose", ""),
    "sent_at": ("Sent, and archived in the same moment", "sent", "message.sent"),
    "delivered_at": ("A device has it", "check", ""),
    "revealed_at": ("Opened by the customer", "reveal", "message.revealed"),
    "read_at": ("Read", "check-double", "message.read"),
}
NOTICES = {"arrived": "Notice by", "reminder": "Reminder by"}
ENDS = {
    "recalled": ("Taken back from every device", "recall", "message.recalled"),
    "read": ("Ended: its time after reading was over", "ended", "messages.ended"),
    "erased": ("Ended: the customer's profile was deleted", "ended", ""),
}


def entries_of(actor: Actor, message_id: UUID, now: datetime) -> list[entries.Header]:
    """The ledger's entries about a message, oldest first; looking at them is an entry. None for who may not list."""
    if not actor.may("archive.list"):
        return []
    asked = entries.Filter(message=message_id)
    return listing.list_entries(actor=actor, now=now, asked=asked, limit=100).results


def of_message(
    row: Message, listed: list[entries.Header], now: datetime, story: unreached.Story
) -> list[dict[str, Any]]:  # fmt: skip
    index_of = {one.kind: one.index for one in reversed(listed)}
    events = [
        _event(getattr(row, field), words, icon, index_of.get(kind))
        for field, (words, icon, kind) in KIND_OF.items()
        if getattr(row, field)
    ]
    events += _read_by_staff(listed) + _told(story) + _followed_up(story, listed)
    events.sort(key=lambda event: event["at"])
    return events + _end(row, index_of, now)


def of_device(row: Device, wipes: list[Wipe]) -> list[dict[str, Any]]:
    events = [_event(row.created_at, "Enrolled", "link", None)]
    for wipe in wipes:
        agreed_at = wipe.ordered_at if wipe.ordered_at != wipe.requested_at else None  # it was held first
        steps = ((wipe.requested_at, "Wipe asked for", "wipe"), (agreed_at, "A second person agreed to the wipe", "check"),
                 (wipe.sent_at, "Order sent to the device", "sent"),
                 (wipe.acknowledged_at, "The device acknowledged, signed with its key", "seal"),
                 (wipe.dark_at, "It never came back: its key is revoked", "refused"))  # fmt: skip
        events += [_event(at, words, icon, None) for at, words, icon in steps if at]
    if row.revoked_at:
        events.append(_event(row.revoked_at, "Its key was revoked: the server shows it nothing", "refused", None))
    return sorted(events, key=lambda event: event["at"])


def _event(at: datetime, words: str, icon: str, index: int | None, tone: str = "", actor: str = "") -> dict[str, Any]:
    return {"at": at, "words": words, "icon": icon, "tone": tone, "actor": actor, "entry_index": index}


def _read_by_staff(listed: list[entries.Header]) -> list[dict[str, Any]]:
    read = [one for one in listed if one.kind == "live.read"]
    names = staff.get_names(one.actor for one in read)
    return [_event(one.time, "Read by staff while alive", "reveal", one.index, "", names[one.actor]) for one in read]


def _told(story: unreached.Story) -> list[dict[str, Any]]:
    """Each notice once, as it stands: by which way, what became of it, why."""
    found = []
    for one in story.told:
        told = said(one)
        icon = "time" if one.due_at else "messages" if one.state in ("sent", "delivered") else "info"
        words = f"{NOTICES[one.purpose]} {told['words'][0].lower()}{told['words'][1:]}"
        words = words if one.channel != telling.NONE else "There was no way to tell the customer"
        found.append({**_event(told["at"], words, icon, None), "detail": told["reason"].capitalize()})
    return found


def _followed_up(story: unreached.Story, listed: list[entries.Header]) -> list[dict[str, Any]]:
    names = staff.get_names(one.author for one in story.followed_up)
    indexes = [one.index for one in listed if one.kind == "message.followed_up"]
    padded = [*indexes, *[None] * len(story.followed_up)]
    return [
        _event(one.at, rules.WAYS[one.by], "conversations", index, "", names[one.author])
        for one, index in zip(story.followed_up, padded, strict=False)
    ]


def _end(row: Message, index_of: dict[str, int], now: datetime) -> list[dict[str, Any]]:
    if row.ended_at and row.sent_at is None:
        return [_event(row.ended_at, "Cancelled before it was sent", "recall", index_of.get("message.cancelled"))]
    if row.ended_at:
        words, icon, kind = ENDS.get(row.ended_reason, ("Ended", "ended", ""))
        return [_event(row.ended_at, words, icon, index_of.get(kind))]
    if row.gone_at and state.has_ended(row, now):
        return [_event(row.gone_at, "Ended. Its key is destroyed with its bucket", "ended", None)]
    if row.sent_at is None and row.send_at:
        return [_event(row.send_at, "Will be sent", "scheduled", None, "ahead")]
    return [_event(row.gone_at, "Will end on every device", "ended", None, "ahead")] if row.gone_at else []
