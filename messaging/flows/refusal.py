"""Refused proofs and spent ways in, as entries, so that somebody who tries is seen: of one device, or of one customer, the first in
an hour, the tenth, the hundredth and so on, with the count. A flood writes a handful of leaves.

Only where there is a device or a customer to speak of: a guess that meets nobody is nobody's entry. Runs in units of its own, after
what was refused was rolled back.
"""

from datetime import datetime, timedelta
from uuid import UUID

from messaging.flows import attempt, device, link
from messaging.models import Device, Enrolment
from portal.kernel import ids, unit
from portal.kernel.actors import SYSTEM

KIND, WINDOW = "device.refused", timedelta(hours=1)
NOT_PROVED, SPENT = "not_proved", "enrolment_spent"


def of_device(*, now: datetime, device_id: UUID, reason: str = NOT_PROVED) -> None:
    """Something that had this device's cookie did not have its key."""
    if not (count := _counted(now, device_id)):
        return
    with unit.work() as u:
        row = Device.objects.filter(id=device_id).first()
        if row is not None:
            device.note(u, SYSTEM, row, KIND, reason=reason, count=count)


def of_enrolment(*, now: datetime, secret: str) -> None:
    """A link or a code that was used, cancelled or over was tried again."""
    hashes = [link.digest(secret), link.digest(ids.normalise_code(secret))]
    row = Enrolment.objects.filter(secret_hash__in=hashes).select_related("customer").first()
    if row is None or not (count := _counted(now, row.customer_id)):
        return
    with unit.work() as u:
        codes: dict[str, str | int | bool] = {"reason": SPENT, "count": count}
        u.entry(unit.Draft(KIND, SYSTEM.label, subject=row.customer.subject_id, customer=row.customer_id, codes=codes))


def _counted(now: datetime, whose: UUID) -> int:
    """How many there were in this hour, at 1, 10, 100, …; else 0."""
    count = attempt.add(now=now, use="refused", source=str(whose), window=WINDOW)
    return count if set(str(count)[1:]) <= {"0"} and str(count)[0] == "1" else 0
