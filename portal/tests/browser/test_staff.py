"""Staff in a real Chromium: a passkey set up and used by the browser's own hand, a colleague invited, and a role changed."""

import secrets

import pytest
from playwright.sync_api import expect

from portal.tests.browser.conftest import DESK
from portal.tests.browser.test_pages import TWICE, axe, eyes  # noqa: F401 (fixtures)

pytestmark = pytest.mark.browser


def authenticator(page):
    """Chromium's virtual one. → sets whether its user is verified"""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasUserVerification": True, "isUserVerified": True}
    made = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]
    return lambda is_verified: devtools.send(
        "WebAuthn.setUserVerified", {"authenticatorId": made, "isUserVerified": is_verified}
    )


def invite(desk, owner, acme, name, role="author"):
    """The owner's own steps. → the link"""
    owner.goto(desk.running.page(acme, "/console/settings/staff/"))
    owner.click("[data-dialog=invite-dialog]")
    owner.fill("#invite-dialog [name=name]", name)
    owner.fill("#invite-dialog [name=email]", f"{secrets.token_hex(4)}@house.example")
    email = owner.input_value("#invite-dialog [name=email]")
    owner.check(f"#invite-dialog [name=role][value={role}]")
    owner.click("#invite-dialog [type=submit]")
    return email, owner.inner_text("#invitation")


def test_an_invited_author_sets_up_a_passkey_and_signs_in_with_it(desk, acme, eyes):  # noqa: F811
    with desk.person("owner") as owner, desk.person("author", viewport=DESK) as page:
        desk.sign_in(owner, acme, "owner")
        email, link = invite(desk, owner, acme, "Paula Passkey")
        eyes.look(owner, "staff", TWICE)
        page.goto(link)
        eyes.look(page, "invited", TWICE)
        page.fill("[name=password]", "a long enough password")
        page.click("main [type=submit]")
        page.wait_for_url("**/console/sign-in/")
        verified = authenticator(page)
        _password(page, email)
        page.wait_for_url("**/console/")
        page.goto(desk.running.page(acme, "/console/you/"))
        page.fill("[data-passkey=make] [name=name]", "my laptop")
        page.click("[data-passkey=make] [type=submit]")
        page.locator("#recovery-codes").wait_for()
        assert len(page.inner_text("#recovery-codes").split()) == 10
        expect(page.get_by_text("my laptop")).to_be_visible()
        eyes.look(page, "you", TWICE)
        page.get_by_role("button", name="Set up an app").click()
        page.get_by_text("Or type the key").wait_for()
        eyes.look(page, "an app", TWICE)
        page.goto(desk.running.page(acme, "/console/confirm/"))
        eyes.look(page, "confirm", TWICE)
        page.goto(desk.running.page(acme, "/console/you/"))
        page.click("[aria-label='Sign out']")
        _password(page, email)
        page.wait_for_url("**/second-factor")
        eyes.look(page, "second factor", TWICE)
        verified(False)
        page.click("[data-passkey=use] [type=submit]")
        page.get_by_text("That did not work").wait_for()
        verified(True)
        page.click("[data-passkey=use] [type=submit]")
        page.wait_for_url("**/console/")
        page.goto(desk.running.page(acme, "/console/you/"))
        expect(page.get_by_text("this browser")).to_be_visible()


def _password(page, email):
    page.fill("[name=login]", email)
    page.fill("[name=password]", "a long enough password")
    page.click("main [type=submit]")
