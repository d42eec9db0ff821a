"""Acme and Globex of the suite's cast, and phones that come in through the real doors."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from uuid import UUID

import pytest
import pytest_asyncio

from messaging import hub
from messaging.flows import customer, enrolment, message
from messaging.rules import compose
from messaging.tests.device.phone import Phone
from portal.kernel import actors, clock, tenancy

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cast(acme, globex) -> "Cast":  # type: ignore[no-untyped-def]
    return Cast(acme.place, globex.place)


class Cast:
    def __init__(self, acme: tenancy.Place, globex: tenancy.Place) -> None:
        self.acme, self.globex = acme, globex

    def customer(self, place: tenancy.Place | None = None, **details: str) -> UUID:
        details.setdefault("name", f"Customer {next(_numbers)}")
        with tenancy.tenant_scope(place or self.acme):
            return customer.create(actor=actors.SYSTEM, now=clock.now(), details=customer.Details(**details))  # type: ignore[arg-type]

    def invite(self, customer_id: UUID, place: tenancy.Place | None = None) -> tuple[str, str]:
        """→ token and code."""
        with tenancy.tenant_scope(place or self.acme):
            issued = enrolment.issue(actor=actors.SYSTEM, now=clock.now(), customer_id=customer_id, send_by="show")
        assert issued.url
        assert issued.code
        return issued.url.rsplit("/", 1)[1], issued.code

    def phone(self, customer_id: UUID | None = None) -> Phone:
        """An enrolled phone of a customer of acme."""
        phone = Phone()
        token, _ = self.invite(customer_id or self.customer())
        assert phone.enrol(token).status_code == 201
        return phone

    def send(self, customer_id: UUID, body: str = "Hello", now: datetime | None = None, **asked: object) -> UUID:
        with tenancy.tenant_scope(self.acme):
            composed = [compose.Compose(customer=customer_id, body=body, **asked)]  # type: ignore[arg-type]
            [sent] = message.send_many(actor=actors.SYSTEM, now=now or clock.now(), composed=composed)
        assert isinstance(sent, message.Sent), sent
        return sent.id


@pytest_asyncio.fixture
async def open_hub() -> AsyncIterator[hub.Hub]:
    """A hub of this test's loop, stopped at its end."""
    made = hub.Hub(asyncio.get_running_loop())
    hub.use(made)
    yield made
    await made.stop()
    hub.use(None)


@pytest.fixture
def inside(cast: Cast) -> Callable[..., object]:
    """Run a function inside acme."""

    def run(fn: Callable[..., object], *args: object, **kwargs: object) -> object:
        with tenancy.tenant_scope(cast.acme):
            return fn(*args, **kwargs)

    return run
