"""The API and the page of webhooks: strangers, the other business, what is shown once."""

import pytest
from django.db import connection

from messaging.flows import webhook
from messaging.models import Webhook
from portal.kernel import clock
from portal.kernel.errors import Refusal
from portal.testing import browser

GIVEN = {"url": "https://example.org/ebb", "events": ["message.received"]}
JSON = {"content_type": "application/json"}


def test_the_life_of_a_webhook_by_the_api(it, globex):
    api = browser.program(it.cast)
    made = api.post("/api/v1/webhooks", GIVEN, **JSON)
    assert made.status_code == 201
    secret, path = made.json()["secret"], f"/api/v1/webhooks/{made.json()['id']}"
    assert secret.startswith("whsec_")
    assert "secret" not in api.get(path).json()
    assert api.get("/api/v1/webhooks").json()["results"][0]["id"] == made.json()["id"]
    changed = api.patch(path, {"events": ["device.wiped"], "on": False}, **JSON).json()
    assert (changed["events"], changed["on"], changed["off"]) == (["device.wiped"], False, "staff")
    assert api.post(f"{path}/test").json()["code"] == "webhook_off"
    assert api.patch(path, {"on": True}, **JSON).json()["on"]
    tested = api.post(f"{path}/test")
    assert (tested.status_code, tested.json()["state"]) == (202, "waiting")
    log = api.get(f"{path}/deliveries?state=waiting").json()["results"]
    assert [one["event"] for one in log] == ["webhook.test"]
    assert api.post(f"{path}/deliveries/{log[0]['id']}/replay").json()["code"] == "delivery_waits"
    assert api.get(f"{path}/deliveries?state=nope").json()["code"] == "bad_state"
    turned = api.post(f"{path}/rotate").json()
    assert turned["secret"] != secret
    assert turned["old_secret_until"]
    theirs = browser.program(globex)
    for answer in (
        theirs.get(path), theirs.patch(path, {"on": False}, **JSON), theirs.delete(path), theirs.post(f"{path}/rotate"),
        theirs.post(f"{path}/test"), theirs.get(f"{path}/deliveries"), theirs.post(f"{path}/deliveries/{log[0]['id']}/replay"),
    ):  # fmt: skip
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404


BAD = [
    ({**GIVEN, "url": "http://example.org"}, "bad_url"), ({**GIVEN, "url": "https://169.254.169.254/"}, "address_inside"),
    ({**GIVEN, "events": []}, "event_missing"), ({**GIVEN, "events": ["nope"]}, "unknown_event"),
    ({**GIVEN, "secret": "mine"}, "unknown_field"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "code"), BAD)
def test_what_is_no_webhook(it, body, code):
    answer = browser.program(it.cast).post("/api/v1/webhooks", body, **JSON)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_there_are_not_more_than_twenty(it):
    with it.cast.inside():
        for _ in range(webhook.MOST):
            webhook.create(actor=it.cast.owner, now=clock.now(), **GIVEN)
        with pytest.raises(Refusal, match="too_many_webhooks"):
            webhook.create(actor=it.cast.owner, now=clock.now(), **GIVEN)


def test_who_may_not_manage_them_does_nothing(it):
    made = it.add()
    for actor in (it.cast.author, it.cast.officer):
        with it.cast.inside(), pytest.raises(Refusal, match="not_allowed"):
            webhook.rotate(actor=actor, now=clock.now(), webhook_id=made.id)


def test_addresses_and_secrets_are_never_plain(it):
    made = it.add()
    with it.cast.inside(), connection.cursor() as cursor:
        webhook.rotate(actor=it.cast.owner, now=clock.now(), webhook_id=made.id)
        cursor.execute("SELECT w::text FROM messaging_webhook w WHERE id = %s", [made.id])
        stored = cursor.fetchone()[0]
    for plain in ("localhost", "whsec_", made.secret[8:24], made.secret.encode().hex()):
        assert plain not in stored
    assert made.secret not in repr(made)


def test_the_page_adds_shows_once_tests_replays_and_deletes(it, globex):
    owner = browser.staff(it.cast, "owner")
    assert b"No webhooks yet" in owner.get("/console/settings/webhooks/").content
    bad = owner.post("/console/settings/webhooks/new", {"url": "http://x", "events": ["message.received"]})
    assert bad.status_code == 422
    assert b"https address" in bad.content
    made = owner.post("/console/settings/webhooks/new", GIVEN)
    assert b"whsec_" in made.content
    with it.cast.inside():
        row = Webhook.objects.get()
    page = f"/console/settings/webhooks/{row.id}/"
    assert b"whsec_" not in owner.get(page).content
    assert owner.post(f"{page}test").status_code == 302
    shown = owner.get(page).content.decode()
    assert "webhook.test" in shown
    assert owner.post(f"{page}rotate").content.count(b"whsec_") == 1
    assert owner.post(f"{page}change", {"switch": "off"}).status_code == 302
    assert "Switched off" in owner.get(page).content.decode()
    for role in ("author", "officer"):
        assert browser.staff(it.cast, role).get(page).status_code == 404
    stranger = browser.staff(globex, "owner")
    assert stranger.get(page).status_code == 404
    assert stranger.post(f"{page}delete").status_code == 404
    assert owner.post(f"{page}delete").status_code == 302
    with it.cast.inside():
        assert not Webhook.objects.exists()
