"""Retention seen from messages: what its events are, its API, and what a message says about its record afterwards."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from archive.flows import approval, ruleapply
from archive.models import Record, Rule
from archive.queries import ends
from messaging.flows import conversation, customer, message
from messaging.models import Conversation, Message
from messaging.queries import moments
from portal.kernel import clock, ids
from portal.testing import browser
from portal.testing.cast import Cast

RULES = "/api/v1/retention-rules"


@pytest.fixture
def firm(fresh: Callable[[], Cast], at: clock.Fake) -> Cast:
    return fresh()


def ask(cast: Cast, path: str = "", body: dict | None = None, **headers: str) -> Any:
    client = browser.program(cast, **headers)
    return client.post(RULES + path, json.dumps(body or {}), content_type="application/json")


def make(cast: Cast, **said: Any) -> str:
    body = {"name": "Reminders", "keep_for": "P30D", "scope": {"kind": "message.sent"}, **said}
    answer = ask(cast, "", body)
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])


def in_force(cast: Cast, **said: Any) -> str:
    rule = make(cast, **said)
    assert ask(cast, f"/{rule}/simulate").status_code == 200
    answer = ask(cast, f"/{rule}/activate")
    assert (answer.status_code, answer.json().get("state")) == (200, "active"), answer.content
    return rule


def write(cast: Cast, pk: UUID, text: str = "I have a question") -> UUID:
    phone = cast.actor_of(cast.handset(pk), pk)
    with cast.inside():
        return message.receive(actor=phone, now=clock.now(), customer_id=pk, text=text)


def close(cast: Cast, pk: UUID) -> None:
    with cast.inside():
        talk = Conversation.objects.get(customer_id=pk, state="open")
        conversation.close(actor=cast.author, now=clock.now(), conversation_id=talk.id)


def end(cast: Cast, message_id: UUID) -> datetime | None:
    with cast.inside():
        return ends.ends_of([Record.objects.get(message_id=message_id)], clock.now())[message_id].end


# ── the events ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_until_closed_keeps_a_conversation_and_counts_from_its_close(firm: Cast, at: clock.Fake) -> None:
    in_force(firm, keep_for="P90D", scope={}, **{"from": "conversation.closed"})
    pk = firm.customer()
    wrote = write(firm, pk)
    answer = firm.send(pk, "an answer", gone_after=3600, in_reply_to=wrote)
    assert answer.archived_until is None
    at.advance(days=20)
    assert (end(firm, wrote), end(firm, answer.id)) == (None, None)
    close(firm, pk)
    closed = clock.now()
    at.advance(days=1)
    assert (end(firm, wrote), end(firm, answer.id)) == (closed + timedelta(days=90),) * 2


def test_what_nobody_could_answer_was_closed_when_it_ended(firm: Cast, at: clock.Fake) -> None:
    in_force(firm, keep_for="P90D", scope={}, **{"from": "conversation.closed"})
    alone = firm.send(firm.customer(), "a reminder", gone_after=3600)
    assert end(firm, alone.id) is None  # it lives: somebody may answer
    at.advance(hours=2)
    assert end(firm, alone.id) == alone.gone_at + timedelta(days=90)


def test_a_conversation_that_began_after_it_ended_is_another(firm: Cast, at: clock.Fake) -> None:
    pk = firm.customer()
    alone = firm.send(pk, "a reminder", gone_after=3600)
    at.advance(hours=2)
    write(firm, pk)
    with firm.inside():
        assert moments.conversation_closed([alone.id], clock.now()) == {alone.id: alone.gone_at}


def test_a_customer_is_closed_when_erased(acme: Cast) -> None:
    pk = acme.customer()
    sent = acme.send(pk)
    with acme.inside():
        assert moments.customer_closed([sent.id], clock.now()) == {sent.id: None}
        customer.erase(actor=acme.owner, now=(now := clock.now()), customer_id=pk)
        assert moments.customer_closed([sent.id], now) == {sent.id: now}


@pytest.mark.parametrize(
    ("value", "day"), [("2032-02-29", (2032, 3, 1)), ("2031-12-31", (2032, 1, 1)), ("soon", None), ("", None), (None, None)]
)  # fmt: skip
def test_a_date_is_over_once_it_is_over_everywhere(acme: Cast, value: object, day: tuple | None) -> None:
    sent = acme.send(acme.customer(fields={"leaves": value} if value is not None else {}))
    wanted = datetime(*day, 12, tzinfo=UTC) if day else None
    with acme.inside():
        assert moments.field("leaves", [sent.id, ids.uuid7()], clock.now()) == {sent.id: wanted}


def test_what_a_customer_wrote_is_kept_while_it_lives_and_its_end_follows_an_extension(
    firm: Cast, at: clock.Fake
) -> None:
    in_force(firm, keep_for="P1D", scope={})
    pk = firm.customer()
    wrote, sent = write(firm, pk), firm.send(pk, "extended", gone_after=3600)
    assert end(firm, wrote) is None
    with firm.inside():
        later = message.extend(actor=firm.author, now=clock.now(), message_id=sent.id, seconds=5 * 86400)
    assert end(firm, sent.id) == later
    close(firm, pk)
    with firm.inside():
        assert end(firm, wrote) == Message.objects.get(id=wrote).gone_at


def test_an_erased_customers_open_words_end(acme: Cast) -> None:
    pk = acme.customer()
    wrote = write(acme, pk)
    with acme.inside():
        customer.erase(actor=acme.owner, now=(now := clock.now()), customer_id=pk)
        assert Record.objects.get(message_id=wrote).gone_at == now


# ── the API ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_rule_by_api_decides_for_the_next_message(firm: Cast) -> None:
    rule = in_force(firm)
    sent = firm.send(firm.customer(), gone_after=60)
    assert (sent.rule, sent.archived_until) == ("rule-1", clock.now() + timedelta(days=30))
    shown = browser.program(firm).get(f"{RULES}/{rule}").json()
    assert (shown["scope"], shown["from"], shown["state"]) == ({"kind": "message.sent"}, "sent", "active")
    listed = browser.program(firm).get(RULES, {"limit": 1}).json()
    assert [one["code"] for one in listed["results"]] == ["rule-1"]
    assert listed["next"]


def test_a_simulation_by_api_says_what_the_contract_names(firm: Cast) -> None:
    firm.send(firm.customer(), gone_after=60)
    told = ask(firm, f"/{make(firm)}/simulate").json()
    assert {"matched", "held", "oldest", "newest", "bytes", "samples"} <= set(told)
    assert (told["matched"], told["held"], told["sooner_if_retroactive"]) == (1, 0, 1)


def test_retroactive_is_approved_by_people_only_and_told_to_the_message(firm: Cast) -> None:
    sent = firm.send(firm.customer(), gone_after=60)
    rule = make(firm)
    ask(firm, f"/{rule}/simulate")
    path, body = f"/{rule}/activate", {"retroactive": True}
    assert ask(firm, path, body).json()["code"] == "reason_missing"
    key = ids.token()
    for _ in range(2):
        answer = ask(firm, path, {**body, "reason": "shorter"}, HTTP_IDEMPOTENCY_KEY=key)
        assert (answer.status_code, answer.json()["state"]) == (202, "approving")
    with firm.inside():
        approval.approve(actor=firm.officer, now=clock.now(), approval_id=UUID(answer.json()["approval"]))
        assert ruleapply.apply_due(now=clock.now()) == 1
        row = Message.objects.get(id=sent.id)
        assert (row.rule, row.archived_until) == ("rule-1", clock.now() + timedelta(days=30))


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"scope": {"audience": "all"}}, 422, "scope_audience"),
        ({"scope": {"colour": "red"}}, 422, "unknown_field"),
        ({"scope": "everything"}, 422, "invalid"),
        ({"scope": {"category": "nothing"}}, 422, "unknown_category"),
        ({"keep_for": "7 years"}, 422, "bad_keep_for"),
        ({"from": "birth"}, 422, "bad_event"),
        ({"action": "shred"}, 422, "invalid"),
        ({"follows": str(ids.uuid7())}, 404, "not_found"),
        ({"lock": False}, 422, "unknown_field"),
    ],
)
def test_what_no_rule_can_be_is_told(acme: Cast, body: dict, status: int, code: str) -> None:
    answer = ask(acme, "", {"name": "x", "keep_for": "P1Y", **body})
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content


def test_a_lock_is_not_weakened_by_the_api(firm: Cast) -> None:
    from archive.flows import rule as flow

    rule = in_force(firm, keep_for="P6Y")
    with firm.inside():
        flow.lock(actor=firm.officer, now=clock.now(), rule_id=UUID(rule))
    assert ask(firm, f"/{rule}/retire").json()["code"] == "rule_locked"
    body = {"name": "x", "keep_for": "P5Y", "scope": {"kind": "message.sent"}, "follows": rule}
    assert ask(firm, "", body).json()["code"] == "rule_locked"
    with firm.inside():
        assert Rule.objects.get(id=rule).state == "active"


def test_another_business_and_a_key_without_the_scope_see_nothing(firm: Cast, globex: Cast) -> None:
    rule = make(firm)
    assert ask(globex, f"/{rule}/activate").status_code == 404
    assert browser.program(globex).get(f"{RULES}/{rule}").status_code == 404
