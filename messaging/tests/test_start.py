"""Starting a business from the installation's own page, by its doors: letter, name, birth, keys, and then it is served."""

import html
import re
import secrets

import pytest
from django.test import Client
from django_q.models import OrmQ

from archive.flows import birth
from messaging import jobs
from portal.kernel import clock
from portal.sealing import passphrase
from portal.testing import browser
from tenants.flows import signup
from tenants.jobs import build
from tenants.models import Business, Signup
from tenants.queries import signups

PASSWORD, PASSPHRASE = "correct horse battery", "four words of passphrase"


@pytest.fixture
def open_(house, settings, monkeypatch):
    settings.EBB_SIGNUP = True
    monkeypatch.setattr(birth, "COST", passphrase.Cost(log2_n=10))
    yield Client(HTTP_HOST=settings.EBB_BASE_HOST, REMOTE_ADDR=f"10.9.{secrets.randbelow(250)}.1")
    signup.sweep(now=clock.now() + 2 * signups.LASTS)
    OrmQ.objects.all().delete()


def letter(client, mailoutbox) -> str:
    """Asked for, sent by its job; what stands in it."""
    email = f"{secrets.token_hex(4)}@start.example"
    assert "Look at your mail" in client.post("/start/", {"email": email}).content.decode()
    [row] = Signup.objects.filter(email=email)
    jobs.send_start_link(row.id)
    mail = mailoutbox[-1]
    assert mail.to == [email]
    return re.search(r"(/start/[^/]+/)", mail.body)[1]


def shown(client, path) -> str:
    return html.unescape(client.get(path).content.decode())


def test_from_a_letter_to_a_business_that_is_served(open_, mailoutbox):
    path, slug = letter(open_, mailoutbox), f"start-{secrets.token_hex(4)}"
    assert "What is it called?" in shown(open_, path)
    assert open_.post(path, {"step": "name", "slug": slug, "name": "Started Clinic"}).status_code == 302
    building = open_.get(path)
    assert "Started Clinic is being made" in building.content.decode()
    assert building["Refresh"] == "1"
    early = open_.post(
        path, {"step": "keys", "person": "A", "password": PASSWORD, "passphrase": PASSPHRASE, "again": PASSPHRASE}
    )
    assert (early.status_code, b"still being built" in early.content) == (422, True)
    business = Business.objects.get(slug=slug)
    build(business.id)

    assert "You, and the key of the archive" in shown(open_, path)
    wanted = {
        "step": "keys",
        "person": "Ada Owner",
        "password": PASSWORD,
        "passphrase": PASSPHRASE,
        "again": PASSPHRASE,
    }
    kept = html.unescape(open_.post(path, wanted).content.decode())
    text = re.search(r'name="recovery_text" value="([^"]+)"', kept, re.DOTALL)[1]
    file = open_.post(path, {"step": "download", "recovery_text": text})
    assert file.content.decode() == text
    assert file["Content-Disposition"] == f'attachment; filename="{slug}-recovery-key.txt"'
    assert Client(HTTP_HOST=f"{slug}.localhost").get("/inbox/").status_code == 404, (
        "served before the key was given back"
    )

    again = open_.post(path, wanted)  # lost it: other keys, and the first file opens nothing
    newer = re.search(r'name="recovery_text" value="([^"]+)"', html.unescape(again.content.decode()), re.DOTALL)[1]
    assert newer != text
    assert "another archive" in html.unescape(
        open_.post(path, {"step": "return", "recovery_key": text}).content.decode()
    )
    assert open_.post(path, {"step": "return", "recovery_key": newer}).status_code == 302
    assert "Started Clinic is open" in shown(open_, path)
    business.refresh_from_db()
    assert business.state == Business.State.READY

    owner = Client(HTTP_HOST=f"{slug}.localhost")
    email = Signup.objects.get(business_id=business.id).email
    assert owner.post("/console/sign-in/", {"login": email, "password": PASSWORD}).status_code == 302
    assert owner.get("/console/").status_code == 200


