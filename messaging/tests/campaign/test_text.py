"""The words of a campaign: sealed from the first draft on, carried while they wait, gone with the last message."""

from datetime import timedelta

import pytest
from django.db import connection

from messaging.flows import campaign, campaigntext, expiry, launch
from messaging.models import Campaign
from portal.kernel import clock
from portal.kernel.errors import Refusal

pytestmark = pytest.mark.ahead


def row(desk, made):
    with desk.cast.inside():
        return Campaign.objects.get(id=made)


def test_nothing_of_a_campaign_stands_in_plain(desk):
    marks = ("kqzvname", "kqzvtext", "kqzvabout")
    desk.send(name=marks[0], body=marks[1] * 3, subject=marks[2])
    with desk.cast.inside(), connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [desk.cast.place.schema])
        for (table,) in cursor.fetchall():
            with cursor.copy(f'COPY "{table}" TO STDOUT') as out:
                text = b"".join(bytes(part) for part in out)
            for mark in marks:
                assert mark.encode() not in text, table
                assert mark.encode().hex().encode() not in text, table


def test_the_words_go_with_the_last_message(desk):
    made = desk.send(gone_after=60)
    [gone_at] = {one.gone_at for one in desk.messages(made)}
    assert row(desk, made).text_until == gone_at
    assert desk.do(campaign.read, made).body == "Come in."
    desk.at.at = gone_at
    with pytest.raises(Refusal) as refused:
        desk.do(campaign.read, made)
    assert refused.value.code == "gone"
    bucket, stored = row(desk, made).bucket, row(desk, made)
    with desk.cast.inside():
        assert campaigntext.carry_forward(now=clock.now()) == 1
        assert (row(desk, made).bucket, bytes(row(desk, made).sealed)) == (None, b"")
        desk.at.at = clock.now().fromtimestamp(bucket, tz=clock.now().tzinfo)
        expiry.destroy_over(now=clock.now())
        with pytest.raises(Refusal):
            campaigntext.body.open_(
                campaigntext.body.Row(stored.id, stored.id, bytes(stored.wrap), bytes(stored.sealed))
            )


def test_words_that_wait_are_carried_forward(desk):
    made = desk.write(send_at=clock.now() + timedelta(days=90))
    desk.do(launch.schedule, made)
    for _ in range(89):
        desk.at.advance(days=1)
        with desk.cast.inside():
            while campaigntext.carry_forward(now=clock.now()):
                pass
            expiry.destroy_over(now=clock.now())
    assert desk.do(campaign.read, made).body == "Come in."
    desk.at.advance(days=1, seconds=5)
    desk.work()
    assert desk.state(made) == "finished"
    assert len(desk.messages(made)) == 5


def test_a_text_that_nobody_carried_is_lost_and_told(desk):
    """The clock was away for longer than a month: nothing is sent, and the ledger says why."""
    made = desk.write(send_at=clock.now() + timedelta(days=3))
    desk.do(launch.schedule, made)
    desk.at.advance(days=40)
    with desk.cast.inside():
        expiry.destroy_over(now=clock.now())
        while campaigntext.carry_forward(now=clock.now()):
            pass
    desk.work()
    assert desk.state(made) == "failed"
    assert {line.state for line in desk.ledger(made).values()} == {"failed"}
    assert not desk.messages(made)


def test_a_draft_that_is_thrown_away_loses_its_words_at_once(desk):
    made = desk.write()
    desk.do(campaign.cancel, made)
    assert (row(desk, made).bucket, bytes(row(desk, made).wrap)) == (None, b"")


def test_live_words_are_not_read_in_silence(desk):
    """I9: by its author freely, by another who may with an entry, by nobody else."""
    from archive.models import Entry

    made = desk.write()
    desk.do(campaign.read, made, actor=desk.cast.owner)
    desk.do(launch.send, made)
    desk.work()

    def told() -> int:
        with desk.cast.inside():
            return Entry.objects.filter(kind="live.read", actor=desk.cast.owner.label).count()

    before = told()
    desk.do(campaign.read, made)
    assert told() == before
    desk.do(campaign.read, made, actor=desk.cast.owner)
    assert told() == before + 1
    with pytest.raises(Refusal) as refused:
        desk.do(campaign.read, made, actor=desk.cast.officer)
    assert refused.value.code == "not_allowed"
