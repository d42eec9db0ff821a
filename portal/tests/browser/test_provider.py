"""Sign-in by the business's own provider in a real Chromium, at a provider that we did not write: set up, tried, used."""

import pytest
from playwright.sync_api import expect

from portal.testing import certified, openid, surfer
from portal.tests.browser.test_pages import TWICE, axe, eyes  # noqa: F401 (fixtures)

pytestmark = pytest.mark.browser
PAGE = "/console/settings/staff/provider/"


@pytest.fixture(scope="module")
def issuer(running, acme, tmp_path_factory):
    """The web process trusts it, and may call it, for as long as this module runs."""
    trusted, before = surfer.certificate(tmp_path_factory.mktemp("openid")), dict(running.env)
    with certified.provider(trusted, f"http://{acme.host}/console/sign-in/provider/back") as issuer:
        running.env |= {"EBB_CALL_INSIDE": "127.0.0.0/8,::1/128", "SSL_CERT_FILE": str(trusted)}
        _restart(running)
        yield issuer
        running.env.clear()
        running.env.update(before)
        _restart(running)


def _restart(running):
    running.kill("web")
    running.start("web")


def test_an_owner_sets_it_up_and_an_author_comes_by_it(desk, acme, issuer, eyes):  # noqa: F811
    trusting = {"ignore_https_errors": True}
    with desk.person("owner", **trusting) as owner, desk.person("author", **trusting) as author:
        desk.sign_in(owner, acme, "owner")
        owner.goto(desk.running.page(acme, PAGE))
        owner.fill("[name=issuer]", issuer)
        owner.fill("[name=client_id]", openid.CLIENT)
        owner.fill("[name=secret]", openid.SECRET)
        owner.click("form[action$=change] [type=submit]")
        owner.get_by_role("heading", name="2. Try it").wait_for()
        eyes.look(owner, "provider, not tried", TWICE)
        _there(desk, owner, "a[href$='/try']", "olga@house.example")
        owner.get_by_text("It vouches for olga@house.example.").wait_for()
        eyes.look(owner, "provider, tried", TWICE)
        owner.check("[name=use][value=beside]")
        owner.click("form[action$=use] [type=submit]")
        owner.get_by_text("Saved. It holds").wait_for()
        author.goto(desk.running.page(acme, "/console/messages/"))
        eyes.look(author, "sign-in, with a provider", TWICE)
        _there(desk, author, "main a.button", acme.emails["author"])
        author.wait_for_url("**/console/messages/")
        expect(owner.locator("[name=use][value=beside]")).to_be_checked()
        _brought_and_let_go(desk, acme, owner)
        eyes.look(owner, "provider, in use", TWICE)
        owner.check("[name=use][value=off]")
        owner.click("form[action$=use] [type=submit]")
        owner.get_by_text("Saved. It holds").first.wait_for()


def _brought_and_let_go(desk, acme, owner):
    """Nobody here invites Nina. The provider's program brings her, she comes, it lets her go, and what she had open is over."""
    with desk.person("nina", ignore_https_errors=True) as nina, desk.running.client(acme) as program:
        program.headers["Authorization"] = f"Bearer {acme.key}"
        made = program.post(
            "/scim/v2/Users",
            json={"userName": "nina@house.example", "displayName": "Nina Brought", "roles": ["author"]},
        )
        assert made.status_code == 201, made.text
        nina.goto(desk.running.page(acme, "/console/messages/"))
        _there(desk, nina, "main a.button", "nina@house.example")
        nina.wait_for_url("**/console/messages/")
        owner.goto(desk.running.page(acme, "/console/settings/staff/"))
        expect(owner.get_by_text("nina@house.example · from your provider")).to_be_visible()
        owner.goto(desk.running.page(acme, PAGE))
        expect(owner.get_by_text("It looks after 1 of your staff.")).to_be_visible()
        gone = program.patch(
            f"/scim/v2/Users/{made.json()['id']}",
            json={"Operations": [{"op": "Replace", "path": "active", "value": "False"}]},
        )
        assert gone.json()["active"] is False
        nina.goto(desk.running.page(acme, "/console/messages/"))
        expect(nina.get_by_label("Password")).to_be_visible()


def _there(desk, page, link, name):
    """At the provider, whose pages may complain of themselves."""
    desk.watch.quiet = True
    try:
        page.click(link)
        page.fill("input[name=login]", name)
        page.fill("input[name=password]", "any")
        page.click("button[type=submit]")
        page.get_by_role("button", name="Continue").click()
        page.wait_for_url("**/console/**")
    finally:
        desk.watch.quiet = False
