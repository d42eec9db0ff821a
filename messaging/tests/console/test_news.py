"""Notifications: asked of what waits, for this person's rights, seen by each person alone, and told by the staff socket."""

from datetime import timedelta

from archive.flows import approval
from archive.models import Export, Viewing
from messaging import staffroom
from messaging.models import Webhook
from messaging.queries import following, news
from portal.kernel import clock, ids
from portal.testing import browser
from portal.testing.cast import Cast

PAGE = "/console/notifications/"


def titles(cast: Cast, actor) -> dict[str, bool]:
    """Kind → whether it is unread."""
    with cast.inside():
        found = news.get_news_for(actor)
    return {item.kind: found.seen_at is None or item.at > found.seen_at for item in found.items}


def ask(cast: Cast) -> None:
    with cast.inside():
        approval.ask(actor=cast.owner, now=clock.now(), kind="business.close", target=ids.uuid7(), reason="because")


def test_each_sees_what_they_can_settle(fresh, globex):
    cast, now = fresh(), clock.now()
    assert all(titles(cast, one) == {} for one in (cast.owner, cast.officer, cast.author))
    ask(cast)
    with cast.inside():
        Viewing.objects.create(
            id=ids.uuid7(), message_id=ids.uuid7(), person_id=cast.author.id, asked_at=now, ends_at=now + timedelta(days=1),
            reason=b"",
        )  # fmt: skip
        Webhook.objects.create(
            url="https://x.example", events=[], secret="x", created_at=now, created_by="x", failing_since=now
        )
        Export.objects.create(
            by="indexes", asked_by=cast.officer.label, asked_at=now, state="ready", ready_at=now, asked_index=1
        )
    assert titles(cast, cast.officer) == {"approval": True, "viewing": True, "export": True}
    assert titles(cast, cast.owner) == {"webhook": True}, "nobody decides what they asked for"
    assert titles(cast, cast.author) == {}
    assert "approval" not in titles(globex, globex.officer)


def test_what_was_seen_stays_and_what_came_since_is_new(fresh):
    cast = fresh()
    ask(cast)
    officer = browser.staff(cast, "officer")
    page = officer.get(PAGE).content.decode()
    assert "To decide: Close the business" in page
    assert "New</span>" in page
    assert "because" not in page
    upto = page.split('name="upto" value="')[1].split('"')[0]
    ask(cast)  # after the page was drawn
    assert officer.post(PAGE + "seen", {"upto": upto}).status_code == 302
    with cast.inside():
        assert (len(news.get_news_for(cast.officer).items), news.get_news_for(cast.officer).unread) == (2, 1)
    late = (clock.now() + timedelta(days=300)).isoformat()
    assert officer.post(PAGE + "seen", {"upto": late}).status_code == 302
    ask(cast)
    with cast.inside():
        assert news.get_news_for(cast.officer).unread == 1, "nobody sees what has not happened"
    for nonsense in ("", "yesterday", "2026-02-31T00:00:00+00:00", "2026-02-01"):
        assert officer.post(PAGE + "seen", {"upto": nonsense}).status_code in {302, 422}


def test_the_socket_tells_each_person_their_own_count(fresh):
    cast = fresh()
    ask(cast)
    keys = {}
    for role in ("owner", "officer"):
        client = browser.staff(cast, role)
        keys[role] = client.session.session_key
    subject = following.Subject("news")
    with cast.inside():
        found = staffroom._look_at({key: {subject} for key in keys.values()})
    assert found is not None
    counts = {role: found.seen[key, subject].figures["news"] for role, key in keys.items()}
    assert counts == {"owner": 0, "officer": 1}
