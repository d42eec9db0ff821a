"""A campaign: written down, sent in chunks, once to each; its ledger adds up whatever happens."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from archive.models import Entry, Record
from messaging.flows import audience, campaign, category, chunk, consent, customer, launch, run, webhook, words
from messaging.models import Customer, Delivery, Message, RunChunk
from messaging.queries import campaigns, simulation
from messaging.tests.campaign.conftest import nobody
from portal.kernel import clock
from portal.kernel.errors import Refusal


def test_each_customer_gets_one_archived_message(desk):
    made = desk.send(body="Come in.")
    assert desk.state(made) == "finished"
    with desk.cast.inside():
        rows = list(Message.objects.filter(run_id=desk.runs(made)[0].id))
        assert sorted(row.customer_id for row in rows) == sorted(desk.customers)
        for row in rows:
            assert words.read(actor=desk.cast.author, now=clock.now(), message_id=row.id).body == "Come in."
            entry = Entry.objects.get(message_id=row.id, kind="message.sent")
            assert Record.objects.get(message_id=row.id).entry_id == entry.id
            assert entry.run_id == row.run_id
            assert row.gone_at == row.sent_at + timedelta(hours=1)


def test_its_ledger_names_everybody_with_a_state(desk):
    made = desk.send()
    lines = desk.ledger(made)
    assert sorted(lines) == sorted(desk.customers)
    assert {line.state for line in lines.values()} == {"sent"}
    desk.at.advance(hours=2)
    assert {line.state for line in desk.ledger(made).values()} == {"expired_unread"}


def test_a_ledger_costs_its_own_lines_even_when_statistics_know_nothing_of_the_run(desk):
    """Seen with 100,000 customers: one loop within another, so that a page which is open while it is sent took minutes."""
    desk.send()
    with desk.cast.inside(), connection.cursor() as cursor:
        cursor.execute("ANALYZE messaging_runrecipient, messaging_message, messaging_runchunk, messaging_run")
    run_of = desk.runs(desk.send())[0]
    with desk.cast.inside(), connection.cursor() as cursor, CaptureQueriesContext(connection) as caught:
        campaigns.ledger(run_of, now=clock.now())
        campaigns.counts(run_of, now=clock.now())
        campaigns.ledger(run_of, now=clock.now(), state="sent")
        page, *whole = [query["sql"] for query in caught.captured_queries]
        assert len(whole) == 2
        for sql in whole:
            assert "Removed by Join Filter" not in _plan(cursor, sql)
        cursor.execute("SET enable_seqscan = off")  # of so few rows none is looked up by its key
        assert re.search(r"Index Cond: \(\(run_id = \w+\.run_id\) AND \(customer_id = ", _plan(cursor, page))
        cursor.execute("RESET enable_seqscan")


def _plan(cursor, sql: str) -> str:
    cursor.execute(f"EXPLAIN ANALYZE {sql}")
    return "\n".join(row[0] for row in cursor.fetchall())


def test_several_chunks_add_up(desk, monkeypatch):
    monkeypatch.setattr(run, "CHUNK", 2)
    made = desk.send()
    with desk.cast.inside():
        sizes = RunChunk.objects.filter(run_id=desk.runs(made)[0].id).order_by("number").values_list("size", flat=True)
        assert list(sizes) == [2, 2, 1]
    assert len(desk.messages(made)) == 5


def test_working_on_it_again_sends_nothing(desk):
    made = desk.send()
    with desk.cast.inside():
        found = desk.runs(made)[0]
        assert not run.begin(now=clock.now(), run_id=found.id)
        assert chunk.send_next(now=clock.now(), run_id=found.id) is None
        assert not run.finish(now=clock.now(), run_id=found.id)
    assert len(desk.messages(made)) == 5


def test_who_left_before_the_chunk_is_suppressed_with_why(desk):
    made = desk.write()
    desk.do(launch.send, made)
    with desk.cast.inside():
        found = desk.runs(made)[0]
        run.begin(now=clock.now(), run_id=found.id)
        customer.erase(actor=desk.cast.owner, now=clock.now(), customer_id=desk.customers[2])
    desk.work()
    line = desk.ledger(made)[desk.customers[2]]
    assert (line.state, line.reason, line.message) == ("suppressed", "closed", None)
    with desk.cast.inside():
        assert Entry.objects.filter(kind="campaign.suppressed", run_id=found.id).count() == 1
        assert campaigns.progress([found.id])[found.id].suppressed == 1


def test_a_profile_that_does_not_open_fails_alone_and_can_be_tried_again(desk):
    broken = desk.customers[1]
    with desk.cast.inside():
        before = bytes(Customer.objects.get(id=broken).sealed_profile)
        Customer.objects.filter(id=broken).update(sealed_profile=before[:-1] + bytes([before[-1] ^ 1]))
    made = desk.send()
    assert (desk.ledger(made)[broken].state, desk.ledger(made)[broken].reason) == ("failed", "unreadable")
    assert desk.state(made) == "finished"
    with desk.cast.inside():
        Customer.objects.filter(id=broken).update(sealed_profile=before)
    assert desk.do(campaign.resend, made) == 1
    desk.work()
    assert {line.state for line in desk.ledger(made).values()} == {"sent"}
    with desk.cast.inside():
        assert len(desk.messages(made)) == 5
        assert len(desk.runs(made)) == 1, "a resend stays in its run"
    with pytest.raises(Refusal) as refused:
        desk.do(campaign.resend, made)
    assert refused.value.code == "nobody_failed"


def test_a_chunk_that_breaks_leaves_nothing_and_fails_at_last(desk, monkeypatch):
    def fail(u, **given):
        raise ValueError("the disk is full of words")

    made = desk.write()
    desk.do(launch.send, made)
    with monkeypatch.context() as broken:
        broken.setattr(chunk.alike, "keep", fail)
        for _ in range(chunk.MOST_ATTEMPTS):
            desk.work()
    assert desk.state(made) == "failed"
    assert {(line.state, line.reason) for line in desk.ledger(made).values()} == {("failed", "error")}
    assert not desk.messages(made)
    assert desk.do(campaign.resend, made) == 5
    desk.work()
    assert desk.state(made) == "finished"
    assert {line.state for line in desk.ledger(made).values()} == {"sent"}


def send_a_chunk(desk, made):
    """The first of its run, and no more."""
    found = desk.runs(made)[0]
    with desk.cast.inside():
        run.begin(now=clock.now(), run_id=found.id)
        run.open_due(now=clock.now(), run_id=found.id)
        return chunk.send_next(now=clock.now(), run_id=found.id)


def test_a_pause_stops_and_a_resume_goes_on(desk, monkeypatch):
    monkeypatch.setattr(run, "CHUNK", 2)
    made = desk.write()
    desk.do(launch.send, made)
    assert send_a_chunk(desk, made).sent == 2
    desk.do(campaign.pause, made)
    desk.work()
    assert sorted(line.state for line in desk.ledger(made).values()) == ["pending"] * 3 + ["sent"] * 2
    desk.do(campaign.resume, made)
    desk.work()
    assert {line.state for line in desk.ledger(made).values()} == {"sent"}
    assert desk.state(made) == "finished"


def test_a_cancel_leaves_the_rest_with_why(desk, monkeypatch):
    monkeypatch.setattr(run, "CHUNK", 2)
    made = desk.write()
    desk.do(launch.send, made)
    send_a_chunk(desk, made)
    desk.do(campaign.cancel, made)
    desk.work()
    lines = desk.ledger(made).values()
    assert sorted((line.state, line.reason) for line in lines) == [("sent", "")] * 2 + [("suppressed", "cancelled")] * 3
    assert desk.state(made) == "cancelled"


def test_programs_are_told_when_a_run_is_over_however_it_ends(desk, monkeypatch):
    monkeypatch.setattr(run, "CHUNK", 2)
    with desk.cast.inside():
        hook = webhook.create(
            actor=desk.cast.owner, now=clock.now(), url="https://hooks.example/told", events=["campaign.finished"]
        )
    whole, cut, unbegun = desk.write(), desk.write(), desk.write()
    desk.do(launch.send, whole)
    desk.work()
    for made in (cut, unbegun):
        desk.do(launch.send, made)
    send_a_chunk(desk, cut)
    for made in (cut, unbegun):
        desk.do(campaign.cancel, made)
    with desk.cast.inside():
        told = {one.data["campaign"]: one.data for one in Delivery.objects.filter(webhook_id=hook.id).order_by("id")}
        webhook.delete(actor=desk.cast.owner, now=clock.now(), webhook_id=hook.id)
    assert {pk: (one["state"], one["sent"], one["run"]) for pk, one in told.items()} == {
        str(whole): ("finished", 5, 1), str(cut): ("cancelled", 2, 1),
    }  # fmt: skip


def test_a_pause_while_a_chunk_is_under_way_is_obeyed_in_the_ledgers_order(desk, monkeypatch):
    """C3: the chunk looks again while it holds the ledger."""
    made = desk.write()
    desk.do(launch.send, made)
    with desk.cast.inside():
        found = desk.runs(made)[0]
        run.begin(now=clock.now(), run_id=found.id)
        run.open_due(now=clock.now(), run_id=found.id)
    store = chunk._store

    def paused_meanwhile(u, work):
        store(u, work)
        in_another_thread(lambda: desk.do(campaign.pause, made))

    monkeypatch.setattr(chunk, "_store", paused_meanwhile)
    with desk.cast.inside():
        assert chunk.send_next(now=clock.now(), run_id=found.id) is None
        assert not desk.messages(made)
        assert not Entry.objects.filter(kind="message.sent", run_id=found.id).exists()
    monkeypatch.undo()
    desk.do(campaign.resume, made)
    desk.work()
    assert {line.state for line in desk.ledger(made).values()} == {"sent"}


def in_another_thread(act):
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connection

    def run_and_close():
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run_and_close).result()


def test_sent_with_an_undo_window_it_can_be_taken_back_unsent(desk):
    made = desk.write()
    desk.do(launch.send, made, undo_for=10)
    desk.work()
    assert desk.state(made) == "scheduled"
    desk.do(campaign.cancel, made)
    desk.at.advance(seconds=11)
    desk.work()
    assert not desk.messages(made)


def opt_out(desk, customer_id):
    said = consent.Given("all", "inbox", "at the desk", given=False)
    with desk.cast.inside():
        consent.note(actor=desk.cast.author, now=clock.now(), customer_id=customer_id, given=[said])


def test_simulating_adds_up_with_the_ledger(desk):
    opt_out(desk, desk.customers[0])
    made = desk.write()
    found = desk.do(launch.simulate, made)
    assert found.count == simulation.Count(4, {"opted_out": 1})
    assert len(found.samples) == 4
    desk.do(launch.send, made)
    desk.work()
    lines = desk.ledger(made)
    assert len(lines) == 5
    assert (lines[desk.customers[0]].state, lines[desk.customers[0]].reason) == ("suppressed", "opted_out")
    assert len(desk.messages(made)) == 4


def test_simulating_counts_everybody_whom_the_text_cannot_be_written_for(desk):
    """Before anything is sent, and by which variable; not only among the five that are shown."""
    for pk, due in zip(desk.customers, ("soon", "2031-01-01"), strict=False):
        given = customer.Details(fields={"branch": "North", "due": due})
        with desk.cast.inside():
            customer.change(actor=desk.cast.author, now=clock.now(), customer_id=pk, details=given)
    made = desk.write(body="At {{branch}} on {{due:date}}.")
    found = desk.do(launch.simulate, made)
    assert found.count.recipients == 5
    assert {(one.code, one.variable): one.customers for one in found.problems} == {
        ("missing_value", "branch"): 3, ("wrong_value", "due"): 1,
    }  # fmt: skip
    desk.do(launch.send, made)
    desk.work()
    assert sorted(one.state for one in desk.ledger(made).values()).count("failed") == 4


def test_an_opt_out_between_the_ledger_and_the_chunk_is_obeyed(desk):
    made = desk.write()
    desk.do(launch.send, made)
    with desk.cast.inside():
        run.begin(now=clock.now(), run_id=desk.runs(made)[0].id)
    opt_out(desk, desk.customers[3])
    desk.work()
    line = desk.ledger(made)[desk.customers[3]]
    assert (line.state, line.reason, line.message) == ("suppressed", "opted_out", None)


def test_marketing_goes_to_who_agreed(desk):
    with desk.cast.inside():
        category.create(
            actor=desk.cast.owner, now=clock.now(), key="offers", name="Offers", purpose="marketing", gone_after=None
        )
        said = consent.Given("marketing", "email", "form")
        consent.note(actor=desk.cast.author, now=clock.now(), customer_id=desk.customers[0], given=[said])
    made = desk.send(category="offers")
    assert [one.customer_id for one in desk.messages(made)] == [desk.customers[0]]
    assert {line.reason for line in desk.ledger(made).values() if line.state == "suppressed"} == {"no_consent"}


def test_an_audience_is_those_whom_its_filter_names_when_the_run_begins(desk):
    with desk.cast.inside():
        named = audience.create(actor=desk.cast.author, now=clock.now(), name="Spanish", wanted={"language": "es"})
        Customer.objects.filter(id__in=desk.customers[:2]).update(language="es")
    made = desk.write(filter=None, audience=named)
    desk.do(launch.send, made)
    with desk.cast.inside():
        Customer.objects.filter(id=desk.customers[2]).update(language="es")
    desk.work()
    assert sorted(one.customer_id for one in desk.messages(made)) == desk.customers[:3]


def test_an_audience_of_nobody_is_refused(crowd, at):
    desk = nobody(crowd, at)
    made = desk.write()
    with pytest.raises(Refusal) as refused:
        desk.do(launch.send, made)
    assert refused.value.code == "audience_empty"


def test_two_who_edit_one_draft_are_told(desk):
    made = desk.write()
    first = campaign.Wanted(name="Mine", filter={}, body="mine")
    second = campaign.Wanted(name="Theirs", filter={}, body="theirs")
    desk.do(campaign.change, made, revision=1, wanted=first)
    with pytest.raises(Refusal) as refused:
        desk.do(campaign.change, made, revision=1, wanted=second)
    assert (refused.value.code, refused.value.fields["revision"]) == ("campaign_changed", 2)
    assert desk.do(campaign.read, made).body == "mine"


def test_nobody_of_another_business_finds_it(desk, globex):
    made = desk.write()
    for flow in (launch.send, launch.schedule, launch.simulate, campaign.pause, campaign.cancel, campaign.read):
        with globex.inside(), pytest.raises(Refusal) as refused:
            flow(actor=globex.author, now=clock.now(), campaign_id=made)
        assert refused.value.code == "not_found"


@pytest.mark.parametrize(
    "flow", [launch.send, launch.schedule, campaign.pause, campaign.resume, campaign.cancel, campaign.resend]
)
def test_who_may_not_send_may_not_steer(desk, flow):
    made = desk.write()
    with pytest.raises(Refusal) as refused:
        desk.do(flow, made, actor=desk.cast.officer)
    assert refused.value.code == "not_allowed"
