"""A lost device, ended by a link to a verified channel from a page that tells nobody who is a customer; all channels told."""

import json
import re
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_q.models import OrmQ

from archive.models import Entry
from messaging import jobs
from messaging.flows import attempt, consent, inquiry, lost
from messaging.flows import customer as customers
from messaging.models import Attempt, Device, Enrolment, Notice
from messaging.tests.device.phone import Phone
from portal.kernel import actors, clock
from portal.kernel.errors import Refusal


@pytest.fixture(autouse=True)
def from_zero(inside):
    """Guesses are counted by address, and the tests share one."""
    inside(Attempt.objects.all().delete)
    OrmQ.objects.all().delete()


@pytest.fixture
def texts(settings):
    """Text messages can be sent, too."""
    settings.EBB_SMS_PROVIDER = "console"


def visitor() -> Client:
    return Client(HTTP_HOST="acme.localhost", REMOTE_ADDR="203.0.113.9")


def post(path: str, body: dict, client: Client | None = None, **headers: str):
    return (client or visitor()).post(
        f"/inbox/{path}", json.dumps(body), content_type="application/json", headers=headers
    )


def asked_for(kind: str) -> list[tuple[str, ...]]:
    """What waits for a worker: the job's arguments after the business and the name."""
    tasks = [row.task for row in OrmQ.objects.order_by("id")]
    return [task["args"][2:] for task in tasks if task["args"][1] == inquiry.JOBS[kind]]


def work(inside) -> None:
    for (key,) in asked_for("lost"):
        inside(jobs.send_lost, UUID(key))
    OrmQ.objects.all().delete()


def link_to(inside, mailoutbox, address: str) -> str:
    """Asked for, worked off, sent: what stands in the mail."""
    assert post("lost", {"to": address}).status_code == 202
    work(inside)
    inside(jobs.send_mails)
    letter = next(one for one in reversed(mailoutbox) if one.to == [address])
    return re.search(r"/inbox/lost/([\w-]{64})", letter.body)[1]  # type: ignore[index]


def entries(inside, whom: object) -> list[dict]:
    rows = inside(lambda: list(Entry.objects.filter(customer_id=whom, kind__startswith="device.").order_by("index")))
    return [json.loads(bytes(row.leaf)) for row in rows]


# ── nobody learns who is a customer ───────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("door", ["lost", "recover"])
def test_the_door_does_the_same_whoever_is_known(cast, inside, door):
    """Not timed: the statements are the same ones in the same order, and what they wrote has the same shape."""
    cast.customer(email=f"known.{door}@example.org")
    cast.customer(email=f"moved.{door}@example.org")
    post(door, {"to": f"warm.{door}@example.org"})  # what a process looks up once and remembers
    seen = []
    for name in ("known", "other", "moved"):
        with CaptureQueriesContext(connection) as asked:
            answer = post(door, {"to": f"{name}.{door}@example.org"})
        plain = [re.sub(r"'[^']*'|\d+|\\x[0-9a-f]+", "?", one["sql"]) for one in asked]
        plain = [one for one in plain if "tenants_" not in one]  # which business a host is: remembered for two seconds
        seen.append((answer.status_code, answer.content, sorted(answer.headers), plain))
    assert seen[0] == seen[1] == seen[2]
    assert any("django_q_ormq" in one for one in seen[0][3])
    assert not any("messaging_customer" in one for one in seen[0][3])
    jobs_ = asked_for(door)
    assert [len(args) for args in jobs_] == [1] * 4
    assert {len(args[0]) for args in jobs_} == {36}
    assert len(set(jobs_)) == 4
    assert len({len(row.payload) for row in OrmQ.objects.all()}) == 1


@pytest.mark.parametrize("to", ["???", "", "+1", "x" * 300])
def test_what_is_no_address_is_answered_alike_and_kept_nowhere(inside, cast, to):
    assert (post("lost", {"to": to}).status_code, asked_for("lost")) == (202, [])


