"""Sign-in against a provider that we did not write (the OpenID Foundation certified it): from the door, by its pages, and back."""

import re
import secrets
import ssl
import tempfile
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from portal.accounts.flows import signon, staff
from portal.accounts.models import StaffPolicy, User
from portal.kernel import clock
from portal.testing import browser, certified, openid, surfer
from portal.testing.cast import build

BACK, PAGE = "/console/sign-in/provider/back", "/console/settings/staff/provider/"


@pytest.fixture(scope="module")
def cast(house):
    return build(f"certified-{secrets.token_hex(3)}", "Certified House")


@pytest.fixture(scope="module")
def certificate():
    with tempfile.TemporaryDirectory(prefix="ebb-certified-") as folder:
        yield surfer.certificate(Path(folder))


@pytest.fixture(scope="module")
def issuer(cast, certificate):
    with certified.provider(certificate, f"http://{cast.host}{BACK}") as issuer:
        yield issuer


@pytest.fixture
def trusted(settings, monkeypatch, certificate):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    settings.EBB_CALL_INSIDE = ["127.0.0.0/8", "::1/128"]


@pytest.fixture
def door(cast, issuer, trusted):
    """→ (the browser's part at the provider): signs in there under a name, and brings back what it is given."""
    with cast.inside():
        signon.change(actor=cast.owner, now=clock.now(), issuer=issuer, client_id=openid.CLIENT, secret=openid.SECRET)
        signon.tried(actor=cast.owner, now=clock.now(), issuer=issuer, client_id=openid.CLIENT)
        signon.use(actor=cast.owner, now=clock.now(), wanted="beside", trusts_factor=False)
    yield lambda client, path, name: _through(cast, client, path, name)
    with cast.inside():
        StaffPolicy.objects.all().delete()


def _through(cast, client, path, name):
    """As a person does: its sign-in page, its page of consent, and where it sends them."""
    location = client.get(path)["Location"]
    context = ssl.create_default_context()  # of the environment, as everything here
    with httpx.Client(verify=context) as there:
        for _ in range(12):
            answer = there.get(location)
            if not answer.is_redirect:
                form = dict(re.findall(r'name="(prompt)" value="(\w+)"', answer.text))
                target = re.search(r'action="([^"]+)"', answer.text)[1]
                answer = there.post(urljoin(location, target), data={**form, "login": name, "password": "any"})
            location = urljoin(location, answer.headers["Location"])
            if location.startswith(f"http://{cast.host}"):
                return client.get(location.removeprefix(f"http://{cast.host}"))
    raise AssertionError(f"stuck at {location}")


def _someone(cast, prefix=""):
    email = f"{prefix}{secrets.token_hex(5)}@house.example"
    with cast.inside():
        staff.invite(actor=cast.owner, now=clock.now(), email=email, name="Invited One", role="author")
    return email


def test_an_invited_person_comes_in_and_comes_again(cast, door):
    email = _someone(cast)
    for _ in range(2):
        client = browser.visitor(cast)
        assert door(client, "/console/sign-in/provider", email)["Location"] == "/console/"
        assert client.get("/console/").status_code == 200
    with cast.inside():
        person = User.objects.get(email=email)
    assert person.is_active
    assert len(bytes(person.provider_subject)) == 16


def test_strangers_and_unverified_addresses_stay_out(cast, door):
    for name, why in (("stranger@house.example", "nobody_here"), (_someone(cast, "unverified-"), "email_unverified")):
        client = browser.visitor(cast)
        answer = door(client, "/console/sign-in/provider", name)
        assert answer.status_code == 401
        assert client.get("/console/").status_code == 302
        assert why in str(answer.context["refusal"]) or answer.context["refusal"]["message"]


def test_asked_again_before_something_dangerous(cast, door):
    """The provider knows `max_age` and `prompt`, and says when it asked."""
    email = _someone(cast)
    client = browser.visitor(cast)
    door(client, "/console/sign-in/provider", email)
    answer = door(client, "/console/confirm/provider?next=/console/you/", email)
    assert answer["Location"] == "/console/you/"


def test_an_owner_sets_it_up_and_tries_it(cast, issuer, trusted, door):
    owner = browser.staff(cast, "owner")
    given = {"issuer": issuer, "client_id": openid.CLIENT, "secret": openid.SECRET}
    assert owner.post(PAGE + "change", given)["Location"] == PAGE
    assert b"It vouches for olga@house.example" in door(owner, PAGE + "try", "olga@house.example").content
    owner.post(PAGE + "change", {**given, "secret": "another"})
    answer = door(owner, PAGE + "try", "olga@house.example")
    assert answer.status_code == 422
    assert b"does not know this client id with this secret" in answer.content
