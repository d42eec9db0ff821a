"""Settings of notices: the owner's alone; a secret is taken and never shown; where a provider is reached is not theirs to say."""

import re

import pytest

from archive.models import Entry
from messaging.models import Channel
from messaging.queries import policy
from portal.testing import browser

FORM = {
    "quiet_from": "20:00", "quiet_until": "08:00", "way-1": "sms", "way-2": "email", "way-3": "", "sender_name": "AC",
    "fall_back_after": "60", "remind_before": "12",
}  # fmt: skip


def test_an_owner_says_how_customers_are_told(it):
    page = browser.staff(it.cast, "owner")
    assert page.post("/console/settings/notices/change", FORM).status_code == 302
    with it.cast.inside():
        policy.forget()
        now = policy.get_policy().notices
        assert Entry.objects.filter(kind="notices.changed").exists()
    assert (now.quiet.since, now.quiet.until, now.ways, now.sender) == (1200, 480, "sms,email", "AC")
    assert (now.fall_back_after.total_seconds(), now.remind_before.total_seconds()) == (3600, 12 * 3600)
    shown = page.get("/console/settings/notices/").content.decode()
    assert 'value="20:00"' in shown


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"quiet_until": ""}, "Quiet hours have a beginning"),
        ({"quiet_from": "noon"}, "Write a time as 20:00."),
        ({"way-2": "sms"}, "each once"),
        ({"way-1": "", "way-2": ""}, "at least one way"),
        ({"fall_back_after": "99999999"}, "between a minute and 30 days"),
        ({"sender_name": "x" * 41}, "too long"),
    ],
)
def test_nonsense_is_told_at_its_field(it, changed, said):
    answer = browser.staff(it.cast, "owner").post("/console/settings/notices/change", {**FORM, **changed})
    assert answer.status_code == 422
    assert said in answer.content.decode()


def test_a_secret_is_taken_kept_and_never_shown(it, provider):
    page = browser.staff(it.cast, "owner")
    form = {"account": "", "sender": "+4930123456", "secret": "canary-secret", "is_on": "1"}
    assert page.post("/console/settings/notices/texts", form).status_code == 302
    assert page.post("/console/settings/notices/texts", {**form, "secret": ""}).status_code == 302
    assert "canary-secret" not in page.get("/console/settings/notices/").content.decode()
    with it.cast.inside():
        row = Channel.objects.get(kind="sms")
        assert (row.secret, row.is_on) == ("canary-secret", True)
    sent = it.cast.send(it.cast.customer(phone="+4915112345678"))
    it.work()
    assert it.ways(sent.id) == [("arrived", "sms", "sent", "")]
    assert provider.got[0].headers["authorization"] == "Bearer canary-secret"


def test_texts_without_a_secret_are_not_switched_on(it, provider):
    answer = browser.staff(it.cast, "owner").post("/console/settings/notices/texts", {"sender": "+4930", "is_on": "1"})
    assert "need a number" in answer.content.decode()
    with it.cast.inside():
        assert not Channel.objects.filter(kind="sms").exists()


def test_others_see_or_change_nothing(it):
    for role in ("author", "officer", "reviewer"):
        page = browser.staff(it.cast, role)
        for act in ("change", "texts", "hook"):
            assert page.post(f"/console/settings/notices/{act}", FORM).status_code == 404


def test_a_way_that_fails_is_told_on_the_page(it, provider):
    it.text_from()
    provider.be("refuses", 401)
    it.cast.send(it.cast.customer(phone="+4915112345678"))
    it.work()
    shown = browser.staff(it.cast, "owner").get("/console/settings/notices/").content.decode()
    assert "the provider does not know the account or secret" in shown


def test_it_says_how_many_devices_web_push_reaches(it, settings):
    page = browser.staff(it.cast, "owner")
    shown = page.get("/console/settings/notices/").content.decode()
    assert re.search(r"in their inbox: \d+ devices? now", shown)
    settings.EBB_PUSH_KEY = b""
    assert "Web push is not set up" in page.get("/console/settings/notices/").content.decode()