def test_after_it_is_served_the_link_changes_nothing(open_, mailoutbox):
    path, slug = letter(open_, mailoutbox), f"start-{secrets.token_hex(4)}"
    open_.post(path, {"step": "name", "slug": slug, "name": "Served"})
    business = Business.objects.get(slug=slug)
    build(business.id)
    wanted = {"step": "keys", "person": "Ada", "password": PASSWORD, "passphrase": PASSPHRASE, "again": PASSPHRASE}
    kept = html.unescape(open_.post(path, wanted).content.decode())
    text = re.search(r'name="recovery_text" value="([^"]+)"', kept, re.DOTALL)[1]
    open_.post(path, {"step": "return", "recovery_key": text})
    for step in (wanted | {"password": "an intruder's password"}, {"step": "return", "recovery_key": text}):
        answer = open_.post(path, step)
        assert (answer.status_code, b"is there already" in answer.content) == (422, True)
    owner = Client(HTTP_HOST=f"{slug}.localhost")
    email = Signup.objects.get(business_id=business.id).email
    assert owner.post("/console/sign-in/", {"login": email, "password": "an intruder's password"}).status_code == 422


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"password": "short"}, "12"), ({"again": "another one entirely"}, "not the same"), ({"person": " "}, "ame"),
        ({"passphrase": "short", "again": "short"}, "12"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_where_it_is_and_nothing_is_half_done(open_, mailoutbox, changed, said):
    path, slug = letter(open_, mailoutbox), f"start-{secrets.token_hex(4)}"
    open_.post(path, {"step": "name", "slug": slug, "name": "Wrong"})
    business = Business.objects.get(slug=slug)
    build(business.id)
    wanted = {"step": "keys", "person": "Ada", "password": PASSWORD, "passphrase": PASSPHRASE, "again": PASSPHRASE}
    answer = open_.post(path, wanted | changed)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert said in page
    assert page.count("field-error") == 1
    assert PASSWORD not in page
    assert PASSPHRASE not in page
    assert b"recovery_text" not in answer.content


def test_a_name_that_cannot_be_is_said_at_its_field(open_, mailoutbox):
    path = letter(open_, mailoutbox)
    for slug, name in (("www", "Fine"), ("fine-address", " ")):
        answer = open_.post(path, {"step": "name", "slug": slug, "name": name})
        assert (answer.status_code, answer.content.count(b"field-error")) == (422, 1)
    assert open_.post("/start/", {"email": "no address"}).content.count(b"field-error") == 1


def test_the_letter_names_nobody(open_, mailoutbox):
    letter(open_, mailoutbox)
    mail = mailoutbox[-1]
    assert mail.to[0] not in mail.subject + mail.body
    assert "Ebb" in mail.from_email


def test_shut_doors_are_no_doors(open_, mailoutbox, settings):
    path = letter(open_, mailoutbox)
    assert b"Start a business" in open_.get("/").content
    settings.EBB_SIGNUP = False
    assert b"Start a business" not in open_.get("/").content
    assert [open_.get(one).status_code for one in ("/start/", path)] == [404, 404]
    assert open_.post("/start/", {"email": "a@start.example"}).status_code == 404


def test_it_is_the_installations_door_and_no_businesss(open_, acme):
    assert browser.visitor(acme).get("/start/").status_code == 404


def test_too_many_is_said(open_):
    for number in range(signup.OF_A_NETWORK):
        assert open_.post("/start/", {"email": f"{number}@start.example"}).status_code == 200
    assert open_.post("/start/", {"email": "more@start.example"}).status_code == 429


def test_no_get_makes_anything(open_, mailoutbox):
    path = letter(open_, mailoutbox)
    before = Business.objects.count(), Signup.objects.count()
    assert open_.get(path).status_code == 200
    assert (Business.objects.count(), Signup.objects.count()) == before
