"""An address given at a public page. The answer and the work at the door are the same whoever is known: its keyed hash goes to a
worker, who looks. What a stranger could time or count is one job, always; the address itself is written nowhere.

Never at the door: a look at any customer. A job that is lost sends nothing, and the customer asks again.
"""

from datetime import datetime, timedelta
from uuid import UUID

from messaging.flows import attempt, enrolment, lost
from messaging.flows.attempt import GUESSES, WINDOW
from messaging.queries import recoverable
from messaging.rules import contact
from portal.kernel import jobs, unit
from portal.kernel.errors import Refusal

RECOVER, LOST = "recover", "lost"
JOBS = {RECOVER: "messaging.jobs.send_back", LOST: "messaging.jobs.send_lost"}
A_DAY, DAY = 5, timedelta(days=1)  # about one address


def ask(*, now: datetime, kind: str, to: str, source: str) -> None:
    """What is no address at all, and what was asked too often today, is known to whoever asks: nothing is done."""
    attempt.count(now=now, use=kind, source=source, limit=GUESSES, window=WINDOW)
    try:
        label, address = contact.address(to)
    except Refusal:
        return
    if attempt.add(now=now, use=f"{kind}.to", source=address, window=DAY) > A_DAY:
        return
    with unit.work():
        jobs.enqueue(JOBS[kind], UUID(bytes=recoverable.key_of(label, address)), queue="notices")


def answer(*, now: datetime, kind: str, key: UUID) -> None:
    """For a worker: a link goes to the address if it is a customer's and was not changed within a day."""
    with unit.work() as u:
        found, way = recoverable.at(key.bytes, now)
        send = enrolment.send_back if kind == RECOVER else lost.send
        send(u, now=now, customers=found, way=way)
