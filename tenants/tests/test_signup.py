"""Who starts a business from the installation's own page: counted, once each, and gone after a day."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.db import connections
from django_q.models import OrmQ
from django_tenants.utils import schema_exists

from portal.kernel import keys
from portal.kernel.errors import Refusal
from tenants import jobs
from tenants.flows import provision, signup
from tenants.models import Business, Domain, PlatformEvent, Signup
from tenants.queries import signups

NOON = datetime(2031, 5, 5, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def empty(house):
    yield
    signup.sweep(now=NOON + 100 * DAY)
    OrmQ.objects.all().delete()


def asked(email="new@start.example", source="192.0.2.1", now=NOON):
    before = set(Signup.objects.values_list("id", flat=True))
    signup.ask(now=now, email=email, source=source)
    [made] = set(Signup.objects.values_list("id", flat=True)) - before
    return made


def named(now=NOON):
    slug, pk = (
        f"start-{secrets.token_hex(4)}",
        asked(f"{secrets.token_hex(4)}@start.example", f"192.0.2.{secrets.randbelow(250)}"),
    )
    signup.name(now=now, signup_id=pk, slug=slug, name="Started")
    return pk, Business.objects.get(slug=slug)


def waiting(name):
    return [row.task["args"] for row in OrmQ.objects.all() if row.task["args"][0] == name]


def test_an_address_gets_three_links_a_day_and_the_answer_does_not_say_so():
    for number in range(5):
        signup.ask(now=NOON, email="one@start.example", source=f"192.0.2.{number}")
    rows = {str(pk) for pk in Signup.objects.filter(email="one@start.example").values_list("id", flat=True)}
    assert len(rows) == signup.OF_AN_ADDRESS
    assert rows <= {args[1] for args in waiting(signup.SEND)}
    assert asked("one@start.example", now=NOON + DAY)


def test_a_network_asks_five_times_a_day_however_many_at_once():
    def ask(number):
        try:
            signup.ask(now=NOON, email=f"{number}@start.example", source=f"2001:db8:0:7::{number:x}")
            return True
        except Refusal:
            return False
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(20))) == signup.OF_A_NETWORK
    assert asked("another@start.example", "2001:db8:0:8::1")


def test_the_installation_has_a_limit_too(monkeypatch):
    monkeypatch.setattr(signup, "OF_ALL", 2)
    asked("a@start.example", "192.0.2.1"), asked("b@start.example", "192.0.2.2")
    with pytest.raises(Refusal, match="too_many"):
        signup.ask(now=NOON, email="c@start.example", source="192.0.2.3")


def test_a_link_opens_for_a_day_and_another_never():
    pk = asked()
    token = signups.token_of(pk)
    assert signups.read(token, NOON + DAY - timedelta(seconds=1)) == pk
    for wrong, now in ((token, NOON + DAY), (token[:-1] + ("A" if token[-1] != "A" else "B"), NOON), (pk.hex, NOON)):
        with pytest.raises(Refusal, match="link_over"):
            signups.read(wrong, now)


def test_one_link_makes_one_business_and_a_taken_address_makes_none():
    pk, business = named()
    assert Domain.objects.get(tenant=business).domain == f"{business.slug}.{settings.BASE_NAME}"
    with pytest.raises(Refusal, match="already_named"):
        signup.name(now=NOON, signup_id=pk, slug="another-address", name="Another")
    other = asked("other@start.example", "198.51.100.1")
    for slug, code in ((business.slug, "name_taken"), ("www", "bad_slug"), ("Über", "bad_slug")):
        with pytest.raises(Refusal, match=code):
            signup.name(now=NOON, signup_id=other, slug=slug, name="Other")
    assert Signup.objects.get(id=other).business_id is None
    assert waiting(signup.BUILD) == [(signup.BUILD, str(business.id))]


def test_a_lost_job_is_asked_for_again_and_its_progress_can_be_seen():
    pk, business = named()
    OrmQ.objects.all().delete()
    signup.sweep(now=NOON + signup.STALLED - timedelta(seconds=1))
    assert waiting(signup.BUILD) == []
    signup.sweep(now=NOON + signup.STALLED)
    assert len(waiting(signup.BUILD)) == 1
    seen = signups.birth_of(Signup.objects.get(id=pk))
    assert (seen.made, seen.percent, seen.is_built, seen.is_served) == (0, 0, False, False)
    jobs.build(business.id)
    seen = signups.birth_of(Signup.objects.get(id=pk))
    assert (seen.made, seen.percent, seen.is_built, seen.is_served) == (seen.total, 100, True, False)
    signup.sweep(now=NOON + signup.STALLED)
    assert len(waiting(signup.BUILD)) == 1, "what is built is not built again"


def test_after_a_day_nothing_is_left():
    pk, business = named()
    jobs.build(business.id)
    signup.sweep(now=NOON + DAY - timedelta(seconds=1))
    assert Signup.objects.filter(id=pk).exists()
    assert schema_exists(business.schema_name)
    signup.sweep(now=NOON + DAY)
    assert not Signup.objects.filter(id=pk).exists()
    assert not Business.objects.filter(id=business.id).exists()
    assert not Domain.objects.filter(domain__startswith=business.slug).exists()
    assert not schema_exists(business.schema_name)
    assert not keys.keyring().holds(business.id)
    kinds = PlatformEvent.objects.filter(business_id=business.id).order_by("id").values_list("kind", flat=True)
    assert list(kinds)[-1] == "business.abandoned"
    assert named()  # the address and its network are free again


def test_one_that_is_served_stays():
    pk, business = named()
    jobs.build(business.id)
    provision.mark_ready(business_id=business.id, now=NOON)
    signup.sweep(now=NOON + DAY)
    assert not Signup.objects.filter(id=pk).exists()
    assert schema_exists(business.schema_name)
    assert keys.keyring().holds(business.id)
    Business.objects.filter(id=business.id).update(state=Business.State.PROVISIONING)
    provision.abandon(business_id=business.id, now=NOON)
