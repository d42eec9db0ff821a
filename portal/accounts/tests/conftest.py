"""A business with a sign-in provider of its own: set up, tried, beside passwords."""

import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from archive.ledger import entry
from archive.queries import entries
from portal.accounts.flows import signon, staff
from portal.accounts.models import Attempt, StaffPolicy, User
from portal.accounts.rules import oidc
from portal.kernel import actors, clock
from portal.testing import browser, openid, surfer
from portal.testing.cast import Cast, build

GO, BACK, PAGE = "/console/sign-in/provider", "/console/sign-in/provider/back", "/console/settings/staff/provider/"
CONFIRM = "/console/confirm/provider"


@pytest.fixture(scope="module")
def certificate():
    with tempfile.TemporaryDirectory(prefix="ebb-openid-") as folder:
        yield surfer.certificate(Path(folder))


@pytest.fixture(scope="module")
def signed_on(house):
    return build(f"signon-{secrets.token_hex(3)}", "Sign-on House")


@pytest.fixture
def there(settings, monkeypatch, certificate):
    """The provider, which this process trusts and may reach."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    settings.EBB_CALL_INSIDE, settings.EBB_PROVIDER_SECONDS = ["127.0.0.0/8", "::1/128"], 10
    with openid.provider(certificate) as made:
        yield made


@dataclass
class House:
    cast: Cast
    at: clock.Fake
    there: openid.Openid

    def someone(self, role="author", **changes):
        """→ the e-mail address of a new member of staff."""
        email = f"{secrets.token_hex(5)}@house.example"
        with self.cast.inside():
            staff.add(
                actor=self.cast.owner, now=clock.now(), email=email, name="New Comer", role=role, password=self.cast.password
            )  # fmt: skip
            User.objects.filter(email=email).update(**changes)
        return email

    def person(self, email):
        with self.cast.inside():
            return User.objects.get(email=email)

    def go(self, client=None, path=GO):
        """→ the browser, and where it was sent."""
        client = client or browser.visitor(self.cast)
        answer = client.get(path)
        assert answer.status_code == 302, answer.content
        assert answer["Location"].startswith(self.there.issuer + "/auth?")
        return client, answer["Location"]

    def come(self, who, client=None, path=GO, **claims):
        """The whole way. `sub` is made of the address unless it is given."""
        client, location = self.go(client, path)
        told = {"sub": "sub-" + who, "email": who, "email_verified": True, **claims}
        return client, client.get(BACK, self.there.vouch(location, **told))

    def told(self, kind):
        with self.cast.inside():
            found = entries.list_for(actors.SYSTEM, entries.Filter(kind=kind), limit=1000).results
            return [entry.decode(one.leaf) for one in found]

    def use(self, wanted, *, trusts_factor=False):
        with self.cast.inside():
            signon.use(actor=self.cast.owner, now=clock.now(), wanted=wanted, trusts_factor=trusts_factor)


@pytest.fixture
def it(signed_on, at, there):
    """The provider is set up, was tried, and stands beside passwords."""
    cast = signed_on
    made = House(cast, at, there)
    with cast.inside():
        Attempt.objects.all().delete()
        signon.change(
            actor=cast.owner, now=clock.now(), issuer=there.issuer, client_id=openid.CLIENT, secret=openid.SECRET
        )
        signon.tried(actor=cast.owner, now=clock.now(), issuer=there.issuer, client_id=openid.CLIENT)
    made.use("beside")
    yield made
    with cast.inside():
        StaffPolicy.objects.all().delete()


def is_in(client):
    return client.get("/console/").status_code == 200


def refused(it, answer, client, why):
    """The door stays shut, an entry says why, and the page tells no more than it may."""
    assert answer.status_code == 401, answer.content
    assert not is_in(client)
    assert it.told("staff.sign_in_refused")[-1].codes == {"by": "provider", "why": why}
    page = answer.content.decode()
    assert (oidc.WHY[why] in page.replace("&#x27;", "'")) == (why in oidc.THEIRS)
    assert openid.SECRET not in page
    assert "localhost:" + str(it.there.port) not in page
