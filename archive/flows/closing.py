"""The archive's part of a business's closing: its last head, the proof that it is kept elsewhere, and its destruction.

    proving ── seal: no hold, proof, last entry ── sealing ── destroy: head, keys, files, schema, certificate, ring ── closed

Irreversible: everything in `destroy` from the keys on. Decision 18 gives the order and the reasons.

C1  Nothing is destroyed unless, in one transaction under the guard, no hold was in force and a proof reached the tree of *proving*.
    That transaction takes the guard's row away: no hold can be placed after it, and the business is served no more.
C2  The last head is signed and noted before a key dies, since the ring that vouches for it dies too.
C3  Keys first, rows after. The log's key signs the certificate and dies last; it opens nothing.
C4  A certificate never says what has not happened. It is written once; what is told of is noted when it happened, and the first
    note counts.
C5  The tombstone stands before the ring goes: from then on no restore makes this ring again.

Every step finds out what was done before it, and may be killed anywhere.
"""

import logging
import re
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings

from archive.flows import guard, tree
from archive.ledger import canonical, note
from archive.models import DisposalGuard
from archive.queries import closing as asked
from archive.queries import keepers, mirrors, promise, proofs
from portal.kernel import clock, keys, mail, stores, tenancy, unit, wake
from portal.kernel.actors import CLOCK, Actor
from portal.kernel.errors import Kind, Refusal
from portal.sealing import errors
from tenants.flows import closing as rows
from tenants.queries import backups, closings

SETTLES_FOR = timedelta(seconds=10)  # what was under way when a door closed has ended by then
LOG_KEY = "log/"
CLOSED = "closed"  # `messaging.push.CLOSED`: every socket of the business ends
LIMITS = (
    "Backups from before the destruction hold sealed rows and keys: whoever has one and its key opens them until it is removed.",
    "When backups are removed Ebb does not know: whoever runs the installation does.",
    "Mirrors and exports are the business's own copies, and stay.",
    "A restore leaves this business out where the keyring or the folder of backups remembers this; where both were lost it cannot.",
    "What a printer, a screen or a person took out of this installation before is outside its reach.",
    "Overwritten blocks may survive on solid-state disks and copy-on-write file systems.",
)

log = logging.getLogger("ebb.archive")


def head(*, now: datetime) -> dict[str, Any]:
    """The tree of everything committed, signed and published. Refuses as signing does."""
    tree.integrate(now=now)
    newest, epoch = proofs.newest(), tree.current_epoch()
    return {
        "epoch": epoch.number, "origin": epoch.origin, "vkey": epoch.vkey, "size": newest.size,
        "root": bytes(newest.root).hex(), "checkpoint": newest.note,
    }  # fmt: skip


def confirm(*, actor: Actor, now: datetime, sha256: str, is_verified: bool) -> None:
    """An officer holds a whole export: the digest of the file on their machine is that of what was drawn, and they say that its
    verifier found it good."""
    actor.require("archive.open")
    standing = closings.standing_of(tenancy.here().id)
    if standing is None or standing.state != "proving":
        raise Refusal("closing_not_proving", "There is nothing to prove now.", Kind.CONFLICT)
    given = re.sub(r"[^0-9a-f]", "", sha256.split(" ", maxsplit=1)[0].lower()) if sha256.strip() else ""
    found = next(
        (one for one in asked.get_whole_exports_for(actor, asked.size_of(standing)) if one.sha256 == given), None
    )
    if found is None:
        raise Refusal(
            "no_such_export", "No complete export of the whole archive, drawn since the closing began, has that SHA-256. Draw one "
            "of all entries, and give the digest of the file as it lies on your machine.", field="sha256",
        )  # fmt: skip
    if not is_verified:
        raise Refusal(
            "not_verified", "Run the bundle's verifier first, and say that it said verified.", field="verified"
        )
    proof = {"export": str(found.id), "sha256": found.sha256, "entries": found.entries, "confirmed_at": clock.text(now)}
    with unit.work() as u:
        rows.note(business_id=tenancy.here().id, proof=proof)
        codes: dict[str, str | int | bool] = {
            "export": str(found.id),
            "sha256": found.sha256,
            "size": asked.size_of(standing),
        }
        u.entry(unit.Draft("business.proved", actor.label, codes=codes))


