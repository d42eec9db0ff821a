"""A business and a program of its own: a real server by TLS, which takes, refuses, hangs or points elsewhere as told."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest

from messaging import jobs
from messaging.flows import delivery, webhook
from messaging.models import Delivery, Webhook
from messaging.rules import webhook as rules
from portal.kernel import clock
from portal.testing import surfer
from portal.testing.cast import Cast, build
from portal.testing.provider import Provider, push_service


@pytest.fixture(scope="session")
def own() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ebb-hook-") as folder:
        yield surfer.certificate(Path(folder))


@pytest.fixture
def receiver(settings, monkeypatch, own) -> Iterator[Provider]:
    monkeypatch.setenv("SSL_CERT_FILE", str(own))
    with push_service(own) as made:
        settings.EBB_CALL_INSIDE, settings.EBB_WEBHOOK_SECONDS = ["127.0.0.0/8", "::1/128"], 1
        yield made


@dataclass
class House:
    """One business. `at` moves its time."""

    cast: Cast
    at: clock.Fake
    receiver: Provider

    @property
    def url(self) -> str:
        return f"https://localhost:{self.receiver.port}/told"

    def add(self, *events: str) -> webhook.Made:
        with self.cast.inside():
            return webhook.create(
                actor=self.cast.owner, now=clock.now(), url=self.url, events=list(events or rules.EVENTS)
            )

    def work(self, made: webhook.Made) -> None:
        """What a worker does."""
        with self.cast.inside():
            jobs.send_events(made.id)

    def wait(self, made: webhook.Made, **time: float) -> None:
        self.at.advance(**time)
        self.work(made)

    def log(self, made: webhook.Made) -> list[Delivery]:
        with self.cast.inside():
            return list(Delivery.objects.filter(webhook_id=made.id).order_by("id"))

    def hook(self, made: webhook.Made) -> Webhook:
        with self.cast.inside():
            return Webhook.objects.get(id=made.id)

    def probe(self, made: webhook.Made) -> UUID:
        with self.cast.inside():
            return delivery.probe(actor=self.cast.owner, now=clock.now(), webhook_id=made.id)


@pytest.fixture(scope="session")
def hooked(house: None) -> Cast:
    return build("hooked", "Hooked House")


@pytest.fixture
def it(hooked, at, receiver) -> Iterator[House]:
    yield House(hooked, at, receiver)
    with hooked.inside():
        Delivery.objects.all().delete()
        Webhook.objects.all().delete()
