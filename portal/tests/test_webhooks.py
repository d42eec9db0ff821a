"""Webhooks with real processes: from a call to a program of the business's, a worker killed in the middle, nothing in plain."""

from collections.abc import Iterator

import pytest

from portal.testing import surfer
from portal.testing.installation import Installation, until
from portal.testing.provider import Provider, push_service

SOON = 30


@pytest.fixture(scope="module")
def receiver(installation, tmp_path_factory) -> Iterator[Provider]:
    """The installation trusts its certificate, and may call it, for as long as this module runs."""
    trusted, before = surfer.certificate(tmp_path_factory.mktemp("hook")), dict(installation.env)
    with push_service(trusted) as made:
        installation.env |= {
            "EBB_CALL_INSIDE": "127.0.0.0/8,::1/128", "EBB_WEBHOOK_SECONDS": "30", "SSL_CERT_FILE": str(trusted),
        }  # fmt: skip
        restart(installation)
        installation.start("worker-hooks")
        yield made
        made.be("takes")
        installation.kill("worker-hooks")
        installation.env.clear()
        installation.env.update(before)
        restart(installation)


def restart(house: Installation) -> None:
    for name in ("web", "clock"):
        house.kill(name)
        house.start(name)
    until(lambda: house.ready()[0] == 200, SOON, "the installation did not come back")


def test_a_worker_killed_in_the_middle_loses_nothing_and_tells_nothing(installation, receiver):
    house, business = installation, installation.business("acme")
    with house.api(business) as api:
        made = api.post(
            "webhooks", json={"url": f"https://localhost:{receiver.port}/told", "events": ["message.received"]}
        )
        assert made.status_code == 201, made.text
        receiver.be("sleeps")
        asked = api.post(f"webhooks/{made.json()['id']}/test")
        assert asked.status_code == 202, asked.text
    assert receiver.wait_for(1, SOON), house.logs()
    house.kill("worker-hooks")
    table = f'"{business.schema}".messaging_delivery'
    assert house.rows(f"SELECT state FROM {table}") == [("sending",)]
    receiver.be("takes")
    house.start("worker-hooks")
    house.rows(f"UPDATE {table} SET due_at = now()")  # its lease is over
    assert receiver.wait_for(2, SOON), house.logs()
    until(lambda: house.rows(f"SELECT state, attempts FROM {table}") == [("delivered", 2)], SOON, "it was not settled")
    first, second = receiver.got
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == asked.json()["id"]
    assert first.body == second.body
    for secret in (made.json()["secret"], f"localhost:{receiver.port}/told"):
        assert secret not in house.logs()
