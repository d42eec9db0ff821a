"""Every page of the console is drawn, empty and full, for every role that may open it."""

from datetime import timedelta

import pytest

from archive.flows import tree
from messaging.flows import message
from portal.kernel import actors, clock
from portal.testing import browser

LISTS = ("", "messages/", "customers/", "devices/", "conversations/", "compose/", "archive/", "settings/")
TABS = ("keys", "staff", "roles", "lifetimes")


@pytest.mark.parametrize("path", LISTS)
def test_lists_are_drawn(owner, path):
    answer = owner.get(f"/console/{path}")
    assert answer.status_code == 200
    assert b"</html>" in answer.content


@pytest.mark.parametrize("tab", TABS)
def test_settings_tabs_are_drawn(owner, tab):
    assert owner.get(f"/console/settings/?tab={tab}").status_code == 200


def test_a_message_is_written_and_seen(acme, author):
    person = acme.customer(name="Grace")
    values = {"customer": str(person), "to": "Grace", "subject": "Hello", "body": "Line one\r\nLine two",
              "gone_after": "custom", "gone_after_count": "2", "gone_after_unit": "3600", "send": "now"}  # fmt: skip
    sent = author.post("/console/compose/", values)
    assert sent.status_code == 302, sent.content
    page = author.get(sent["Location"])
    assert b"Line two" in page.content
    assert b"Grace" in page.content


def test_quick_answers_are_a_line_each(acme, author):
    values = {"customer": str(acme.customer()), "to": "x", "body": "At nine?", "answers": " Yes \r\n\r\nNo, later", "send": "now",
              "gone_after": "3600"}  # fmt: skip
    sent = author.post("/console/compose/", values)
    assert sent.status_code == 302, sent.content
    page = author.get(sent["Location"]).content.decode()
    assert "<bdi>“Yes”</bdi>, <bdi>“No, later”</bdi>" in page
    refused = author.post("/console/compose/", {**values, "answers": "a\nb\nc\nd\ne"})
    assert refused.status_code == 422
    assert "at most four answers" in refused.content.decode()


def test_a_refusal_stands_at_its_field(acme, author):
    answer = author.post("/console/compose/", {"to": "", "body": "x", "gone_after": "60"})
    assert answer.status_code == 422
    assert b"Say who it is for" in answer.content


def test_reading_anothers_message_is_an_entry(acme, owner, author):
    sent = acme.send(acme.customer(), body="a private word", subject="hidden subject")
    page = owner.get(f"/console/messages/{sent.id}/")
    assert page.status_code == 200
    assert b"a private word" not in page.content
    assert b"hidden subject" not in page.content
    assert not _entries(acme, "live.read", sent.id)
    read = owner.post(f"/console/messages/{sent.id}/read")
    assert b"a private word" in read.content
    assert len(_entries(acme, "live.read", sent.id)) == 1


def test_the_author_reads_without_an_entry(acme, author):
    sent = acme.send(acme.customer(), body="my own words")
    assert b"my own words" in author.get(f"/console/messages/{sent.id}/").content
    assert not _entries(acme, "live.read", sent.id)


def test_an_officer_cannot_read_live_words(acme, officer):
    sent = acme.send(acme.customer(), body="a private word")
    assert officer.post(f"/console/messages/{sent.id}/read").status_code == 403
    assert b"a private word" not in officer.get(f"/console/messages/{sent.id}/").content


def test_a_message_is_extended_and_recalled(acme, author):
    sent = acme.send(acme.customer(), gone_after=3600)
    assert author.post(f"/console/messages/{sent.id}/extend", {"by": "3600"}).status_code == 302
    assert author.post(f"/console/messages/{sent.id}/recall").status_code == 302
    assert b"Recalled" in author.get(f"/console/messages/{sent.id}/").content


def test_a_cancelled_message_is_not_called_taken_back(acme, author):
    planned = acme.send(acme.customer(), body="never sent", send_at=clock.now() + timedelta(days=1))
    assert author.post(f"/console/messages/{planned.id}/recall").status_code == 302
    page = author.get(f"/console/messages/{planned.id}/").content
    assert b"Cancelled before it was sent" in page
    assert b"Taken back" not in page


def test_no_link_leads_where_a_role_may_not_go(author, officer):
    """404 for what a role may not see is right, a link to it is not."""
    for client, hidden in ((author, ("archive", "settings")), (officer, ("compose", "conversations"))):
        page = client.get("/console/").content.decode()
        assert "/console/messages/" in page
        assert not [name for name in hidden if f'href="/console/{name}/"' in page]


