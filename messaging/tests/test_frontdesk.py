"""The front desk: hours by the business's own clock, an answer from a closed door once in a while, what customers may do."""

from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from archive.models import Entry
from messaging.flows import consent, conversation, frontdesk, message
from messaging.models import Conversation, Message
from messaging.queries import inbox, policy
from messaging.rules import closedwords
from messaging.rules import frontdesk as rules
from portal.kernel import clock
from portal.kernel.errors import Refusal
from portal.testing import browser
from portal.testing.cast import Cast

BERLIN = ZoneInfo("Europe/Berlin")
WEEK = "480-1080;480-1080;480-1080;480-1080;480-960;;"
NEVER_NOW = ";;;;;;0-1"  # one minute a week


def at_wall(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


# ── pure ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-11-25 08:00", None), ("2026-11-25 17:59:59", None), ("2026-11-25 18:00", "2026-11-26 08:00"),
        ("2026-11-25 07:59:59", "2026-11-25 08:00"), ("2026-11-27 16:00", "2026-11-30 08:00"),
        ("2026-11-29 12:00", "2026-11-30 08:00"),
        ("2026-10-24 12:00", "2026-10-26 08:00"),  # the clocks go back that night
        ("2026-03-28 12:00", "2026-03-30 08:00"),  # and forward
    ],
)  # fmt: skip
def test_it_opens_by_the_clock_on_its_own_wall(now: str, opens: str | None) -> None:
    wanted = at_wall(opens) if opens else None
    assert rules.opens_at(WEEK, at_wall(now), BERLIN) == wanted
    assert rules.is_open(WEEK, at_wall(now), BERLIN) is (opens is None)


def test_an_hour_that_a_change_of_clocks_skips_is_the_one_after_it() -> None:
    """On 29 March 2026 there is no half past two in Berlin."""
    sundays = ";;;;;;150-600"
    assert rules.opens_at(sundays, at_wall("2026-03-29 01:30"), BERLIN) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_without_hours_somebody_always_reads() -> None:
    assert rules.is_open("", datetime(2026, 1, 1, 3, tzinfo=UTC), BERLIN)


@pytest.mark.parametrize(
    "opening", ["480-1080", ";;;;;;", "480;;;;;;", "1080-480;;;;;;", "480-480;;;;;;", "-1-5;;;;;;", "480-1441;;;;;;", "a-b;;;;;;",
                "480-1080;" * 7, "²-9;;;;;;"],
)  # fmt: skip
def test_hours_that_are_none_are_refused(opening: str) -> None:
    with pytest.raises(Refusal):
        rules.parse(opening)


def test_every_language_has_its_answer() -> None:
    said = {closedwords.answer("", language, "112") for language in ("en", "de", "es", "fr", "nl")}
    assert len(said) == 5
    assert all("112" in one for one in said)
    assert closedwords.answer("", "pt-BR", "") == closedwords.answer("", "en", "")
    assert closedwords.answer("Our own.", "de", "").startswith("Our own.")


# ── in a business ─────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def firm(fresh) -> Cast:
    return fresh()


def set_up(firm: Cast, answer: str = "", **wanted: object) -> None:
    with firm.inside():
        desk = rules.FrontDesk(**wanted)  # type: ignore[arg-type]
        frontdesk.change(actor=firm.owner, now=clock.now(), desk=desk, answer=answer)


def write(firm: Cast, who: UUID, phone: object) -> None:
    with firm.inside():
        actor = firm.actor_of(phone, who)  # type: ignore[arg-type]
        message.receive(actor=actor, now=clock.now(), customer_id=who, text="Is anybody there?")


def answers(firm: Cast, who: UUID) -> list[Message]:
    with firm.inside():
        return list(Message.objects.filter(customer_id=who, direction="out").order_by("id"))


def test_a_closed_door_answers_once_and_the_customer_goes_on_waiting(firm: Cast, at: clock.Fake) -> None:
    set_up(firm, answer="We are at the seaside.", opening=NEVER_NOW, answers=True, emergency_number="112")
    who = firm.customer(language="de")
    phone = firm.handset(who)
    write(firm, who, phone)
    write(firm, who, phone)
    assert [one.author for one in answers(firm, who)] == ["system"]
    with firm.inside():
        told = inbox.state(firm.actor_of(phone, who), clock.now())["messages"]
        [answer] = [one for one in told if one["direction"] == "in"]
        assert Conversation.objects.get(customer_id=who).waiting_since is not None
    assert answer["body"].startswith("We are at the seaside.\n\nDies ist nicht für Notfälle.")
    assert answer["archived_until"]
    at.advance(hours=12)
    write(firm, who, phone)
    assert len(answers(firm, who)) == 2


def test_of_two_that_come_at_once_one_is_answered(firm: Cast) -> None:
    """Both had read the conversation before either answered."""
    set_up(firm, opening=NEVER_NOW)
    who = firm.customer()
    write(firm, who, firm.handset(who))
    set_up(firm, opening=NEVER_NOW, answers=True)
    with firm.inside():
        stale = Conversation.objects.get(customer_id=who)
        told = [frontdesk.answer_for(now=clock.now(), talk=stale, language="en") for _ in range(2)]
    assert [one is None for one in told] == [False, True]


def test_staff_without_the_right_to_read_others_see_what_the_door_answered(firm: Cast) -> None:
    set_up(firm, opening=NEVER_NOW, answers=True, answer="We are at the seaside.")
    who = firm.customer()
    write(firm, who, firm.handset(who))
    with firm.inside():
        talk = Conversation.objects.get(customer_id=who).id
    author = browser.staff(firm, "author")
    page = author.get(f"/console/conversations/{talk}/").content.decode()
    assert "We are at the seaside." in page
    assert "Automatic answer" in page
    assert "Closed now" in author.get("/console/conversations/").content.decode()


