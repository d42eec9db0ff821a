"""A business with some customers, and a worker that works when the test says so."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import pytest

from messaging import jobs
from messaging.flows import campaign, launch, run
from messaging.models import Campaign, Customer, Message, Policy, Run
from messaging.queries import campaigns, policy
from portal.kernel import clock
from portal.testing import cast
from portal.testing.cast import Cast


@dataclass
class Desk:
    """The author's desk: every verb in the business's scope, at the fake clock's time."""

    cast: Cast
    at: clock.Fake
    customers: list[UUID] = field(default_factory=list)

    def write(self, **wanted: object) -> UUID:
        given = {"name": "Spring", "filter": {}, "body": "Come in.", "gone_after": 3600, **wanted}
        with self.cast.inside():
            asked = campaign.Wanted(**given)  # type: ignore[arg-type]
            return campaign.create(actor=self.cast.author, now=clock.now(), wanted=asked).id

    def send(self, **wanted: object) -> UUID:
        """Written, sent and worked on to its end."""
        made = self.write(**wanted)
        self.do(launch.send, made)
        self.work()
        return made

    def do(self, flow, campaign_id: UUID, **more: object):  # type: ignore[no-untyped-def]
        actor = more.pop("actor", self.cast.author)
        with self.cast.inside():
            return flow(actor=actor, now=clock.now(), campaign_id=campaign_id, **more)

    def work(self) -> None:
        """What clock and workers do, until nothing is left to do now."""
        with self.cast.inside():
            run.ask_due(now=clock.now())
            for run_id in Run.objects.active().order_by("due_at").values_list("id", flat=True):
                jobs.work_run(run_id)

    def state(self, campaign_id: UUID) -> str:
        with self.cast.inside():
            return Campaign.objects.get(id=campaign_id).state

    def runs(self, campaign_id: UUID) -> list[Run]:
        with self.cast.inside():
            return list(Run.objects.filter(campaign_id=campaign_id).order_by("number"))

    def ledger(self, campaign_id: UUID, number: int = 0) -> dict[UUID, campaigns.Line]:
        with self.cast.inside():
            found, now = self.runs(campaign_id)[number], clock.now()
            lines = campaigns.ledger(found, now=now, limit=10_000)
            counts = campaigns.counts(found, now=now)  # by chunks and messages: they always say what the ledger says
            assert counts.states == Counter(line.state for line in lines)
            assert counts.reasons == Counter(line.reason for line in lines if line.reason)
            return {line.customer: line for line in lines}

    def messages(self, campaign_id: UUID) -> list[Message]:
        with self.cast.inside():
            return list(Message.objects.filter(run_id__in=[one.id for one in self.runs(campaign_id)]))

    def move(self, to: datetime) -> None:
        self.at.at = to


@pytest.fixture(scope="session")
def crowd(house: None) -> Cast:
    """One business for all these tests, since a birth takes a second or two."""
    return cast.build("crowd", "Crowd")


@pytest.fixture
def desk(crowd: Cast, at: clock.Fake) -> Desk:
    """Five customers; those of earlier tests are gone, so that everyone is these."""
    made = nobody(crowd, at)
    made.customers = [crowd.customer() for _ in range(5)]
    return made


def nobody(crowd: Cast, at: clock.Fake) -> Desk:
    at.at = clock.now()  # other tests may have moved the mark ahead of the wall clock
    with crowd.inside():
        Customer.objects.update(state="closed")
        Run.objects.active().update(state="cancelled")
        Policy.objects.all().delete()
        policy.forget()
    return Desk(crowd, at)