def test_a_customer_is_added_invited_and_erased(acme, author):
    made = author.post(
        "/console/customers/new", {"name": "Linus", "reference": f"N-{clock.now():%f}", "language": "en"}
    )
    assert made.status_code == 302, made.content
    shown = author.post(made["Location"] + "invite", {"send_by": "show"})
    assert b"/inbox/enrol/" in shown.content or b"/inbox/" in shown.content
    assert b"enrol-code" in shown.content
    assert b"enrol-code" not in author.get(made["Location"]).content
    assert author.post(made["Location"] + "erase").status_code == 302
    assert author.get(made["Location"]).status_code == 404


def test_customers_are_found_by_part_of_a_name_and_picked(acme, author):
    acme.customer(name="Hedwig Kiesler")
    picked = author.get("/console/customers/?q=kiesl&format=json").json()
    assert [one["name"] for one in picked["results"]] == ["Hedwig Kiesler"]


def test_a_device_is_locked_unlocked_and_wiped(acme, author):
    phone = acme.handset(acme.customer())
    path = f"/console/devices/{phone.device}/"
    assert author.get(path).status_code == 200
    for act, word in (("lock", b"Locked"), ("unlock", b"Active"), ("wipe", b"Waiting for the device")):
        assert author.post(path + act).status_code == 302
        assert word in author.get(path).content


def test_a_conversation_is_read_answered_assigned_and_closed(acme, author, owner):
    person = acme.customer(name="Writer")
    phone = acme.handset(person)
    with acme.inside():
        message.receive(actor=acme.actor_of(phone, person), now=clock.now(), customer_id=person, text="please call me")
    listed = author.get("/console/conversations/?q=Writer")
    path = listed.context["page"].results[0]["id"]
    path = f"/console/conversations/{path}/"
    assert b"please call me" in author.get(path).content
    assert author.post(path + "reply", {"body": "we will", "gone_after": "3600"}).status_code == 302
    assert author.post(path + "assign", {"assignee": str(acme.author.id)}).status_code == 302
    assert b"we will" in author.get(path).content
    assert author.post(path + "close").status_code == 302


def test_a_key_that_was_used_is_listed(acme, owner):
    assert browser.program(acme).get("/api/v1/messages").status_code == 200
    assert owner.get("/console/settings/?tab=keys").status_code == 200


def test_keys_are_shown_once(acme, owner):
    made = owner.post("/console/settings/keys", {"name": "Appointments", "scopes": ["message.send"]})
    assert made.status_code == 200
    secret = made.context["new_key"]["secret"]
    assert secret.encode() in made.content
    assert secret.encode() not in owner.get("/console/settings/?tab=keys").content


def test_the_archive_is_opened_read_proved_and_locked(acme, officer):
    sent = acme.send(acme.customer(name="Reader"), body="kept words", subject="Kept")
    with acme.inside():
        tree.integrate(now=clock.now())
    path = f"/console/archive/{sent.index}/"
    assert officer.get("/console/archive/").status_code == 200
    assert b"Prove this entry" in officer.get(path).content
    assert b"kept words" not in officer.get(path + "record").content
    wrong = officer.post("/console/archive/unlock", {"passphrase": "not the right words"})
    assert wrong.status_code == 422
    opened = officer.post("/console/archive/unlock", {"passphrase": acme.passphrase, "next": path + "record"})
    assert opened["Location"] == path + "record"
    assert opened.cookies["__Host-ebb-archive"]["samesite"] == "Strict"
    assert b"kept words" in officer.get(path + "record").content
    assert len(_entries(acme, "archive.opened", sent.id)) == 1
    assert officer.get(path + "proof").content.startswith(b"c2sp.org/tlog-proof@v1\n")
    assert officer.post("/console/archive/lock").status_code == 302
    assert b"kept words" not in officer.get(path + "record").content


def test_unlock_sends_nobody_to_another_host(acme, officer):
    answer = officer.post(
        "/console/archive/unlock", {"passphrase": acme.passphrase, "next": "https://elsewhere.example/"}
    )
    assert answer["Location"] == "/console/archive/"
    officer.post("/console/archive/lock")


def _entries(acme, kind, message_id):
    from archive.queries import entries

    with acme.inside():
        return entries.list_for(actors.SYSTEM, entries.Filter(kind=kind, message=message_id)).results
