"""Who was not reached: why, in words; told by phone; strangers and the other business see none of it."""

import csv
import io

import pytest

from archive.models import Entry
from messaging.flows import expiry, followup
from messaging.models import FollowUp
from messaging.queries import unreached
from portal.kernel import actors, clock
from portal.kernel.errors import Refusal
from portal.testing import browser

HOUR = 3600


def ended(it, **customer):
    """A message that lived for an hour and was received by nobody."""
    sent = it.cast.send(it.cast.customer(**customer), "CANARY words", gone_after=HOUR)
    it.work()
    it.wait(hours=1, seconds=1)
    with it.cast.inside():
        while expiry.purge(now=clock.now()).bodies:
            pass
    return sent


def why(it, sent):
    with it.cast.inside():
        return unreached.get_unreached_for(it.cast.author).get(id=sent.id).why


def test_each_has_its_reason(it, mailoutbox):
    assert why(it, ended(it)) == "no_way"
    assert why(it, ended(it, email="told@example.org")) == "told"
    it.at.at = it.at.at.replace(hour=21)
    it.policy(quiet_from=20 * 60, quiet_until=8 * 60)
    assert why(it, ended(it, email="quiet@example.org")) == "quiet_hours"


def test_a_provider_that_never_answered_leaves_it_open(it, provider):
    it.text_from()
    provider.be("hangs_up")
    assert why(it, ended(it, phone="+4915112345678")) == "unsure"


def test_filters_over_the_api(it, mailoutbox):
    sent = ended(it, email="api@example.org")
    api = browser.program(it.cast)
    with it.cast.inside():
        customer = unreached.get_unreached_for(it.cast.author).get(id=sent.id).customer_id
    [row] = api.get(f"/api/v1/unreached?customer={customer}").json()["results"]
    assert (row["id"], row["why"]) == (str(sent.id), "told")
    assert [one["channel"] for one in row["told"]] == ["email"]
    assert api.get(f"/api/v1/unreached?customer={customer}&why=no_way").json()["results"] == []
    assert api.get(f"/api/v1/unreached?customer={customer}&followed=yes").json()["results"] == []
    for wrong, code in (
        ("why=nothing", "unknown_filter"),
        ("followed=maybe", "unknown_filter"),
        ("after=noon", "bad_time"),
    ):
        assert api.get(f"/api/v1/unreached?{wrong}").json()["code"] == code
    done = api.post(
        f"/api/v1/messages/{sent.id}/followup", {"by": "phone", "note": "CANARY note"}, content_type="application/json"
    )
    assert done.status_code == 201
    [row] = api.get(f"/api/v1/unreached?customer={customer}&followed=yes").json()["results"]
    assert row["followed_up"][0]["by"] == "phone"
    with it.cast.inside():
        entry = Entry.objects.get(kind="message.followed_up", message_id=sent.id)
        assert b'"by":"phone"' in bytes(entry.leaf)
        assert b"CANARY" not in bytes(entry.leaf) + bytes(entry.detail or b"")


def test_only_what_reached_nobody_is_followed_up(it, acme, mailoutbox):
    live = it.cast.send(it.cast.customer(email="live@example.org"))
    with it.cast.inside():
        for message_id, by, code in ((live.id, "phone", "not_unreached"), (live.id, "fax", "unknown_followup")):
            with pytest.raises(Refusal) as refused:
                followup.note(actor=it.cast.author, now=clock.now(), message_id=message_id, by=by)
            assert refused.value.code == code
        with pytest.raises(Refusal) as refused:
            followup.note(actor=it.cast.officer, now=clock.now(), message_id=live.id, by="phone")
        assert refused.value.code == "not_allowed"
    sent = ended(it, email="mine@example.org")
    with acme.inside(), pytest.raises(Refusal) as refused:
        followup.note(actor=actors.SYSTEM, now=clock.now(), message_id=sent.id, by="phone")
    assert refused.value.code == "not_found"


def test_the_page_and_its_csv(it, mailoutbox):
    sent = ended(it, email="page@example.org", name="=Ada", reference="page-1")
    page = browser.staff(it.cast, "author")
    shown = page.get("/console/messages/unreached/").content.decode()
    assert "They were told that there is a message, and did not come." in shown
    assert "CANARY" not in shown
    assert page.post(f"/console/messages/{sent.id}/follow-up", {"by": "letter"}).status_code == 302
    assert "Told by letter" in page.get("/console/messages/unreached/?followed=yes").content.decode()
    with it.cast.inside():
        assert FollowUp.objects.get(message_id=sent.id).by == "letter"
    rows = list(csv.DictReader(io.StringIO(page.get("/console/messages/unreached/?format=csv").content.decode())))
    [row] = [one for one in rows if one["id"] == str(sent.id)]
    assert row["customer_name"] == "'=Ada"
    assert "Told by letter" in row["followed_up"]
    assert (
        str(sent.id)
        not in browser.staff(it.cast, "author").get("/console/messages/unreached/?why=no_way").content.decode()
    )


def test_the_message_s_page_tells_of_notices_and_of_what_was_done(it, provider, mailoutbox):
    it.text_from()
    it.policy(ways="sms,email")
    provider.be("refuses", 400, code="bad_number")
    sent = ended(it, phone="+4915112345678", email="page@example.org")
    with it.cast.inside():
        followup.note(actor=it.cast.author, now=clock.now(), message_id=sent.id, by="phone", words="CANARY said")
    page = browser.staff(it.cast, "owner").get(f"/console/messages/{sent.id}/").content.decode()
    told = ["Notice by text message: failed", "Bad address", "Notice by e-mail: sent", "Told by phone"]
    assert [words for words in told if words not in page] == []
    assert [page.index(words) for words in told] == sorted(page.index(words) for words in told)
    assert "CANARY" not in page
