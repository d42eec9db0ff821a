"""Files that come with a message: uploaded, and put into what is sent. Both directions go this way; `flows.download` shows them.

upload   a file is checked by its content, drawn anew if it is a picture, sealed once (`archive.flows.blob`)
put_in   within a send: each message holds the file's key in its own sealed body, and so does its record
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from archive.flows import blob
from messaging.rules import files
from portal.kernel import unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal

Entries = list[dict[str, Any]]


def waiting(*, actor: Actor, now: datetime, wanted: Sequence[UUID]) -> list[dict[str, object]]:
    """Those uploads that can still be used by who made them: for a page that is drawn again."""
    with unit.work():
        found = blob.look(actor=actor, now=now, wanted=wanted) if wanted else {}
    return files.shown([one.entry for one in found.values() if isinstance(one, blob.Taken)])


def upload(*, actor: Actor, now: datetime, name: str, data: bytes) -> blob.Stored:
    """For whoever may send, and for a device, which writes for the customers it serves and has fewer of them waiting."""
    is_customers = actor.kind == "device" and bool(actor.customers)
    if not is_customers:
        actor.require("message.send")
    kind, kept = files.checked(data)
    most = files.MOST_WAITING if is_customers else blob.MOST_WAITING
    return blob.put(actor=actor, now=now, name=files.name_of(name, kind), kind=kind, data=kept, most=most)


def one_file() -> Refusal:
    return Refusal("one_file", "Send one file, as the part `file` of a multipart form.", Kind.MALFORMED, field="file")


class Taker:
    """The uploads that one call uses, in the call's unit: each is opened once, however many messages have it."""

    def __init__(self, actor: Actor, now: datetime, wanted: Iterable[UUID], until: datetime) -> None:
        """`until`: what has them may be sent until then."""
        listed = list(wanted)
        self._found = blob.look(actor=actor, now=now, wanted=listed) if listed else {}
        self._used: set[UUID] = set()
        self._until = until

    def put_in(
        self, wanted: Sequence[UUID], life: int | None, had: Mapping[UUID, dict[str, Any]] | None = None
    ) -> Entries:
        """What one message holds of its files; `life` None has no end yet; `had` are those it has already. Refuses what is not
        to be had, or does not fit."""
        if not wanted:
            return []
        if life is not None and life < files.SHORTEST_LIFE:
            raise Refusal(
                "lifetime_too_short", "With files a message lives for a minute at least.", field="gone_after",
                minimum=files.SHORTEST_LIFE,
            )  # fmt: skip
        known = had or {}
        taken = {pk: self._of(pk) for pk in dict.fromkeys(wanted) if pk not in known}
        entries = [known[pk] if pk in known else taken[pk].entry for pk in dict.fromkeys(wanted)]
        if sum(int(one["bytes"]) for one in entries) > files.MOST_TOGETHER:
            raise Refusal(
                "attachments_too_large", "The files of one message can have 20 MB together.", Kind.TOO_LARGE, field="attachments"
            )  # fmt: skip
        self._used |= taken.keys()
        return entries

    def settle(self) -> None:
        """What went into an accepted message is used; what a refused one named waits on."""
        if self._used:
            blob.use(wanted=self._used, until=self._until)

    def _of(self, pk: UUID) -> blob.Taken:
        found = self._found[pk]
        if isinstance(found, Refusal):
            raise found
        return found