def test_an_address_is_asked_about_five_times_a_day(cast, inside):
    answers = [post("lost", {"to": "often@example.org"}) for _ in range(7)]
    assert {one.status_code for one in answers} == {202}
    assert len(asked_for("lost")) == inquiry.A_DAY


def test_one_source_asks_twenty_times(cast):
    client = visitor()
    told = [post("lost", {"to": f"n{n}@example.org"}, client).status_code for n in range(21)]
    assert told == [202] * 20 + [429]


def test_of_an_address_where_nobody_is_nothing_stays(cast, inside):
    before = inside(Notice.objects.count)
    post("lost", {"to": "nobody.there@example.org"})
    work(inside)
    assert inside(Notice.objects.count) == before


def test_a_new_address_waits_a_day(cast, inside):
    who = cast.customer(email="was@example.org")
    details = customers.Details(email="is@example.org")
    inside(customers.change, actor=actors.SYSTEM, now=clock.now(), customer_id=who, details=details)
    post("lost", {"to": "is@example.org"})
    work(inside)
    assert inside(lambda: Notice.objects.filter(customer_id=who, purpose="lost").count()) == 0


# ── the link ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_link_is_sent_once_and_its_secret_stands_nowhere(cast, inside, mailoutbox):
    who = cast.customer(email="lina@example.org")
    token = link_to(inside, mailoutbox, "lina@example.org")
    row = inside(lambda: Notice.objects.get(customer_id=who, purpose="lost"))
    assert row.state == "sent"
    assert token not in repr(vars(row))
    [letter] = [one for one in mailoutbox if one.to == ["lina@example.org"]]
    assert "It shows no message" in letter.body
    [asked] = entries(inside, who)
    assert (asked["kind"], asked["actor"], asked["codes"]["send_by"]) == ("device.lost_asked", "system", "email")


@pytest.mark.parametrize("door", ["lost", "recover"])
@pytest.mark.parametrize(
    ("purpose", "channel", "comes"),
    [("service", "all", True), ("service", "email", True), ("marketing", "all", True), ("all", "sms", True),
     ("all", "email", False), ("all", "all", False)],
)  # fmt: skip
def test_who_wants_no_messages_still_gets_the_link_they_ask_for(
    cast, inside, mailoutbox, door, purpose, channel, comes
):
    """But not by a channel that they took back."""
    address = f"{door}.{purpose}.{channel}@example.org"
    who = cast.customer(email=address)
    said = consent.Given(purpose, channel, "form", given=False)
    inside(consent.note, actor=actors.SYSTEM, now=clock.now(), customer_id=who, given=[said])
    post(door, {"to": address})
    for (key,) in asked_for(door):
        inside(jobs.send_lost if door == "lost" else jobs.send_back, UUID(key))
    inside(jobs.send_mails)
    assert [one.to for one in mailoutbox] == ([[address]] if comes else [])


def test_looking_at_the_link_uses_nothing_up_and_using_it_does(cast, inside, mailoutbox):
    who = cast.customer(email="lou@example.org")
    phone = cast.phone(who)
    token = link_to(inside, mailoutbox, "lou@example.org")
    for _ in range(3):
        assert "data-lost" in visitor().get(f"/inbox/lost/{token}").content.decode()
    answer = post("lost/use", {"token": token})
    told = answer.json()
    assert "no-store" in answer["Cache-Control"]
    assert [(one["id"], one["can_end"], one["place"]) for one in told["devices"]] == [(phone.id, True, None)]
    again = post("lost/use", {"token": token})
    assert (again.status_code, again.json()["code"]) == (401, "lost_link_spent")
    assert "data-lost" not in visitor().get(f"/inbox/lost/{token}").content.decode()


