"""Opening many records with an unlocked archive, for whoever has written the entry of it: a batch's key is opened once."""

import json
from typing import Any
from uuid import UUID

from archive.flows import unlock
from archive.models import Batch, Record
from archive.queries import sealed
from portal.kernel import tenancy
from portal.kernel.errors import Refusal
from portal.sealing import errors
from portal.sealing import record as sealing

# What one record of many refuses, and the others do not: it is named, never passed over in silence.
CLOSED = frozenset({"record_altered", "record_disposed", "record_mirrored"})


class Opener:
    """Holds batch keys for as long as one act lasts."""

    def __init__(self, session: unlock.Session) -> None:
        self._session = session
        self._business = tenancy.here().id
        self._keys: dict[UUID, bytes] = {}

    def content(self, row: Record) -> dict[str, Any]:
        """A record's snapshot. Refuses `record_altered`, `record_disposed`, `record_mirrored`."""
        inner = sealed.peel(row)
        try:
            opened = sealing.open_(
                self._key(row.batch_id), inner, bytes(row.sealed), business=self._business, record=row.message_id,
                batch=row.batch_id,
            )  # fmt: skip
        except errors.SealingError as error:
            raise sealed.altered(row.message_id) from error
        return dict(json.loads(opened.content))

    def read(self, row: Record) -> tuple[dict[str, Any], str]:
        """The snapshot, or nothing and the code that says why it does not open here (`CLOSED`)."""
        try:
            return self.content(row), ""
        except Refusal as refusal:
            if refusal.code not in CLOSED:
                raise
            return {}, refusal.code

    def _key(self, batch_id: UUID) -> bytes:
        key = self._keys.get(batch_id)
        if key is None:
            envelope = bytes(Batch.objects.filter(id=batch_id).values_list("envelope", flat=True).first() or b"")
            key_id, private = self._session.for_envelope(envelope)
            key = sealing.open_batch_key(envelope, key_id, private, business=self._business, batch=batch_id)
            self._keys[batch_id] = key
        return key