def test_an_open_door_answers_nothing(firm: Cast) -> None:
    set_up(firm, opening="", answers=True)
    who = firm.customer()
    write(firm, who, firm.handset(who))
    assert answers(firm, who) == []


def test_who_wants_no_writing_gets_no_answer_and_is_heard_all_the_same(firm: Cast) -> None:
    set_up(firm, opening=NEVER_NOW, answers=True)
    who = firm.customer()
    with firm.inside():
        refused = consent.Given("all", "all", "desk", given=False)
        consent.note(actor=firm.author, now=clock.now(), customer_id=who, given=[refused])
    write(firm, who, firm.handset(who))
    assert answers(firm, who) == []
    with firm.inside():
        assert Message.objects.filter(customer_id=who, direction="in").count() == 1


def test_a_device_hears_of_the_desk(firm: Cast) -> None:
    set_up(firm, opening=NEVER_NOW, emergency_number="112", watermark=True)
    who = firm.customer()
    phone = firm.handset(who)
    with firm.inside():
        told = inbox.state(firm.actor_of(phone, who), clock.now())["desk"]
    assert (told["emergency_number"], told["watermark"]) == ("112", True)  # type: ignore[index]
    assert datetime.fromisoformat(str(told["opens_at"])) > clock.now()  # type: ignore[index]


def test_a_customer_extends_only_where_the_business_lets_them(firm: Cast) -> None:
    set_up(firm, lets_extend=False)
    who = firm.customer()
    phone = firm.handset(who)
    sent = firm.send(who, gone_after=3600)
    with firm.inside():
        actor = firm.actor_of(phone, who)
        [shown] = inbox.state(actor, clock.now())["messages"]
        assert shown["can_extend"] is False
        with pytest.raises(Refusal):
            message.extend_from_device(actor=actor, now=clock.now(), message_id=sent.id)
    set_up(firm, lets_extend=True)
    with firm.inside():
        message.extend_from_device(actor=actor, now=clock.now(), message_id=sent.id)


def test_a_change_is_an_entry_and_needs_the_right(firm: Cast, globex: Cast) -> None:
    with firm.inside(), pytest.raises(Refusal):
        frontdesk.change(actor=firm.author, now=clock.now(), desk=rules.FrontDesk(), answer="")
    set_up(firm, answer="a text that stays sealed", watermark=True)
    with firm.inside():
        leaf = bytes(Entry.objects.filter(kind="frontdesk.changed").latest("index").leaf)
        assert b'"watermark":true' in leaf
        assert b"sealed" not in leaf
        count = Entry.objects.filter(kind="frontdesk.changed").count()
    set_up(firm, answer="a text that stays sealed", watermark=True)
    with firm.inside():
        assert Entry.objects.filter(kind="frontdesk.changed").count() == count  # nothing was changed
    with globex.inside():
        assert policy.get_policy().desk.watermark is False


def test_a_text_that_cannot_be_shown_is_refused(firm: Cast) -> None:
    for text in ("\x07", "x" * 1001):
        with firm.inside(), pytest.raises(Refusal):
            frontdesk.change(actor=firm.owner, now=clock.now(), desk=rules.FrontDesk(), answer=text)
    with firm.inside(), pytest.raises(Refusal):
        frontdesk.change(
            actor=firm.owner, now=clock.now(), desk=rules.FrontDesk(emergency_number="call me"), answer=""
        )  # fmt: skip


def test_the_page_keeps_what_was_typed(acme: Cast) -> None:
    owner, author = browser.staff(acme, "owner"), browser.staff(acme, "author")
    assert author.get("/console/settings/front-desk").status_code in {403, 404}
    typed = {"from-0": "08:00", "until-0": "18:00", "emergency_number": "112", "answer": "Later.", "answers": "on"}
    assert owner.post("/console/settings/front-desk/change", typed).status_code == 302
    shown = owner.get("/console/settings/front-desk").content.decode()
    assert 'value="18:00"' in shown
    assert "Later." in shown
    midnight = {**typed, "until-0": "00:00"}
    assert owner.post("/console/settings/front-desk/change", midnight).status_code == 302
    with acme.inside():
        assert policy.get_policy().desk.opening == "480-1440;;;;;;"
    assert 'name="until-0" value="00:00"' in owner.get("/console/settings/front-desk").content.decode()
    wrong = owner.post("/console/settings/front-desk/change", {**typed, "until-0": "07:00"})
    assert wrong.status_code == 422
    assert "a later end" in wrong.content.decode()
    assert owner.post("/console/settings/front-desk/change", {"answer": "", "lets_extend": "on"}).status_code == 302
    assert owner.post("/console/settings/front-desk/change", {"watermark": "on"}).status_code == 400
    with acme.inside():
        assert policy.get_policy().desk == rules.FrontDesk()


def test_the_conversation_is_found_again_after_its_answer(firm: Cast) -> None:
    """The answer of the door is no answer of a person: nothing of the customer's counts as read by it."""
    set_up(firm, opening=NEVER_NOW, answers=True)
    who = firm.customer()
    write(firm, who, firm.handset(who))
    with firm.inside():
        talk = Conversation.objects.get(customer_id=who)
        conversation.close(actor=firm.author, now=clock.now(), conversation_id=talk.id)
        [said] = Message.objects.filter(customer_id=who, direction="in")
        assert (said.read_at, said.gone_at) == (None, None)
        assert Conversation.objects.get(id=talk.id).waiting_since is not None
