"""The staff socket: who may open it, what it tells, and when it is over. Real consumers, a hub of this test's loop."""

import asyncio
import json
from uuid import uuid4

import pytest

from messaging import hub, staffroom
from messaging.flows import launch
from messaging.queries import following
from messaging.tests.campaign.conftest import Desk
from messaging.tests.device.phone import Wire, aside
from portal.accounts.flows import staff
from portal.accounts.models import Session
from portal.kernel import clock, ids, wake
from portal.testing import browser, cast

COOKIE = "__Host-ebb-session"
PASSWORD = "another long password"
WORDS = "a word that no socket tells"


class Page(Wire):
    """An open page: its socket, and what it heard."""

    async def open(self, host: str, cookie: str, origin: str | None = None) -> None:
        headers = [(b"host", host.encode()), (b"cookie", f"{COOKIE}={cookie}".encode())]
        headers += [(b"origin", (origin or f"https://{host}").encode())] if origin != "" else []
        self.serve("/console/socket", headers)

    async def follow(self, what: str, subject: object = None) -> dict[str, object]:
        await self.say(type="follow", what=what, **({"id": str(subject)} if subject else {}))
        return await self.event()


@pytest.fixture(scope="module")
def house_of(house):
    return cast.build("follow", "Follow House")


@pytest.fixture
def desk(house_of, at):
    made = Desk(house_of, at)
    made.customers = [house_of.customer() for _ in range(3)]
    return made


@pytest.fixture
async def made():
    one = hub.Hub(asyncio.get_running_loop())
    hub.use(one)
    yield one
    await one.stop()
    hub.use(None)


async def sign_in(business, role="author"):
    client = await aside(browser.staff, business, role)
    return client, client.cookies[COOKIE].value


async def page(business, cookie, **changed):
    opened = Page()
    await opened.open(business.host, cookie, **changed)
    return opened


async def test_it_tells_a_campaigns_counts_as_they_grow(desk, made, monkeypatch):
    _, cookie = await sign_in(desk.cast)
    pk = await aside(desk.write, body=WORDS, name="Named by its author")
    opened = await page(desk.cast, cookie)
    assert await opened.follow("campaign", pk) == {
        "type": "now", "what": "campaign", "id": str(pk), "state": "draft", "figures": {}
    }  # fmt: skip
    heard = []
    await aside(_send, desk, pk)
    while not heard or heard[-1]["state"] != "finished 1 finished":
        heard.append(await opened.event())
    last = heard[-1]["figures"]
    assert (last["sent"], last["left"], last["done"], last["failed"]) == (last["recipients"], 0, last["recipients"], 0)
    assert last["recipients"] >= 3
    assert WORDS not in json.dumps(heard)
    assert "Named" not in json.dumps(heard)


def _send(desk, pk):

    desk.do(launch.send, pk)
    desk.work()


async def test_a_page_is_drawn_in_the_state_that_the_socket_tells(desk, made):
    """Else it would be drawn anew for ever, or never."""
    client, cookie = await sign_in(desk.cast, "owner")
    pk, now = await aside(desk.write, send_at=clock.now().replace(year=clock.now().year + 1)), clock.now()

    await aside(desk.do, launch.schedule, pk)
    person = desk.customers[0]
    phone = await aside(desk.cast.handset, person)
    sent = await aside(desk.cast.send, person)
    opened = await page(desk.cast, cookie)
    for what, subject, path in (
        ("campaign", pk, f"campaigns/{pk}/"), ("run", (await aside(desk.runs, pk))[0].id, f"campaigns/{pk}/runs/1/"),
        ("message", sent.id, f"messages/{sent.id}/"), ("device", phone.device, f"devices/{phone.device}/"),
        ("conversations", None, "conversations/"),
    ):  # fmt: skip
        told = await opened.follow(what, subject)
        drawn = (await aside(client.get, f"/console/{path}")).content.decode()
        assert f'data-follow="{what}" data-id="{subject or ""}" data-fresh="{told["state"]}"' in drawn, (what, told)
    assert now


@pytest.mark.parametrize("change", ["cookie", "sibling", "none", "origin", "no origin"])
async def test_it_is_opened_by_a_session_of_this_host_only(desk, globex, made, change):
    _, cookie = await sign_in(desk.cast)
    _, foreign = await sign_in(globex, "author")
    given = {"cookie": "x" * 32, "sibling": foreign, "none": ""}.get(change, cookie)
    origin = {"origin": f"https://{globex.host}", "no origin": ""}.get(change)
    opened = await page(desk.cast, given, origin=origin)
    assert await opened.event() == {"close": 1008 if "origin" in change else 4401}
    assert not made.staffrooms
    assert not made.lines


async def test_absent_foreign_and_forbidden_look_alike(desk, globex, made):
    _, cookie = await sign_in(desk.cast, "officer")  # sees devices, no queue of conversations
    theirs = await aside(globex.send, await aside(globex.customer))
    opened = await page(desk.cast, cookie)
    for what, subject in (("message", theirs.id), ("message", uuid4()), ("conversations", None), ("import", uuid4())):
        told = await opened.follow(what, subject)
        assert (told["type"], told["code"]) == ("error", "not_found")


