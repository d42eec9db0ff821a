"""What ends by itself: a visit on somebody else's device, a device that nobody uses, a grant with an end."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection, transaction

from archive.models import Entry
from messaging import hub, push
from messaging.flows import ending, enrolment
from messaging.models import Device, DeviceCustomer
from messaging.tests.device.phone import Phone, aside
from portal.kernel import actors, clock, tenancy, wake
from portal.kernel.errors import Refusal

IDLE = timedelta(days=90)


def code_of(phone: Phone) -> str:
    return str(phone.ask("GET", "/inbox/state").json().get("code", ""))


@pytest.fixture
def at():
    """Ahead of everybody, so that it stands still where the test leaves it."""
    fake = clock.Fake(clock.now() + timedelta(hours=3))
    with clock.use(fake):
        yield fake


def granted(cast, customer: UUID, relation: str, until: datetime | None) -> str:
    with tenancy.tenant_scope(cast.acme):
        issued = enrolment.issue(
            actor=actors.SYSTEM, now=clock.now(), customer_id=customer, send_by="show",
            grant=enrolment.Grant(relation, until),
        )  # fmt: skip
    return str(issued.url).rsplit("/", 1)[1]


def test_a_visit_ends_after_a_quarter_of_an_hour_and_leaves_no_cookie(cast, inside, at) -> None:
    phone = Phone()
    answer = phone.enrol(cast.invite(cast.customer())[0], brief=True)
    assert answer.cookies["__Host-ebb-device"]["max-age"] == ""
    at.advance(seconds=14 * 60)
    assert code_of(phone) == ""
    at.advance(seconds=60)
    refused = phone.ask("GET", "/inbox/state").json()
    assert (refused["code"], refused["reason"]) == ("device_revoked", "brief")
    inside(ending.end_due, now=clock.now())
    row = inside(Device.objects.get, id=phone.id)
    assert (row.state, row.revoked_reason) == ("revoked", "brief")


def test_a_device_that_nobody_uses_ends_and_use_over_http_counts(cast, inside, at) -> None:
    idle, used = cast.phone(), cast.phone()
    at.advance(seconds=(IDLE - timedelta(days=1)).total_seconds())
    assert code_of(used) == ""
    at.advance(seconds=timedelta(days=1).total_seconds())
    assert code_of(used) == ""
    refused = idle.ask("GET", "/inbox/state").json()
    assert (refused["code"], refused["reason"]) == ("device_revoked", "idle")
    inside(ending.end_due, now=clock.now())
    assert inside(Device.objects.get, id=idle.id).revoked_reason == "idle"
    assert inside(Device.objects.get, id=used.id).state == "active"


def test_a_grant_ends_at_its_time_and_its_device_with_the_last(cast, inside, at) -> None:
    own, child = cast.customer(name="Own"), cast.customer(name="Child")
    both, only = cast.phone(own), Phone()
    until = at.at + timedelta(hours=1)
    told = both.enrol(granted(cast, child, "child", until)).json()["customers"]
    assert [(one["name"], one.get("relation"), one.get("until")) for one in told] == [
        ("Own", None, None), ("Child", "child", clock.text(until)),
    ]  # fmt: skip
    only.enrol(granted(cast, child, "care", until))
    cast.send(child, "about the child")
    assert "about the child" in str(both.ask("GET", "/inbox/state").json())
    at.advance(seconds=3600)
    after = both.ask("GET", "/inbox/state").json()
    assert "about the child" not in str(after)
    assert [one["name"] for one in after["customers"]] == ["Own"]
    inside(ending.end_due, now=clock.now())
    assert not inside(DeviceCustomer.objects.filter(customer_id=child).exists)
    assert inside(Device.objects.get, id=only.id).revoked_reason == "unserved"
    assert inside(Device.objects.get, id=both.id).state == "active"
    ended = inside(lambda: [bytes(row.leaf).decode() for row in Entry.objects.filter(kind="device.grant_ended")])
    assert [phone.id in "".join(ended) for phone in (both, only)] == [True, True]


def test_each_end_is_counted_and_told_and_the_idle_are_looked_for_once_an_hour(cast, inside, at) -> None:
    for later in (2, 0):
        inside(ending.end_due, now=at.at + timedelta(hours=later))  # what other tests left; and this hour's look
    own, child = cast.customer(), cast.customer()
    brief, idle, both = Phone(), cast.phone(), cast.phone(own)
    brief.enrol(cast.invite(own)[0], brief=True)
    both.enrol(granted(cast, child, "child", at.at + timedelta(minutes=1)))
    inside(Device.objects.filter(id=brief.id).update, ends_at=at.at)
    inside(Device.objects.filter(id=idle.id).update, seen_at=at.at - IDLE)
    inside(DeviceCustomer.objects.filter(customer_id=child).update, until=at.at)
    heard: list[wake.Event] = []
    stop = wake.subscribe(cast.acme.schema, heard.append)
    assert inside(ending.end_due, now=at.at) == 2, "the hour's look at the idle was taken"
    at.advance(seconds=3600)
    assert inside(ending.end_due, now=at.at) == 1
    stop()
    told = [(str(one.ids["device"]), one.ids["act"]) for one in heard if one.kind == push.DEVICE]
    assert told == [(brief.id, "revoke"), (both.id, "refresh"), (idle.id, "revoke")]


def test_what_somebody_holds_is_left_for_the_next_round(cast, inside, at) -> None:
    own, child = cast.customer(), cast.customer()
    brief, both = Phone(), cast.phone(own)
    brief.enrol(cast.invite(own)[0], brief=True)
    both.enrol(granted(cast, child, "child", at.at + timedelta(minutes=15)))
    at.advance(seconds=15 * 60)

    def look() -> int:
        """In another thread; a wait for a row that is held would be refused."""
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = 100")
        return ending.end_due(now=at.at)

    def stand() -> tuple[bool, bool]:
        serves = DeviceCustomer.objects.filter(customer_id=child).exists()
        return Device.objects.get(id=brief.id).state == "active", serves

    with tenancy.tenant_scope(cast.acme):
        with transaction.atomic(), ThreadPoolExecutor(1) as other:
            list(Device.objects.select_for_update().filter(id=brief.id))
            list(DeviceCustomer.objects.select_for_update().filter(customer_id=child))
            other.submit(_away, cast.acme, look).result()
        assert stand() == (True, True)
        ending.end_due(now=at.at)
        assert stand() == (False, False)


def _away(place: tenancy.Place, act: Callable[[], int]) -> int:
    try:
        with tenancy.tenant_scope(place):
            return act()
    finally:
        connection.close()


def test_a_grant_names_who_gave_it_and_a_recovery_changes_nothing_of_it(cast, inside, at) -> None:
    child = cast.customer(email="parent@example.org")
    until = at.at + timedelta(days=30)
    phone = Phone()
    phone.enrol(granted(cast, child, "child", until))
    row = inside(DeviceCustomer.objects.get, customer_id=child)
    assert (row.granted_by, row.relation, row.until) == ("system", "child", until)
    with tenancy.tenant_scope(cast.acme):
        again = enrolment._grant_of(enrolment.Enrolment(customer_id=child, is_recovery=True), clock.now())
        assert again == enrolment.Grant("child", until)
        assert enrolment._grant_of(enrolment.Enrolment(customer_id=child), clock.now()) == enrolment.SELF


@pytest.mark.parametrize(("relation", "days", "code"), [("boss", 1, "unknown_relation"), ("care", -1, "until_past")])
def test_a_grant_that_cannot_be_is_refused(cast, relation, days, code) -> None:
    customer = cast.customer()
    with pytest.raises(Refusal) as refused:
        granted(cast, customer, relation, clock.now() + timedelta(days=days))
    assert refused.value.code == code


async def test_an_open_socket_hears_of_the_end_by_the_second(cast, at) -> None:
    """No event tells of it: the hub knows the time, looks again and closes, or asks the page to load anew."""
    made = hub.Hub(asyncio.get_running_loop())
    hub.use(made)
    own, child = await aside(cast.customer), await aside(cast.customer)
    brief, both = Phone(), await aside(cast.phone, own)
    token, _ = await aside(cast.invite, own)
    await aside(brief.enrol, token, brief=True)
    await aside(both.enrol, await aside(granted, cast, child, "child", at.at + timedelta(minutes=10)))
    visit, _ = await brief.online()
    line, state = await both.online()
    assert len(state["customers"]) == 2
    made.tick()
    at.advance(seconds=600)
    made.tick()
    assert await line.until("resync")
    await aside(cast.send, child, "too late for this phone")
    await aside(cast.send, own, "still here")
    assert (await line.until("message"))["message"]["body"] == "still here"
    at.advance(seconds=300)
    made.tick()
    assert await visit.until("close") == {"close": 4403}
    await made.stop()
    hub.use(None)


def test_where_it_was_used_is_told_coarsely(cast, inside) -> None:
    phone = Phone()
    phone.client.defaults["REMOTE_ADDR"] = "84.112.7.201"
    phone.enrol(cast.invite(cast.customer())[0], zone="Europe/Vienna")
    [told] = phone.ask("GET", "/inbox/devices").json()["devices"]
    assert told["place"] == {"zone": "Europe/Vienna", "network": "84.112.7.0/24"}
    row = inside(Device.objects.get, id=phone.id)
    assert b"Vienna" not in bytes(row.sealed_place)


def test_what_was_read_is_an_entry_and_what_changed_since_is_read_again(cast, inside) -> None:
    from messaging.queries import kept

    customer = cast.customer()
    token, _ = cast.invite(customer)
    digest = inside(kept.terms, clock.now()).digest
    page = Phone().client.get(f"/inbox/enrol/{token}", headers={"Accept": "text/html"}).content.decode()
    assert f'data-accepts="{digest}"' in page
    phone = Phone()
    changed = phone.enrol(token, accepts="0" * 64)
    assert (changed.status_code, changed.json()["code"]) == (409, "terms_changed")
    assert phone.enrol(token, accepts=digest).status_code == 201
    rows = inside(lambda: [bytes(row.leaf).decode() for row in Entry.objects.filter(kind="terms.accepted")])
    assert any(phone.id in leaf and digest in leaf for leaf in rows)
