"""What a business asks of devices: changed by an owner, told in the ledger, in force with the next call."""

import json

import pytest

from archive.models import Entry
from messaging.models import Policy
from messaging.queries import policy

ASKED = {
    "second_factor": "code",
    "app_lock": "required",
    "app_lock_after": "120",
    "idle_days": "30",
    "ends_an_hour": "3",
}


@pytest.fixture
def kept(acme):
    """As it was, afterwards."""
    with acme.inside():
        before = Policy.objects.filter(id=1).values(*ASKED).get()
    yield
    with acme.inside():
        Policy.objects.filter(id=1).update(**before)
        policy.forget()


def test_an_owner_changes_it_and_it_is_an_entry(acme, owner, kept):
    page = owner.get("/console/settings/?tab=devices").content.decode()
    assert 'name="ends_an_hour"' in page
    owner.post("/console/settings/devices", ASKED)
    with acme.inside():
        assert policy.get_policy().demands.app_lock == "required"
        codes = json.loads(bytes(Entry.objects.filter(kind="settings.changed").latest("index").leaf))["codes"]
    assert codes == {
        "second_factor": "code",
        "app_lock": "required",
        "app_lock_after": 120,
        "idle_days": 30,
        "ends_an_hour": 3,
    }


@pytest.mark.parametrize("wrong", [{"app_lock": "never"}, {"second_factor": "x"}, {"idle_days": "-1"}, {"ends_an_hour": "101"},
                                   {"app_lock_after": "29"}, {"app_lock_after": ""}])  # fmt: skip
def test_what_cannot_be_is_refused(acme, owner, kept, wrong):
    with acme.inside():
        before = policy.get_policy().demands
    owner.post("/console/settings/devices", {**ASKED, **wrong})
    with acme.inside():
        policy.forget()
        assert policy.get_policy().demands == before


def test_an_officer_sees_it_and_does_not_change_it(officer):
    assert "An owner or an admin changes this" in officer.get("/console/settings/?tab=devices").content.decode()
    assert officer.post("/console/settings/devices", ASKED).status_code == 404
