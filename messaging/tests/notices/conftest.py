"""A business with a provider of text messages that the test owns, and what its customers were told."""

import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

import pytest

from messaging import jobs
from messaging.flows import lookout, notice
from messaging.models import Channel, Message, Notice, Policy
from messaging.queries import policy
from portal.kernel import clock
from portal.testing import surfer
from portal.testing.cast import Cast, build
from portal.testing.provider import Provider, push_service, sms_provider


@pytest.fixture
def provider(settings) -> Iterator[Provider]:
    with sms_provider() as made:
        settings.EBB_SMS_PROVIDER, settings.EBB_SMS_URL, settings.EBB_SMS_SECONDS = "http", made.url, 2
        yield made


@pytest.fixture(scope="session")
def trusted() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ebb-push-") as folder:
        yield surfer.certificate(Path(folder))


@pytest.fixture
def service(settings, monkeypatch, trusted) -> Iterator[Provider]:
    """The push service of this test's browsers, the only one that this installation knows."""
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with push_service(trusted) as made:
        settings.EBB_CALL_INSIDE = ["127.0.0.0/8", "::1/128"]
        settings.EBB_PUSH_SERVICES, settings.EBB_PUSH_SECONDS = [f"localhost:{made.port}"], 1
        yield made


@dataclass
class House:
    """One business. `at` moves its time."""

    cast: Cast
    at: clock.Fake

    def policy(self, **values: object) -> None:
        with self.cast.inside():
            Policy.objects.filter(id=1).update(**values)
            policy.forget()

    def text_from(self, sender: str = "+4930123456") -> None:
        with self.cast.inside():
            Channel.objects.create(
                kind="sms", account="AC1", secret="provider-secret", sender=sender, changed_at=clock.now()
            )

    def wait(self, **time: float) -> None:
        """Let time pass; then the clock and the workers do what is theirs."""
        self.at.advance(**time)
        self.work()

    def work(self) -> None:
        with self.cast.inside():
            while lookout.look(now=clock.now()):
                pass
            self.send()

    def send(self) -> None:
        with self.cast.inside():
            while due := notice.due_channels(now=clock.now()):
                for channel in due:
                    getattr(jobs, notice.JOBS[channel])()

    def told(self, about: UUID) -> list[Notice]:
        with self.cast.inside():
            return list(Notice.objects.filter(about_id=about).order_by("id"))

    def ways(self, about: UUID) -> list[tuple[str, str, str, str]]:
        return [(one.purpose, one.channel, one.state, one.reason) for one in self.told(about)]

    def look_at(self, message_id: UUID) -> datetime | None:
        with self.cast.inside():
            return Message.objects.get(id=message_id).notify_at


@pytest.fixture(scope="module")
def business(house) -> Cast:  # type: ignore[no-untyped-def]
    return build(f"notices-{secrets.token_hex(3)}", "Notice House")


@pytest.fixture
def it(business, at) -> Iterator[House]:
    """What a test leaves behind must not be told in the next one."""
    yield House(business, at)
    with business.inside():
        Message.objects.update(notify_at=None)
        Notice.objects.filter(due_at__isnull=False).update(state="withdrawn", due_at=None)
        Channel.objects.all().delete()
        Policy.objects.all().delete()
        Policy.objects.create(id=1)
        policy.forget()
