"""What providers tell us of notices: arrived, bounced, refused for good; and the texts that people answer with (STOP and START).

A report about a notice that we do not know, or that was settled otherwise, changes nothing; told twice it counts once.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from messaging.flows import consent, notice
from messaging.models import Notice
from messaging.notices import BAD_ADDRESS, OPTED_OUT, REFUSED
from portal.kernel import unit
from portal.kernel.actors import SYSTEM
from portal.kernel.errors import Refusal

BOUNCED, COMPLAINED = "bounced", "complained"
WHY = {"bounced": BOUNCED, "bad_number": BAD_ADDRESS, "opted_out": OPTED_OUT, "complained": OPTED_OUT}
OPEN = (Notice.State.SENDING, Notice.State.SENT, Notice.State.AMBIGUOUS, Notice.State.WAITING)


@dataclass(frozen=True)
class Report:
    """About the notice with this id, else with this reference of the provider's. `failed`: why, or "" for arrived."""

    channel: str
    notice_id: UUID | None = None
    reference: str = ""
    failed: str = ""


def take(*, now: datetime, report: Report) -> bool:
    """→ whether it changed anything."""
    with unit.work() as u:
        row = _locked(report)
        if row is None:
            return False
        if not report.failed:
            if row.state not in OPEN:
                return False
            notice.arrived(row, now)
        elif row.state == Notice.State.FAILED:
            return False
        else:
            notice.came_back(u, row, WHY.get(report.failed, REFUSED), now)
    return True


def text(*, now: datetime, phone: str, words: str) -> str:
    """An inbound text message: STOP and START are obeyed at once, anything else is none of ours and not kept."""
    try:
        return consent.heard(actor=SYSTEM, now=now, phone=phone, text=words).asked
    except Refusal:  # no phone number: a short code, a name
        return ""


def _locked(report: Report) -> Notice | None:
    rows = Notice.objects.select_for_update().filter(channel=report.channel)
    if report.notice_id is not None:
        return rows.filter(id=report.notice_id).first()
    return rows.filter(reference=report.reference).first() if report.reference else None