def seal(*, now: datetime, standing: closings.Standing) -> bool:
    """C1. False while something is in the way."""
    proof = asked.proof_of(standing)
    if proof is None:
        return False
    with unit.work() as u:
        guard.lock()
        if asked.holds_in_force():
            return False
        DisposalGuard.objects.all().delete()
        u.entry(unit.Draft("business.closed", CLOCK.label, codes={"size": asked.size_of(standing)}))
        if not rows.enter(now=now, business_id=standing.place.id, state="sealing", after="proving", proof=proof):
            raise Refusal("closing_moved", "Another clock was faster.", Kind.CONFLICT)
        schema = standing.place.schema
        u.after_commit(lambda: wake.publish(schema, CLOSED))
        u.after_commit(tenancy.directory().forget)
    return True


def destroy(*, now: datetime, standing: closings.Standing) -> bool:
    """The rest, in the order of C2 to C5. False before what was under way has ended. Runs inside the business."""
    if now < standing.entered_at + SETTLES_FOR:
        return False
    place = standing.place
    if "last" not in standing.codes:
        rows.note(business_id=place.id, last=_last_head(now), destroyed=asked.counts(), followed=_followed())
    if not standing.certificate:
        _destroy_keys(now, place)
        _remove_files(place)
        rows.drop(place)
        rows.note(business_id=place.id, rows_at=clock.text(now))
        rows.certify(business_id=place.id, certificate=_certificate(now, _now(place)))
    try:
        keys.keyring().bury(place.id, _now(place).certificate)
    except errors.SealingError as error:
        raise keys.unwritable(error) from error
    return rows.enter(now=now, business_id=place.id, state="closed", after="sealing")


# ── parts ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _now(place: tenancy.Place) -> closings.Standing:
    found = closings.standing_of(place.id)
    assert found is not None  # a closing that is sealed is never taken back
    return found


def _last_head(now: datetime) -> dict[str, Any]:
    """Signed over every entry, and sent to those who keep checkpoints. A mail server that is away delays nothing."""
    found = head(now=now)
    for address in keepers.addresses().values():
        try:
            mail.send(
                [address], "archive/mail/checkpoint", "Last checkpoint of the archive of {business}", note=found["checkpoint"],
                size=found["size"], page=f"{mail.base_url()}/log",
            )  # fmt: skip
        except OSError as error:
            log.warning("the last checkpoint could not be sent", extra={"error": type(error).__name__})
    return found


def _followed() -> list[dict[str, Any]]:
    return [{"mirror": one["mirror"], "removed": one["removed"]} for one in mirrors.followed(-1)]


def _destroy_keys(now: datetime, place: tenancy.Place) -> None:
    """C3. What this finds gone was destroyed by an earlier try, whose time counts."""
    ring = keys.business(place.id)
    try:
        doomed = [name for name in ring.names() if not name.startswith(LOG_KEY)]
        for name in doomed:
            ring.destroy(name)
    except errors.SealingError as error:
        raise keys.unwritable(error) from error
    rows.note(business_id=place.id, keys_at=clock.text(now))


def _remove_files(place: tenancy.Place) -> None:
    folder = Path(settings.EBB_EXPORTS) / place.id.hex
    if folder.exists():
        shutil.rmtree(folder)


def _certificate(now: datetime, standing: closings.Standing) -> str:
    """Signed with the log's key: nothing is signed with it after this."""
    last, content = standing.codes["last"], _content(now, standing)
    text = f"{asked.FORMAT}\n{canonical.encode(content).decode()}\n"
    return note.sign(text, promise.key(last["epoch"], last["origin"]))


def _content(now: datetime, standing: closings.Standing) -> dict[str, Any]:
    place, codes, held = standing.place, standing.codes, backups.holding(standing.place.id)
    last = codes["last"]
    return {
        "format": asked.FORMAT, "business": {"id": str(place.id), "name": place.name, "address": place.slug},
        "agreed_at": clock.text(standing.agreed_at), "sealed_at": clock.text(standing.entered_at),
        "issued_at": clock.text(now),
        "log": {name: last[name] for name in ("origin", "vkey", "epoch", "size", "root", "checkpoint")},
        "link_sha256": standing.token_sha256, "proof": codes["proof"], "mirrors": codes["followed"],
        "destroyed": {**codes["destroyed"], "keys_at": codes["keys_at"], "rows_at": codes["rows_at"],
                      "keys": "every key of this business but the log's, which signs this and is destroyed after it"},
        "backups": {
            "oldest_kept": clock.text(held[0].as_of) if held else None,
            "newest_kept": clock.text(held[-1].as_of) if held else None, "count": len(held),
            "until": None if held else clock.text(now),
        },
        "stores": [
            {"where": one.where, "holds": one.holds, "sealed": one.sealed, "ends": one.ends}
            for one in stores.declared().stores
        ],
        "limits": list(LIMITS),
    }  # fmt: skip