async def test_what_is_no_subject_is_said_and_eight_are_enough(desk, made):
    _, cookie = await sign_in(desk.cast)
    opened = await page(desk.cast, cookie)
    for what, subject in (("passwords", uuid4()), ("campaign", None), ("conversations", uuid4())):
        assert (await opened.follow(what, subject))["code"] == "unknown_subject"
    for _ in range(staffroom.SUBJECTS_A_LINE):
        await opened.say(type="follow", what="message", id=str(uuid4()))
    await opened.say(type="follow", what="message", id=str(uuid4()))
    codes = [(await opened.event())["code"] for _ in range(staffroom.SUBJECTS_A_LINE + 1)]
    assert sorted(codes) == ["not_found"] * staffroom.SUBJECTS_A_LINE + ["too_many_subjects"]


@pytest.mark.parametrize("end", ["sign-out", "removed", "password", "session", "closed"])
async def test_it_ends_with_what_let_it_in(desk, made, end):
    business = desk.cast
    email = f"{ids.uuid7().hex}@follow.example"
    with business.inside():
        who = await aside(_add, business, email)
    client = browser.visitor(business)
    await aside(client.post, "/console/sign-in/", {"login": email, "password": business.password})
    cookie = client.cookies[COOKIE].value
    opened = await page(business, cookie)
    assert (await opened.follow("conversations"))["type"] == "now"
    await aside(_end, end, business, client, who, cookie)
    if end == "session":
        await made.check()
    assert await opened.until("close") == {"close": 4403 if end == "closed" else 4401}


def _add(business, email):
    with business.inside():
        return staff.add(
            actor=business.owner, now=clock.now(), email=email, name="Mo", role="author", password=business.password
        )  # fmt: skip


def _end(end, business, client, who, cookie):
    with business.inside():
        if end == "removed":
            staff.remove(actor=business.owner, now=clock.now(), user_id=who)
        elif end == "password":
            staff.set_password(actor=business.owner, now=clock.now(), user_id=who, password=PASSWORD)
        elif end == "session":
            Session.objects.filter(session_key=cookie).delete()
    if end == "sign-out":
        assert client.post("/console/sign-out/").status_code == 302
    elif end == "closed":
        wake.publish(business.place.schema, "closed")


async def test_a_session_that_ends_by_itself_closes_within_the_second(desk, made):
    """The hub's own second finds it: nobody writes anything when a session is over."""
    _, cookie = await sign_in(desk.cast)
    opened = await page(desk.cast, cookie)
    await opened.follow("conversations")
    desk.at.at = clock.now().replace(year=clock.now().year + 1)
    made.tick()
    assert await opened.until("close") == {"close": 4401}


async def test_another_role_sees_what_it_may_from_the_next_look_on(desk, made):
    business = desk.cast
    email = f"{ids.uuid7().hex}@follow.example"
    who = await aside(_add, business, email)
    client = browser.visitor(business)
    await aside(client.post, "/console/sign-in/", {"login": email, "password": business.password})
    opened = await page(business, client.cookies[COOKIE].value)
    assert (await opened.follow("conversations"))["type"] == "now"
    await aside(_make_reviewer, business, who)
    assert (await opened.event())["code"] == "not_found"


def _make_reviewer(business, who):
    with business.inside():
        staff.change_role(actor=business.owner, now=clock.now(), user_id=who, role="reviewer")


async def test_the_forty_first_page_of_one_person_is_too_many(desk, made, monkeypatch):
    monkeypatch.setattr(hub, "LINES_A_PERSON", 2)
    _, cookie = await sign_in(desk.cast)
    for _ in range(2):
        assert (await (await page(desk.cast, cookie)).follow("conversations"))["type"] == "now"
    assert await (await page(desk.cast, cookie)).event() == {"close": 4429}


async def test_nothing_is_looked_at_while_nobody_is_there(desk, made, monkeypatch):
    _, cookie = await sign_in(desk.cast)
    opened = await page(desk.cast, cookie)
    await opened.follow("conversations")
    await opened.inward.put({"type": "websocket.disconnect", "code": 1000})
    await opened.task
    assert not made.staffrooms
    assert not made.lines


async def test_a_burst_of_commits_is_a_few_looks(desk, made, monkeypatch):
    looks = []
    real = following.see
    monkeypatch.setattr(following, "see", lambda *args: looks.append(1) or real(*args))
    _, cookie = await sign_in(desk.cast)
    opened = await page(desk.cast, cookie)
    await opened.follow("conversations")
    for _ in range(200):
        wake.publish(desk.cast.place.schema, "entries")
    await asyncio.sleep(2 * staffroom.LOOK_EVERY)
    assert 1 <= len(looks) <= 5
