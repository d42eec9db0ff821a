"""A browser becomes a device: once, with its own key, at its own business."""

import json
from uuid import UUID

from django.test import Client
from django_q.models import OrmQ

from messaging.flows import attempt, enrolment, inquiry
from messaging.models import Device, Enrolment
from messaging.queries import recoverable
from messaging.tests.device.phone import Phone
from portal.kernel import clock, ids


def code_of(answer) -> str:
    return json.loads(answer.content)["code"]


def test_a_link_makes_a_device_and_names_its_customers(cast) -> None:
    customer = cast.customer(name="Ada")
    token, _ = cast.invite(customer)
    phone = Phone()
    answer = phone.enrol(token)
    assert answer.status_code == 201
    assert answer.json()["customers"] == [{"id": str(customer), "name": "Ada", "language": "en"}]
    cookie = answer.cookies["__Host-ebb-device"]
    assert cookie["secure"]
    assert cookie["httponly"]
    assert cookie["path"] == "/"
    assert not cookie["domain"]
    assert answer["Cache-Control"] == "no-store"


def test_a_link_works_once(cast) -> None:
    token, _ = cast.invite(cast.customer())
    assert Phone().enrol(token).status_code == 201
    again = Phone().enrol(token)
    assert (again.status_code, code_of(again)) == (401, "enrolment_spent")


def test_opening_the_page_uses_nothing_up(cast) -> None:
    token, _ = cast.invite(cast.customer())
    for _ in range(3):
        assert Client(HTTP_HOST="acme.localhost").get(f"/inbox/enrol/{token}").status_code == 200
    assert Phone().enrol(token).status_code == 201


def test_a_code_works_as_typed_and_ends_its_link(cast) -> None:
    token, code = cast.invite(cast.customer())
    typed = f"{code[:5].lower()}-{code[5:]}"
    assert Phone().enrol(typed, "code").status_code == 201
    assert Phone().enrol(token).status_code == 401


def test_the_link_of_another_business_is_nothing_here(cast) -> None:
    customer = cast.customer(cast.globex)
    token, _ = cast.invite(customer, cast.globex)
    assert Phone("acme.localhost").enrol(token).status_code == 401
    assert Phone("globex.localhost").enrol(token).status_code == 201


def test_a_wrong_proof_uses_nothing_up(cast) -> None:
    token, _ = cast.invite(cast.customer())
    phone, other = Phone(), Phone()
    assert code_of(phone.enrol(token, proof=other.sign("ebb/v1/enrol", phone.host, token))) == "not_proved"
    assert code_of(phone.enrol(token, proof=phone.sign("ebb/v1/enrol", "globex.localhost", token))) == "not_proved"
    assert phone.enrol(token).status_code == 201


def test_nonsense_is_refused_with_a_code(cast) -> None:
    phone = Phone()
    for body in ([], {}, {"token": 3}, {"token": "x", "public_key": {"kty": "EC"}, "proof": "x"}):
        answer = phone.post("/inbox/enrol", body)
        assert 400 <= answer.status_code < 500, answer.content
    private = {**phone.jwk, "d": "AAAA"}
    assert code_of(phone.enrol("x", public_key=private)) == "bad_public_key"


def test_an_old_link_and_an_old_code_are_over(cast, inside) -> None:
    token, code = cast.invite(cast.customer())
    with clock.use(clock.Fake(clock.now() + enrolment.CODE_LIVES_FOR)):
        assert Phone().enrol(code, "code").status_code == 401
    with clock.use(clock.Fake(clock.now() + enrolment.link.LIVES_FOR)):
        assert Phone().enrol(token).status_code == 401


def test_a_new_code_ends_the_one_before(cast) -> None:
    customer = cast.customer()
    _, first = cast.invite(customer)
    _, second = cast.invite(customer)
    assert Phone().enrol(first, "code").status_code == 401
    assert Phone().enrol(second, "code").status_code == 201


def test_guessing_is_counted_and_stops(cast) -> None:
    phone = Phone()
    phone.client = Client(HTTP_HOST=phone.host, REMOTE_ADDR="10.9.9.9")
    at = clock.Fake(clock.now())
    with clock.use(at):
        answers = [phone.enrol(ids.code(), "code").status_code for _ in range(enrolment.GUESSES + 2)]
    assert answers == [401] * enrolment.GUESSES + [429, 429]
    _, code = cast.invite(cast.customer())
    with clock.use(at):
        assert phone.enrol(code, "code").status_code == 429
    with clock.use(clock.Fake(at.at + enrolment.WINDOW)):
        assert phone.enrol(ids.code(), "code").status_code == 401


