"""Certificates of disposal: what a destroyed bucket leaves behind, signed with the log's key.

    text = "ebb-disposal-certificate@v1" \\n canonical JSON (RFC 8785) \\n       as a C2SP signed note

No checkpoint begins with that line, so neither passes for the other. A certificate says what was done and which copies may
still exist where: every store of the inventory, the oldest backup kept, and what Ebb cannot know. It is issued once, after
the key is gone; whoever doubts it checks the entries that it names.
"""

from datetime import datetime
from typing import Any

from archive.flows import tree
from archive.ledger import canonical, note
from archive.models import Bucket, Certificate
from archive.queries import certificates, mirrors, promise
from portal.kernel import clock, ids, stores, tenancy, unit
from portal.kernel.actors import CLOCK
from tenants.queries import backups

LIMITS = (
    "Backups of the database from before the destruction hold the sealed rows. Their outer layer was sealed under that key.",
    "A copy of the keyring from before the destruction still holds the key until it is removed.",
    "A record whose end was not known at first stood under the key of no month (keep); backups from that time hold it so.",
    "A mirror deletes what was disposed of with its next pull; `mirrors` says which had signed by then that they did.",
    "What an export, a printer or a person took out of this installation before is outside its reach.",
    "Overwritten blocks may survive on solid-state disks and copy-on-write file systems; they hold sealed rows only.",
)


def sweep(*, now: datetime) -> int:
    """For the clock: a certificate for each destroyed bucket that has none. → how many were issued."""
    done = Bucket.objects.filter(state=Bucket.State.DESTROYED)
    missing = done.exclude(month__in=Certificate.objects.values("month")).order_by("month")
    return sum(issue(month=month, now=now) for month in missing.values_list("month", flat=True))


def issue(*, month: str, now: datetime) -> bool:
    """Sign the certificate of a destroyed bucket. False if there is one, or the key is not gone."""
    with unit.work() as u:
        row = Bucket.objects.select_for_update().get(month=month)
        if row.state != Bucket.State.DESTROYED or Certificate.objects.filter(month=month).exists():
            return False
        text = f"{certificates.FORMAT}\n{canonical.encode(_content(row, now)).decode()}\n"
        epoch = tree.current_epoch()
        signed = note.sign(text, promise.key(epoch.number, epoch.origin))
        made = Certificate.objects.create(id=ids.uuid7(), month=month, note=signed, issued_at=now)
        codes: dict[str, str | int | bool] = {
            "bucket": month, "certificate": str(made.id), "sha256": certificates.digest(signed), "disposed": row.disposed,
        }  # fmt: skip
        u.entry(unit.Draft("certificate.issued", CLOCK.label, codes=codes))
    return True


def _content(row: Bucket, now: datetime) -> dict[str, Any]:
    oldest, newest = backups.oldest_kept(), backups.newest_verified()
    disposed = certificates.entries_of(row.month)
    return {
        "format": certificates.FORMAT, "business": str(tenancy.here().id), "bucket": row.month, "issued_at": clock.text(now),
        "records": {"disposed": row.disposed, "bytes": row.disposed_bytes, "moved_to_later_months": row.moved},
        "rules": row.rules, "key": f"disposal/{row.month}",
        "entries": {
            "disposed": disposed, "decided": row.decided_index, "destroyed": row.destroyed_index,
        },
        "decided_at": _text(row.decided_at), "destroyed_at": _text(row.destroyed_at),
        "backups": {
            "oldest_kept": _text(oldest.as_of if oldest else None), "past_decision": _text(newest.as_of if newest else None),
        },
        "mirrors": mirrors.followed(max(disposed, default=-1)),
        "stores": [
            {"where": one.where, "holds": one.holds, "sealed": one.sealed, "ends": one.ends}
            for one in stores.declared().stores
        ],
        "limits": list(LIMITS),
    }  # fmt: skip


def _text(at: datetime | None) -> str | None:
    return clock.text(at) if at else None
