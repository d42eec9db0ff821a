"""Who can open the archive: officers and the state of their keys, and the officers' key in force."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from archive.models import OfficerKey, Recipient
from archive.queries import colleagues, recipients
from portal.kernel import clock
from portal.kernel.actors import Actor


@dataclass(frozen=True, slots=True)
class Officer:
    """`state`: has (a key), offered (a code waits until `ends_at`), none."""

    staff_id: UUID
    name: str
    state: str
    since: datetime | None = None
    changed_at: datetime | None = None
    ends_at: datetime | None = None
    given_by: str = ""


def get_list_for(actor: Actor) -> list[Officer]:
    """Every active member of staff who may open the archive."""
    actor.require("archive.list")
    rows = {row.staff_id: row for row in OfficerKey.objects.exclude(ends_at__lte=clock.now())}
    people = sorted(colleagues.people.officers().items(), key=lambda one: one[1])
    return [_officer(pk, name, rows.get(pk)) for pk, name in people]


def state_of(actor: Actor) -> str:
    """Of one's own key. `unclaimed`: the key of the set-up waits for whoever knows its passphrase."""
    rows = OfficerKey.objects.exclude(ends_at__lte=clock.now())
    own = rows.filter(staff_id=actor.id).first()
    if own is not None:
        return "offered" if own.ends_at else "has"
    return "unclaimed" if rows.filter(staff_id=None).exists() else "none"


def generations() -> list[Recipient]:
    """The officers' key of each generation, the one in force first."""
    return list(Recipient.objects.filter(kind=Recipient.Kind.OFFICERS).order_by("-generation"))


def recovery() -> Recipient | None:
    return recipients.recovery()


def _officer(pk: UUID, name: str, row: OfficerKey | None) -> Officer:
    if row is None:
        return Officer(pk, name, "none")
    state = "offered" if row.ends_at else "has"
    return Officer(pk, name, state, row.given_at, row.changed_at, row.ends_at, row.given_by)
