"""A customer's own page: what is kept and until when, consent, the copy, the wish to be erased; and what it never lets infer."""

import json
from datetime import timedelta

import pytest

from archive.flows import hold
from archive.models import Entry, Record
from messaging.flows import customer as customers
from messaging.flows import erasure, openness
from messaging.models import Customer, Message
from messaging.tests.device.phone import Phone
from portal.kernel import actors, clock
from portal.kernel.errors import Refusal

STAFF = actors.SYSTEM


def own(phone: Phone) -> dict:
    answer = phone.ask("GET", "/inbox/own")
    assert answer.status_code == 200, answer.content
    return answer.json()


def mine(phone: Phone) -> dict:
    [one] = own(phone)["customers"]
    return one


def say(phone: Phone, whom: object, purpose: str, channel: str, given: bool, **more: object):
    told = {"for": str(whom), "purpose": purpose, "channel": channel, "given": given, **more}
    return phone.ask("POST", "/inbox/own/consent", told)


def choice(told: dict, purpose: str, channel: str) -> dict:
    return next(one for one in told["consent"] if (one["purpose"], one["channel"]) == (purpose, channel))


def entries(inside, kind: str, whom: object) -> list[dict]:
    rows = inside(lambda: list(Entry.objects.filter(kind=kind, customer_id=whom).order_by("index")))
    return [json.loads(bytes(row.leaf)) for row in rows]


# ── what is kept ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_it_says_what_is_kept_and_until_when(cast, inside):
    who = cast.customer(email="paula.own@example.org", phone="+4917012345678")
    phone = cast.phone(who)
    cast.send(who, gone_after=3600)
    cast.send(who, gone_after=3600)
    told = mine(phone)
    assert told["live"] == 2
    [kind] = told["archive"]
    last = inside(lambda: max(Message.objects.filter(customer_id=who).values_list("archived_until", flat=True)))
    assert (kind["count"], kind["until"]) == (2, clock.text(last))
    assert [(one["way"], one["to"]) for one in told["channels"]] == [
        ("email", "p…@example.org"), ("sms", "+49…678"),
    ]  # fmt: skip
    assert all(one["keep_for"] and one["from"] for one in own(phone)["rules"])
    assert "paula.own" not in json.dumps(told)


def test_another_customers_page_is_not_there(cast):
    who, other = cast.customer(), cast.customer()
    phone = cast.phone(who)
    cast.send(other, "Not yours")
    assert [one["id"] for one in own(phone)["customers"]] == [str(who)]
    for path, more in (("consent", {"purpose": "all", "channel": "sms", "given": False}), ("copy", {}),
                       ("erasure", {"asked": True})):  # fmt: skip
        answer = phone.ask("POST", f"/inbox/own/{path}", {"for": str(other), **more})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path


@pytest.mark.parametrize("path", ["own", "own/consent", "own/copy", "own/erasure"])
def test_a_cookie_alone_opens_none_of_it(cast, path):
    phone = cast.phone()
    method = "get" if path == "own" else "post"
    assert getattr(phone.client, method)(f"/inbox/{path}").status_code == 401


# ── holds ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_nothing_of_a_hold_can_be_inferred_where_the_business_does_not_tell(cast, inside):
    """Of two customers alike, one is under a hold: their pages say the same, also once the records are past their end."""
    who = cast.customer(), cast.customer()
    phones = [cast.phone(one) for one in who]
    for one in who:
        cast.send(one, gone_after=3600)
    when = inside(lambda: Message.objects.get(customer_id=who[0]).archived_until)
    inside(lambda: Message.objects.filter(customer_id__in=who).update(archived_until=when))
    inside(hold.place, actor=STAFF, now=clock.now(), name="Secret", reason="Secret", query=f"customer:{who[0]}")
    assert _without_times(mine(phones[0])) == _without_times(mine(phones[1]))
    assert mine(phones[0])["holds"] is None
    over = clock.now() - timedelta(days=1)
    for rows in (Message.objects.filter(customer_id__in=who), Record.objects.filter(customer_id__in=who)):
        inside(rows.update, archived_until=over)
    inside(Record.objects.filter(customer_id=who[1]).delete)  # what a disposal leaves of the other one
    assert _without_times(mine(phones[0])) == _without_times(mine(phones[1]))


def test_a_hold_is_told_where_the_business_tells(cast, inside):
    who = cast.customer()
    phone, other = cast.phone(who), cast.phone()
    cast.send(who, gone_after=3600)
    inside(hold.place, actor=STAFF, now=clock.now(), name="Tariff dispute", reason="x", query=f"customer:{who}")
    inside(openness.change, actor=STAFF, now=clock.now(), tells_holds=True)
    try:
        [one] = mine(phone)["holds"]
        assert one["count"] == 1
        assert mine(other)["holds"] == []
        assert "Tariff" not in json.dumps(mine(phone))
    finally:
        inside(openness.change, actor=STAFF, now=clock.now(), tells_holds=False)


def _without_times(told: dict) -> dict:
    return {name: value for name, value in told.items() if name not in {"id", "name", "profile"}}


# ── consent ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_an_opt_out_wins_at_once_and_is_an_entry(cast, inside):
    who = cast.customer()
    phone = cast.phone(who)
    assert choice(mine(phone), "service", "all")["on"]
    wording = "Do you want messages from them?"
    answer = say(phone, who, "service", "all", False, wording=wording)
    [told] = answer.json()["customers"]
    assert choice(told, "service", "all") == {"purpose": "service", "channel": "all", "said": "refused", "on": False}
    assert inside(lambda: Customer.objects.get(id=who).refused) == ["service"]
    [written] = entries(inside, "consent.withdrawn", who)
    assert written["actor"] == f"device:{phone.id}"
    [said] = told["said"]
    assert (said["source"], said["wording"], said["given"]) == ("inbox", wording, False)
    assert say(phone, who, "service", "all", True).json()["customers"][0]["consent"][0]["on"]