@pytest.mark.parametrize(("act", "state"), [("lock", "locked"), ("sign-out", "revoked"), ("wipe", "wiping")])
def test_it_ends_the_device_and_each_step_is_an_entry(cast, inside, mailoutbox, texts, act, state):
    who = cast.customer(email=f"ende.{act}@example.org", phone="+4917087654321")
    phone = cast.phone(who)
    told = post("lost/use", {"token": link_to(inside, mailoutbox, f"ende.{act}@example.org")}).json()
    answer = post("lost/act", {"pass": told["pass"], "device": phone.id, "act": act})
    assert [one["state"] for one in answer.json()["devices"]] == [state]
    assert phone.ask("GET", "/inbox/state").json()["code"] == f"device_{state}"
    kinds = {"lock": "device.locked", "sign-out": "device.signed_out", "wipe": "device.wipe_requested"}
    steps = entries(inside, who)
    assert [one["kind"] for one in steps] == ["device.enrolled", "device.lost_asked", "device.lost_used", kinds[act]]
    link = inside(lambda: Notice.objects.get(customer_id=who, purpose="lost").about_id)
    assert {one["actor"] for one in steps[2:]} == {f"link:{link}"}
    news = inside(
        lambda: list(Notice.objects.filter(customer_id=who, purpose="ended").values_list("channel", flat=True))
    )
    assert sorted(news) == ["email", "sms"]


def test_ending_twice_tells_once(cast, inside, mailoutbox):
    who = cast.customer(email="twice@example.org")
    mine, other = cast.phone(who), cast.phone(who)
    for _ in range(2):
        assert mine.ask("POST", f"/inbox/devices/{other.id}/lock").status_code == 200
    count = inside(lambda: Notice.objects.filter(customer_id=who, purpose="ended").count())
    assert count == 1
    mine.ask("POST", "/inbox/sign-out")  # what a device does to itself is no news
    assert inside(lambda: Notice.objects.filter(customer_id=who, purpose="ended").count()) == count


def test_it_reads_nothing_and_lets_nothing_in(cast, inside, mailoutbox):
    who = cast.customer(email="leser@example.org", name="Private Name")
    phone = cast.phone(who)
    cast.send(who, "Words nobody may see", gone_after=3600)
    token = link_to(inside, mailoutbox, "leser@example.org")
    enrolled = inside(Enrolment.objects.filter(customer_id=who).count)
    assert Phone().enrol(token).json()["code"] == "enrolment_spent"
    client = visitor()
    told = post("lost/use", {"token": token}, client)
    assert "Words" not in told.content.decode()
    assert "Private" not in told.content.decode()
    assert not client.cookies
    for path in ("state", "own", "devices"):
        assert client.get(f"/inbox/{path}", headers={"Ebb-Proof": told.json()["pass"]}).status_code == 401
    for act in ("unlock", "read", "", "__class__"):
        answer = post("lost/act", {"pass": told.json()["pass"], "device": phone.id, "act": act})
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_act")
    assert inside(Enrolment.objects.filter(customer_id=who).count) == enrolled


def test_strangers_and_shared_devices_are_out_of_reach(cast, inside, mailoutbox):
    who, partner = cast.customer(email="paar@example.org"), cast.customer(email="anders@example.org")
    shared, stranger = cast.phone(who), cast.phone()
    assert shared.enrol(cast.invite(partner)[0]).status_code == 201
    told = post("lost/use", {"token": link_to(inside, mailoutbox, "paar@example.org")}).json()
    assert [one["can_end"] for one in told["devices"]] == [False]
    for one in (shared, stranger):
        answer = post("lost/act", {"pass": told["pass"], "device": one.id, "act": "wipe"})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert inside(lambda: set(Device.objects.filter(id__in=[shared.id, stranger.id]).values_list("state"))) == {
        ("active",)
    }


def test_a_family_behind_one_address_ends_the_phone_that_serves_them_all(cast, inside, mailoutbox):
    parent, child = cast.customer(email="haus@example.org"), cast.customer(email="haus@example.org")
    phone = cast.phone(parent)
    assert phone.enrol(cast.invite(child)[0]).status_code == 201
    told = post("lost/use", {"token": link_to(inside, mailoutbox, "haus@example.org")}).json()
    assert post("lost/act", {"pass": told["pass"], "device": phone.id, "act": "lock"}).status_code == 200
    assert [one["kind"] for one in entries(inside, child)][-2:] == ["device.lost_used", "device.locked"]