def test_many_customers_behind_one_address_come_in_and_pay_for_nobodys_guess(cast, inside) -> None:
    def behind_it(secret: str) -> int:
        phone = Phone()
        phone.client = Client(HTTP_HOST=phone.host, REMOTE_ADDR="10.9.9.8")
        return phone.enrol(secret).status_code

    links = iter([cast.invite(cast.customer())[0] for _ in range(enrolment.GUESSES + 4)])
    with clock.use(clock.Fake(clock.now())):
        assert [behind_it(next(links)) for _ in range(enrolment.GUESSES + 2)] == [201] * (enrolment.GUESSES + 2)
        told = [behind_it(ids.token()) for _ in range(enrolment.GUESSES - 1)] + [
            behind_it(next(links)),
            behind_it(ids.token()),
        ]
        assert told == [401] * (enrolment.GUESSES - 1) + [201, 401]
        assert behind_it(next(links)) == 429, "a link that works pardons no guess"


def test_a_thousand_links_from_one_address_are_more_than_a_waiting_room(cast, inside) -> None:
    now, counted = clock.now(), {"use": "enrol.any", "source": "10.9.9.7", "window": enrolment.WINDOW}
    phone = Phone()
    phone.client = Client(HTTP_HOST=phone.host, REMOTE_ADDR="10.9.9.7")
    token, _ = cast.invite(cast.customer())
    inside(lambda: [attempt.add(now=now, **counted) for _ in range(enrolment.ENROLMENTS)])
    with clock.use(clock.Fake(now)):
        assert phone.enrol(token).json()["code"] == "too_many"
    with clock.use(clock.Fake(now + enrolment.WINDOW)):
        assert phone.enrol(token).status_code == 201


def test_used_up_counts_are_swept(cast, inside) -> None:
    inside(attempt.add, now=clock.now(), use="x", source="y", window=enrolment.WINDOW)
    with clock.use(clock.Fake(clock.now() + enrolment.WINDOW * 2)):
        assert inside(attempt.sweep, now=clock.now()) >= 1


def test_one_phone_serves_a_family(cast) -> None:
    phone = cast.phone()
    first = phone.id
    child = cast.customer(name="Child")
    token, _ = cast.invite(child)
    answer = phone.enrol(token)
    assert answer.json()["device"] == first
    assert len(answer.json()["customers"]) == 2
    assert "__Host-ebb-device" not in answer.cookies


def test_a_lost_key_is_replaced_by_the_next_link(cast, inside) -> None:
    customer = cast.customer()
    old = cast.phone(customer)
    new = Phone()
    new.client.cookies = old.client.cookies
    token, _ = cast.invite(customer)
    assert new.enrol(token).status_code == 201
    assert new.id != old.id
    row = inside(Device.objects.get, id=old.id)
    assert (row.state, row.revoked_reason) == ("revoked", "replaced")


def test_another_site_cannot_post(cast) -> None:
    token, _ = cast.invite(cast.customer())
    phone = Phone()
    body = {
        "token": token,
        "public_key": phone.jwk,
        "name": "x",
        "proof": phone.sign("ebb/v1/enrol", phone.host, token),
    }
    for headers in ({"Origin": "https://globex.localhost"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "null"}):
        assert code_of(phone.post("/inbox/enrol", body, **headers)) == "foreign_origin"
    assert phone.post("/inbox/enrol", body, Origin="https://acme.localhost").status_code == 201


def test_recovery_answers_everyone_alike(cast, inside, mailoutbox) -> None:
    cast.customer(email="known@example.org")
    phone = Phone()
    answers = [phone.post("/inbox/recover", {"to": to}) for to in ("known@example.org", "nobody@example.org", "???")]
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    work_off(inside)
    assert inside(Enrolment.objects.filter(is_recovery=True, sealed_secret__isnull=False).count) == 1


def test_recovery_rests_for_a_day_after_the_address_changed(cast, inside) -> None:
    from messaging.flows import customer as customers
    from portal.kernel import actors

    moved = cast.customer(email="before@example.org")
    details = customers.Details(email="after@example.org")
    inside(customers.change, actor=actors.SYSTEM, now=clock.now(), customer_id=moved, details=details)
    recover(inside, clock.now())
    assert inside(Enrolment.objects.filter(customer_id=moved).count) == 0
    recover(inside, clock.now() + recoverable.PAUSE)
    assert inside(Enrolment.objects.filter(customer_id=moved).count) == 1


def recover(inside, now) -> None:
    """Asked at the door, and looked at by a worker."""
    inside(inquiry.ask, now=now, kind="recover", to="after@example.org", source="a")
    work_off(inside, now)


def work_off(inside, now=None) -> None:
    inside(lambda: [inquiry.answer(now=now or clock.now(), kind="recover", key=key) for key in asked_for()])


def asked_for() -> list[UUID]:
    """The keys that wait for a worker, taken from the queue."""
    found = [row for row in OrmQ.objects.all() if tuple(row.task["args"][1:2]) == (inquiry.JOBS["recover"],)]
    OrmQ.objects.filter(id__in=[row.id for row in found]).delete()
    return [UUID(row.task["args"][2]) for row in found]
