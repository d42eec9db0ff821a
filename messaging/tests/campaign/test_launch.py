"""Starting a campaign: a second person by policy, what is checked again when they say yes, and what a no leaves."""

from datetime import timedelta

import pytest

from archive.flows import approval
from archive.models import Approval
from messaging.flows import campaign, launch
from messaging.models import Campaign, Policy
from messaging.queries import policy
from portal.kernel import clock
from portal.kernel.errors import Refusal


@pytest.fixture
def careful(desk):
    """From three recipients on somebody else agrees; there are five."""
    with desk.cast.inside():
        Policy.objects.update_or_create(id=1, defaults={"second_person_from": 3})
        policy.forget()
    return desk


def decide(desk, flow, campaign_id, actor=None):
    with desk.cast.inside():
        [waiting] = Approval.objects.filter(target_id=campaign_id, state="open")
        return flow(actor=actor or desk.cast.owner, now=clock.now(), approval_id=waiting.id)


def test_above_the_limit_it_waits_for_a_second_person(careful):
    made = careful.write()
    started = careful.do(launch.send, made)
    assert started.state == careful.state(made) == "approving"
    careful.work()
    assert not careful.messages(made)
    assert decide(careful, approval.approve, made).state == "done"
    careful.at.advance(seconds=11)
    careful.work()
    assert len(careful.messages(made)) == 5


def test_below_it_nobody_is_asked(desk):
    with desk.cast.inside():
        Policy.objects.update_or_create(id=1, defaults={"second_person_from": 6})
        policy.forget()
    made = desk.write()
    assert desk.do(launch.send, made).approval is None


def test_nobody_agrees_to_their_own(careful):
    made = careful.write()
    careful.do(launch.send, made, actor=careful.cast.owner)
    with careful.cast.inside():
        [waiting] = Approval.objects.filter(target_id=made)
        with pytest.raises(Refusal) as refused:
            approval.approve(actor=careful.cast.owner, now=clock.now(), approval_id=waiting.id)
    assert refused.value.code == "own_request"
    assert waiting.state == "cooling", "there is no other who may both send and decide"


@pytest.mark.parametrize("flow", [approval.refuse, approval.withdraw])
def test_a_no_makes_it_a_draft_again(careful, flow):
    made = careful.write()
    careful.do(launch.send, made)
    decide(careful, flow, made)
    assert careful.state(made) == "draft"
    careful.do(campaign.change, made, revision=1, wanted=campaign.Wanted(name="Better", filter={}, body="Better."))
    assert careful.do(launch.send, made).state == "approving"


def test_a_request_that_runs_out_makes_it_a_draft_again(careful):
    made = careful.write()
    careful.do(launch.send, made)
    careful.at.advance(days=8)
    with careful.cast.inside():
        approval.sweep(now=clock.now())
    assert careful.state(made) == "draft"


def test_a_yes_that_comes_too_late_for_its_time_fails_and_says_so(careful):
    made = careful.write(send_at=clock.now() + timedelta(hours=1))
    careful.do(launch.schedule, made)
    careful.at.advance(hours=2)
    decided = decide(careful, approval.approve, made)
    assert (decided.state, decided.failure) == ("failed", "send_at_past")
    assert careful.state(made) == "draft"
    careful.work()
    assert not careful.messages(made)


def test_what_waits_cannot_be_changed(careful):
    made = careful.write()
    careful.do(launch.send, made)
    with pytest.raises(Refusal) as refused:
        careful.do(campaign.change, made, revision=1, wanted=campaign.Wanted(name="x", filter={}, body="x"))
    assert (refused.value.code, refused.value.fields["state"]) == ("campaign_state", "approving")


def test_one_that_is_called_off_meanwhile_is_not_sent_by_a_yes(careful):
    made = careful.write()
    careful.do(launch.send, made)
    careful.do(campaign.cancel, made)
    with careful.cast.inside():
        assert not Approval.objects.filter(target_id=made, state="open").exists()
    careful.work()
    assert (careful.state(made), careful.messages(made)) == ("cancelled", [])


def test_sending_twice_is_one_run(desk):
    made = desk.write()
    desk.do(launch.send, made)
    desk.work()
    with pytest.raises(Refusal) as refused:
        desk.do(launch.send, made)
    assert refused.value.code == "campaign_state"
    assert len(desk.runs(made)) == 1


def test_one_that_waits_for_its_time_can_be_sent_at_once_instead(desk):
    made = desk.write(send_at=clock.now() + timedelta(days=3))
    desk.do(launch.schedule, made)
    desk.do(launch.send, made)
    desk.work()
    assert len(desk.messages(made)) == 5
    desk.at.advance(days=4)
    desk.work()
    assert len(desk.messages(made)) == 5


def test_what_was_agreed_to_is_what_is_sent_whatever_changes_meanwhile(desk):
    """The business shortens its usual life between the yes and the hour."""
    made = desk.write(gone_after=None, send_at=clock.now() + timedelta(hours=1))
    desk.do(launch.schedule, made)
    with desk.cast.inside():
        assert Campaign.objects.get(id=made).gone_after == 7 * 86400
        Policy.objects.update_or_create(id=1, defaults={"gone_after": 60})
        policy.forget()
    desk.at.advance(hours=1, seconds=1)
    desk.work()
    assert {one.gone_at - one.sent_at for one in desk.messages(made)} == {timedelta(days=7)}


@pytest.mark.parametrize(
    ("wanted", "flow", "code"),
    [
        ({}, launch.schedule, "no_time_to_send"),
        ({"body": ""}, launch.send, "empty_body"),
        ({"body": ""}, launch.simulate, "empty_body"),
    ],
)
def test_a_draft_that_is_not_ready_says_what_it_lacks(desk, wanted, flow, code):
    made = desk.write(**wanted)
    with pytest.raises(Refusal) as refused:
        desk.do(flow, made)
    assert refused.value.code == code
    assert desk.state(made) == "draft"


def test_one_that_repeats_is_scheduled_not_sent(desk):
    made = desk.write(send_at=clock.now() + timedelta(hours=1), repeat="FREQ=DAILY")
    with pytest.raises(Refusal) as refused:
        desk.do(launch.send, made)
    assert refused.value.code == "repeat_needs_time"