def test_another_business_knows_neither_link_nor_pass(cast, inside, mailoutbox):
    who = cast.customer(email="zwei@example.org")
    phone = cast.phone(who)
    token = link_to(inside, mailoutbox, "zwei@example.org")
    there = Client(HTTP_HOST="globex.localhost")
    assert post("lost/use", {"token": token}, there).json()["code"] == "lost_link_spent"
    told = post("lost/use", {"token": token}).json()
    answer = post("lost/act", {"pass": told["pass"], "device": phone.id, "act": "lock"}, there)
    assert (answer.status_code, answer.json()["code"]) == (401, "lost_link_spent")


def test_time_ends_the_link_and_its_page(cast, inside, mailoutbox):
    who = cast.customer(email="zeit@example.org")
    phone, token = cast.phone(who), link_to(inside, mailoutbox, "zeit@example.org")
    with pytest.raises(Refusal, match="lost_link_spent"):
        inside(lost.use, now=clock.now() + lost.LIVES_FOR, token=token, source="x")
    opened = inside(lost.use, now=clock.now(), token=token, source="x")
    with pytest.raises(Refusal, match="lost_link_spent"):
        inside(lost.act, now=clock.now() + lost.PASS_FOR, secret=opened.secret, device_id=phone.id, what="lock")
    for _ in range(lost.MOST_ACTS):
        inside(lost.act, now=clock.now(), secret=opened.secret, device_id=phone.id, what="lock")
    with pytest.raises(Refusal, match="too_many"):
        inside(lost.act, now=clock.now(), secret=opened.secret, device_id=phone.id, what="lock")


def test_who_moved_or_was_erased_meanwhile_is_out_of_its_reach(cast, inside, mailoutbox):
    """The link is for the address that it went to, and for who is there when it is used."""
    moved, gone = cast.customer(email="umzug@example.org"), cast.customer(email="weg@example.org")
    tokens = [link_to(inside, mailoutbox, f"{name}@example.org") for name in ("umzug", "weg")]
    details = customers.Details(email="neu@example.org")
    inside(customers.change, actor=actors.SYSTEM, now=clock.now(), customer_id=moved, details=details)
    inside(customers.erase, actor=actors.SYSTEM, now=clock.now(), customer_id=gone)
    assert [post("lost/use", {"token": token}).json()["code"] for token in tokens] == ["lost_link_spent"] * 2


def test_no_other_secret_passes_for_one(cast, inside, mailoutbox):
    who = cast.customer(email="falsch@example.org")
    phone, token = cast.phone(who), link_to(inside, mailoutbox, "falsch@example.org")
    other = token[:-1] + ("A" if token[-1] != "A" else "B")
    for wrong in (other, "", "é" * 64, token[:63], f"{token}AAAA", " " * 64):
        assert post("lost/use", {"token": wrong}).json()["code"] == "lost_link_spent"
    assert post("lost/act", {"pass": token, "device": phone.id, "act": "lock"}).json()["code"] == "lost_link_spent"
    told = post("lost/use", {"token": token}).json()
    assert told["pass"] != token
    assert post("lost/act", {"pass": token, "device": phone.id, "act": "lock"}).json()["code"] == "lost_link_spent"


def test_guessing_is_counted_and_other_sites_are_refused(cast):
    client = visitor()
    told = [post("lost/use", {"token": "x" * 43}, client).status_code for _ in range(lost.GUESSES + 1)]
    assert told == [401] * lost.GUESSES + [429]
    assert post("lost", {"to": "a@example.org"}, Origin="https://globex.localhost").json()["code"] == "foreign_origin"
    assert attempt.too_many(1).kind.name == "TOO_MANY"