def test_marketing_is_off_until_it_is_agreed_to(cast):
    who = cast.customer()
    phone = cast.phone(who)
    assert not choice(mine(phone), "marketing", "all")["on"]
    [told] = say(phone, who, "marketing", "all", True).json()["customers"]
    assert choice(told, "marketing", "all") == {"purpose": "marketing", "channel": "all", "said": "given", "on": True}
    [told] = say(phone, who, "all", "all", False).json()["customers"]
    assert not any(one["on"] for one in told["consent"])
    assert choice(told, "all", "all")["said"] == "refused"


@pytest.mark.parametrize("wrong", [("x", "all"), ("all", "pigeon"), ("", "")])
def test_what_nobody_can_agree_to_is_refused(cast, wrong):
    who = cast.customer()
    answer = say(cast.phone(who), who, *wrong, True)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_consent")


# ── the copy ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_copy_has_what_is_live_and_nothing_else(cast, inside):
    who = cast.customer()
    phone = cast.phone(who)
    kept, sealed, over = (
        cast.send(who, "Live words", gone_after=3600), cast.send(who, "Sealed words", gone_after=3600, tap_to_reveal=True),
        cast.send(who, "Ended words", gone_after=3600),
    )  # fmt: skip
    cast.send(cast.customer(), "A stranger's")
    inside(Message.objects.filter(id=over).update, gone_at=clock.now())
    answer = phone.ask("POST", "/inbox/own/copy", {"for": str(who)})
    told = answer.json()
    assert {one["id"]: one["body"] for one in told["messages"]} == {str(kept): "Live words", str(sealed): None}
    assert told["covered"] == 1
    assert "no-store" in answer["Cache-Control"]
    assert inside(lambda: Message.objects.get(id=sealed).revealed_at) is None
    [written] = entries(inside, "customer.copied", who)
    assert (written["codes"]["messages"], written["codes"]["covered"]) == (2, 1)


def test_a_long_copy_comes_in_pages_without_a_gap(cast, monkeypatch):
    from messaging.queries import inbox

    monkeypatch.setattr(inbox, "PAGE", 2)
    who = cast.customer()
    phone = cast.phone(who)
    sent = [str(cast.send(who, f"Number {n}", gone_after=3600)) for n in range(5)]
    found, cursor = [], ""
    while True:
        told = phone.ask("POST", "/inbox/own/copy", {"for": str(who), "cursor": cursor}).json()
        found += [one["id"] for one in told["messages"]]
        if not (cursor := told.get("more", "")):
            break
    assert found == sent[::-1]


def test_a_locked_device_gets_no_copy(cast):
    who = cast.customer()
    phone, other = cast.phone(who), cast.phone(who)
    other.ask("POST", f"/inbox/devices/{phone.id}/lock")
    assert phone.ask("POST", "/inbox/own/copy", {"for": str(who)}).json()["code"] == "device_locked"


# ── the wish to be erased ─────────────────────────────────────────────────────────────────────────────────────────
def wish(phone: Phone, whom: object, asked: bool = True) -> dict:
    answer = phone.ask("POST", "/inbox/own/erasure", {"for": str(whom), "asked": asked})
    assert answer.status_code == 200, answer.content
    return answer.json()["customers"][0]["erasure"]


def test_a_wish_is_kept_answered_and_said_again(cast, inside):
    who = cast.customer()
    phone = cast.phone(who)
    assert mine(phone)["erasure"] == {"state": ""}
    assert wish(phone, who)["state"] == wish(phone, who)["state"] == "asked"
    assert len(entries(inside, "erasure.asked", who)) == 1
    inside(erasure.decline, actor=STAFF, now=clock.now(), customer_id=who, reason="law")
    told = mine(phone)["erasure"]
    assert (told["state"], told["why"]) == ("declined", "law")
    with pytest.raises(Refusal, match="erasure_not_asked"):
        inside(erasure.decline, actor=STAFF, now=clock.now(), customer_id=who, reason="law")
    assert wish(phone, who) | {"at": ""} == {"state": "asked", "at": "", "why": ""}
    assert wish(phone, who, asked=False) == {"state": ""}
    assert len(entries(inside, "erasure.withdrawn", who)) == 1


def test_the_existing_erasure_fulfils_it(cast, inside):
    who = cast.customer()
    phone = cast.phone(who)
    wish(phone, who)
    inside(customers.erase, actor=STAFF, now=clock.now(), customer_id=who)
    assert phone.ask("GET", "/inbox/own").json()["code"] == "device_revoked"
    row = inside(lambda: Customer.objects.get(id=who))
    assert (row.erasure_asked_at, row.erasure_answer) == (None, "")
    [last] = inside(lambda: list(Entry.objects.filter(kind="customer.erased").order_by("-index")[:1]))
    assert json.loads(bytes(last.leaf))["codes"]["asked"] is True


def test_a_wish_that_nobody_said_is_not_declined(cast, inside):
    with pytest.raises(Refusal, match="erasure_not_asked"):
        inside(erasure.decline, actor=STAFF, now=clock.now(), customer_id=cast.customer(), reason="law")
    with pytest.raises(Refusal, match="unknown_reason"):
        inside(erasure.decline, actor=STAFF, now=clock.now(), customer_id=cast.customer(), reason="mood")
