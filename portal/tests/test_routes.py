"""T2: every route of a business's host × method × who asks × whose things. Routes come from the resolver; one without a row
here fails the build."""

import html
import itertools
import re
from collections.abc import Iterator

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from archive.queries import entries
from portal.accounts.api import authentication
from portal.accounts.flows import key
from portal.kernel import actors, clock, roles
from portal.testing import browser
from portal.testing.cast import ROLES
from portal.testing.things import one_of_each
from portal.web import guards

METHODS = ("get", "post", "put", "patch", "delete", "options", "head")
ANY = "any role"

# What a page of the console asks of whom; "open" pages are for anybody.
CONSOLE = {
    "": ANY, "_styles/": ANY, "accent.css": "open", "sign-in/": "open", "sign-out/": "open", "demo/<str:token>": "open",
    "settings/staff/": "settings.view", "settings/staff/policy": "business.govern",
    "settings/staff/<uuid:staff_id>/stop": "settings.view",
    **{f"settings/staff/{act}": "staff.manage" for act in
       ("invite", *(f"<uuid:staff_id>/{act}" for act in ("role", "remove", "invite")))},
    "invited/<str:token>": "open", "sign-in/second-factor": "open", "confirm/": ANY, "you/": ANY,
    "sign-in/provider": "open", "sign-in/provider/back": "open", "confirm/provider": ANY,
    "settings/staff/provider/": "settings.view",
    **{f"settings/staff/provider/{act}": "business.govern" for act in ("change", "use", "try")},
    **{f"you/{act}": ANY for act in ("app", "passkey", "codes", "factors/<uuid:factor_id>/remove", "password",
                                     "sessions/end-others", "sessions/<str:session_id>/end")},
    "views/<slug:of>/keep": ANY, "views/<slug:of>/<uuid:view_id>/delete": ANY,
    "attachments/": "message.send", "messages/<uuid:message_id>/attachments/<uuid:file_id>": "message.view",
    "compose/": "message.send", "compose/preview": "message.send",
    "templates/": "message.send", "templates/new": "template.manage", "templates/preview": "message.send",
    "templates/<uuid:template_id>/": "message.send", "templates/<uuid:template_id>/delete": "template.manage",
    "templates/<uuid:template_id>/versions/<int:number>/": "message.send",
    "campaigns/": "campaign.view", "campaigns/coming": "campaign.view", "campaigns/new": "message.send",
    **{f"campaigns/<uuid:campaign_id>/{act}": "campaign.view" for act in
       ("", "read", "simulate", "runs/<int:number>/", "runs/<int:number>/taken")},
    **{f"campaigns/<uuid:campaign_id>/{act}": "message.send" for act in
       ("edit", "save", "start", "pause", "resume", "cancel", "resend")},
    "messages/": "message.view", "messages/<uuid:message_id>/": "message.view",
    "messages/<uuid:message_id>/read": "message.view", "messages/<uuid:message_id>/recall": "message.recall",
    "messages/<uuid:message_id>/extend": "message.extend", "messages/<uuid:message_id>/follow-up": "message.send",
    "messages/unreached/": "message.view",
    "customers/": "customer.view", "customers/new": "customer.manage", "customers/<uuid:customer_id>/": "customer.view",
    "customers/<uuid:customer_id>/passphrase": "customer.manage",
    "customers/<uuid:customer_id>/erasure": "customer.manage", "settings/openness": "business.govern",
    "settings/second-person": "business.govern",
    "customers/<uuid:customer_id>/invite": "customer.invite", "customers/<uuid:customer_id>/erase": "customer.manage",
    "customers/tag": "customer.manage", "customers/audiences/": "customer.view",
    "customers/audiences/new": "customer.manage", "customers/audiences/count": "customer.manage",
    "customers/audiences/<uuid:audience_id>/": "customer.manage",
    "customers/audiences/<uuid:audience_id>/delete": "customer.manage",
    "customers/<uuid:customer_id>/edit": "customer.manage", "customers/<uuid:customer_id>/consent": "customer.manage",
    "customers/imports/": "customer.manage",
    **{f"customers/imports/<uuid:import_id>/{act}": "customer.manage" for act in
       ("", "check", "apply", "stop", "discard", "wrong")},
    "customers/imports/<uuid:import_id>/invite": "customer.manage",
    "conversations/": "conversation.view", "conversations/<uuid:conversation_id>/": "conversation.view",
    "conversations/<uuid:conversation_id>/reply": "message.send",
    "conversations/<uuid:conversation_id>/assign": "conversation.manage",
    "conversations/<uuid:conversation_id>/close": "conversation.manage",
    "devices/": "device.view", "devices/<uuid:device_id>/": "device.view",
    "devices/<uuid:device_id>/lock": "device.manage", "devices/<uuid:device_id>/unlock": "device.manage",
    "devices/<uuid:device_id>/sign-out": "device.manage", "devices/<uuid:device_id>/wipe": "device.manage",
    "archive/exports/": "archive.export", "archive/exports/new": "archive.export",
    "archive/exports/<uuid:export_id>/": "archive.export", "archive/exports/<uuid:export_id>/download": "archive.export",
    "archive/mirrors/ebb_mirror.py": "archive.export", "archive/mirrors/log.vkey": "archive.export",
    "archive/mirrors/": "archive.export", "archive/mirrors/<uuid:mirror_id>/remove": "archive.export",
    "archive/": "archive.list", "archive/ceremony": "archive.open", "archive/unlock": "archive.list",
    "archive/lock": "archive.list", "archive/<int:index>/": "archive.list", "archive/<int:index>/record": "archive.list",
    "archive/<int:index>/proof": "archive.list", "archive/<int:index>/attachments/<uuid:file_id>": "archive.open",
    "archive/search/": "archive.search", "archive/search/<uuid:search_id>/": "archive.search",
    "archive/search/<uuid:search_id>/keep": "archive.search", "archive/search/<uuid:search_id>/delete": "archive.search",
    "archive/audit/": "archive.list",
    "archive/rules/": "retention.view", "archive/rules/new": "retention.manage",
    "archive/rules/<uuid:rule_id>/": "retention.view",
    **{f"archive/rules/<uuid:rule_id>/{act}": "retention.manage" for act in
       ("edit", "simulate", "activate", "lock", "retire")},
    "archive/holds/": "hold.manage", "archive/holds/new": "hold.manage", "archive/holds/<uuid:hold_id>/": "hold.manage",
    "archive/holds/<uuid:hold_id>/release": "hold.manage", "archive/holds/<uuid:hold_id>/keep": "hold.manage",
    "archive/cases/": "archive.review", "archive/cases/new": "case.manage", "archive/cases/<uuid:case_id>/": "archive.review",
    **{f"archive/cases/<uuid:case_id>/{act}": "case.manage" for act in ("collect", "assign", "sample", "close")},
    "archive/cases/<uuid:case_id>/next": "archive.review",
    **{f"archive/cases/<uuid:case_id>/<int:number>/{act}": "archive.review"
       for act in ("claim", "release", "decide", "note", "tag", "untag")},
    "archive/supervision/": "case.manage", "archive/supervision/<uuid:supervision_id>/retire": "case.manage",
    **{f"archive/disposal/{page}": "retention.view" for page in
       ("", "months", "runs/", "runs/<uuid:run_id>/", "review/", "certificates/", "certificates/<uuid:certificate_id>/")},
    **{f"archive/disposal/{act}": "disposal.manage" for act in
       ("begin", "limits", "runs/<uuid:run_id>/stop", "review/decide")},
    "archive/approvals/": ANY, "archive/approvals/<uuid:approval_id>/approve": "approval.decide",
    "archive/approvals/<uuid:approval_id>/refuse": "approval.decide", "archive/approvals/<uuid:approval_id>/withdraw": ANY,
    "archive/viewings/<uuid:viewing_id>/grant": "archive.open", "archive/viewings/<uuid:viewing_id>/decline": ANY,
    "archive/viewings/<uuid:viewing_id>/show": "archive.ask", "messages/<uuid:message_id>/ask": "archive.ask",
    "archive/keys/": "archive.list", "archive/keys/<uuid:staff_id>/give": "archive.open",
    "archive/keys/<uuid:staff_id>/remove": "archive.list", "archive/keys/rotate": "archive.list",
    "archive/keys/take-up": "archive.open", "archive/keys/change": "archive.open", "archive/keys/recover": "archive.open",
    "archive/account/": "archive.list", "archive/account/reckon": "archive.list", "archive/log/": "archive.list",
    "archive/log/checkpoint": "archive.list", "archive/log/epoch": "archive.open", "archive/log/keepers": "archive.export",
    "archive/log/keepers/<uuid:keeper_id>/remove": "archive.export",
    "settings/notices/": "settings.view",
    **{f"settings/notices/{act}": "settings.manage" for act in ("change", "texts", "hook")},
    "notifications/": ANY, "notifications/seen": ANY,
    "settings/branding/": "settings.view", "settings/branding/change": "settings.manage",
    "settings/branding/preview.svg": "settings.view",
    "settings/danger/": "business.close", "settings/danger/close": "business.govern",
    "settings/danger/call-off": "business.close", "settings/danger/prove": "archive.open",
    "settings/danger/wipe": "business.govern", "settings/danger/sign-out": "business.govern",
    "settings/danger/revoke": "business.govern",
    "settings/devices": "settings.manage", "settings/webhooks/": "webhook.manage",
    "settings/webhooks/new": "webhook.manage",
    **{f"settings/webhooks/<uuid:webhook_id>/{act}": "webhook.manage" for act in
       ("", "change", "rotate", "test", "delete", "<uuid:delivery_id>/replay")},
    "settings/": "settings.view", "settings/keys": "key.manage", "settings/keys/<uuid:key_id>/revoke": "key.manage",
    "settings/front-desk": "settings.view", "settings/front-desk/change": "settings.manage",
}  # fmt: skip

API = {
    "customers", "customers/<uuid:customer_id>", "customers/<uuid:customer_id>/enrolments",
    "customers/<uuid:customer_id>/passphrase", "messages", "messages/batch",
    "messages/<uuid:message_id>", "messages/<uuid:message_id>/recall", "messages/<uuid:message_id>/extend",
    "messages/<uuid:message_id>/followup", "unreached",
    "conversations", "conversations/<uuid:conversation_id>", "conversations/<uuid:conversation_id>/assign",
    "conversations/<uuid:conversation_id>/close", "devices", "devices/<uuid:device_id>", "devices/<uuid:device_id>/lock",
    "devices/<uuid:device_id>/unlock", "devices/<uuid:device_id>/wipe", "categories", "audiences", "audiences/<uuid:audience_id>",
    "templates", "templates/<uuid:template_id>", "attachments", "webhooks",
    *(f"webhooks/<uuid:webhook_id>{act}"
      for act in ("", "/rotate", "/test", "/deliveries", "/deliveries/<uuid:delivery_id>/replay")),
    "campaigns", "campaigns/<uuid:campaign_id>", "campaigns/<uuid:campaign_id>/recipients",
    *(f"campaigns/<uuid:campaign_id>/{act}"
      for act in ("simulate", "schedule", "send", "pause", "resume", "cancel", "resend")), "archive/checkpoint", "archive/key",
    "archive/entries", "archive/entries/<entry_index:index>", "archive/entries/<entry_index:index>/proof",
    "archive/entries/<entry_index:index>/sealed", "archive/entries/<entry_index:index>/disposed",
    "archive/blobs/<uuid:file_id>", "exports", "exports/<uuid:export_id>",
    "exports/<uuid:export_id>/download", "archive/receipts", "archive/tile/<path:path>",
    "cases", "holds", "holds/<uuid:hold_id>", "holds/<uuid:hold_id>/release",
    "retention-rules", "retention-rules/<uuid:rule_id>", "retention-rules/<uuid:rule_id>/simulate",
    "retention-rules/<uuid:rule_id>/activate", "retention-rules/<uuid:rule_id>/retire",
}  # fmt: skip

# A customer's doors: nobody signed in as staff and no key changes what they say; a device proves itself each time.
PROVED = {
    "state", "messages", "messages/<uuid:message_id>/reveal", "messages/<uuid:message_id>/read",
    "messages/<uuid:message_id>/extend", "messages/<uuid:message_id>/attachments/<uuid:file_id>",
    "attachments", "sign-out", "devices", "devices/<uuid:device_id>/lock",
    "devices/<uuid:device_id>/sign-out", "devices/<uuid:device_id>/wipe", "lock", "open", "close",
    "own", "own/consent", "own/copy", "own/erasure",
    "notices", "notices/choices", "notices/push", "notices/no-push",
}  # fmt: skip
# The provider's program; a key with `staff.provision`, while the business signs in by its provider.
SCIM = {
    "Users", "Users/<str:uuid>", "Groups", "Groups/<str:uuid>", "ServiceProviderConfig", "ResourceTypes",
    "ResourceTypes/<str:uuid>", "Schemas", "Schemas/<str:uuid>",
}  # fmt: skip
OPEN = {
    "", "log", "log/checkpoint", "inbox/", "inbox/enrol", "inbox/enrol/<str:token>", "inbox/recover", "inbox/nonce",
    "inbox/lost", "inbox/lost/use", "inbox/lost/act", "inbox/lost/<str:token>", "inbox/kept", "inbox/wiped", "inbox/sw.js",
    "help/", "help/<slug:name>", "hooks/email", "hooks/sms", "inbox/manifest.webmanifest", "api/schema/", "api/docs/",
}  # fmt: skip


def _walk(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for one in patterns:
        route = prefix + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from _walk(one.url_patterns, route)
        else:
            yield route, one


ROUTES = dict(_walk(get_resolver("portal.urls").url_patterns))
EXPECTED = (
    {f"console/{route}" for route in CONSOLE} | {f"api/v1/{route}" for route in API}
    | {f"inbox/{route}" for route in PROVED} | {f"scim/v2/{route}" for route in SCIM} | OPEN
)  # fmt: skip
GUARDED = {f"console/{route}": wanted for route, wanted in CONSOLE.items() if wanted != "open"}


def test_every_route_has_a_row():
    assert set(ROUTES) == EXPECTED


@pytest.mark.parametrize("route", GUARDED)
def test_each_page_has_the_guard_that_its_row_says(route):
    wanted = GUARDED[route]
    assert ROUTES[route].callback.permission == ("" if wanted == ANY else wanted)
    assert wanted == ANY or wanted in roles.PERMISSIONS


# What cannot easily be undone: a password or a second factor of the last quarter of an hour.
FRESH = {
    "you/app", "you/passkey", "you/codes", "you/factors/<uuid:factor_id>/remove", "you/password",
    "settings/staff/provider/change", "settings/staff/provider/use",
    "settings/staff/invite", "settings/staff/policy", "settings/staff/<uuid:staff_id>/role",
    "settings/staff/<uuid:staff_id>/remove", "settings/staff/<uuid:staff_id>/invite", "settings/keys",
    "settings/keys/<uuid:key_id>/revoke", "settings/devices", "settings/openness", "settings/second-person",
    "settings/notices/change",
    "settings/notices/hook", "settings/webhooks/new", "settings/webhooks/<uuid:webhook_id>/rotate",
    "settings/webhooks/<uuid:webhook_id>/delete", "customers/<uuid:customer_id>/erase", "archive/exports/new",
    *(f"settings/danger/{act}" for act in ("close", "call-off", "prove", "wipe", "sign-out", "revoke")),
}  # fmt: skip


def test_dangerous_acts_and_no_others_want_a_fresh_proof():
    found = {route.removeprefix("console/") for route in GUARDED if ROUTES[route].callback.fresh}
    assert found == FRESH


@pytest.mark.parametrize("route", sorted(FRESH))
def test_an_old_proof_does_nothing_dangerous(acme, at, route):
    """Somebody of this very business who may, with an id of nothing: who is not fresh is asked before anything is looked up."""
    client = browser.staff(acme, "officer" if CONSOLE[route] == "archive.open" else "owner")
    at.advance(seconds=guards.FRESH_FOR.total_seconds() + 1)
    path = "/console/" + re.sub(r"<uuid:\w+>", "01a22432-6495-70b3-8c3e-52ce1bbf7fb5", route)
    before = _size(acme)
    answer = client.post(path, {"second_factor": "yes"})
    assert answer.status_code == 302
    assert answer["Location"].startswith("/console/confirm/")
    assert _size(acme) == before


# Pages with forms for dangerous acts. A form that was sent is not sent again, so the proof is asked for before it is filled in.
PROOF_FIRST = (
    "settings/staff/", "settings/", "settings/?tab=second", "settings/?tab=devices", "settings/staff/provider/",
    "settings/webhooks/", "settings/notices/", "settings/danger/", "you/",
)  # fmt: skip


@pytest.mark.parametrize("page", PROOF_FIRST)
def test_an_old_proof_is_asked_for_before_anything_is_typed(acme, at, page):
    client, first = browser.staff(acme, "owner"), "Give it first, so that nothing you type is lost."
    assert first not in client.get(f"/console/{page}").content.decode()
    at.advance(seconds=guards.FRESH_FOR.total_seconds() + 1)
    shown = client.get(f"/console/{page}")
    assert first in shown.content.decode()
    [way] = re.findall(r'href="(/console/confirm/\?next=[^"]+)"', shown.content.decode())
    asked = client.get(html.unescape(way)).content.decode()
    [back] = re.findall(r'name="next" value="([^"]+)"', asked)
    answer = client.post("/console/confirm/", {"password": acme.password, "next": html.unescape(back)})
    assert (answer.status_code, answer["Location"]) == (302, f"/console/{page}")


@pytest.fixture(scope="module")
def things(globex):
    """One of each of the other business."""
    made = one_of_each(globex, "kqzvcanary")
    return {**made, "token": "foreign", "name": "foreign", "path": "0/999", "index": 10**9}


def _path(route: str, things: dict[str, object]) -> str:
    return "/" + re.sub(r"<\w+:(\w+)>", lambda found: str(things[found[1]]), route)


def _ask(client, method, path):
    body = {} if method in {"get", "head"} else {"data": b"{}", "content_type": "application/json"}
    return getattr(client, method)(path, **body)


def _has_no_canary(answer):
    assert answer.status_code < 500, answer.content
    told = getattr(answer, "content", b"") + repr(sorted(answer.items())).encode() + answer.cookies.output().encode()
    assert b"kqzvcanary" not in told


@pytest.mark.parametrize("route", GUARDED)
def test_a_stranger_is_sent_to_sign_in(acme, things, route):
    for method in METHODS:
        answer = _ask(browser.visitor(acme), method, _path(route, things))
        assert answer.status_code == 302, method
        assert answer["Location"].startswith("/console/sign-in/")


@pytest.fixture(scope="module")
def people(acme):
    return {role: browser.staff(acme, role) for role in roles.MATRIX}


@pytest.mark.parametrize(("route", "role"), list(itertools.product(GUARDED, roles.MATRIX)))
def test_a_page_is_absent_for_roles_without_its_permission(people, things, route, role):
    """And for roles that have it, the other business's things are absent."""
    wanted = GUARDED[route]
    allowed = wanted == ANY or wanted in roles.MATRIX[role]
    for method in METHODS if role in ROLES else ("get", "post"):  # a guard asks for the role before the method
        answer = _ask(people[role], method, _path(route, things))
        _has_no_canary(answer)
        if not allowed or (route.count("<") and answer.status_code not in {405, 302}):
            assert answer.status_code == 404, (method, answer.status_code)
        elif answer.status_code == 302:
            assert not answer["Location"].startswith("/console/sign-in/")


@pytest.mark.parametrize("route", sorted({f"api/v1/{route}" for route in API} | {f"scim/v2/{route}" for route in SCIM}))
def test_the_api_wants_a_key_of_this_business(acme, globex, things, route):
    for cast_key in (None, globex.key, "ebb_nothing"):
        client = browser.visitor(acme)
        if cast_key:
            client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {cast_key}"
        for method in METHODS:
            answer = _ask(client, method, _path(route, things))
            assert answer.status_code == 401, (cast_key, method)
            _has_no_canary(answer)


@pytest.mark.parametrize("route", sorted(f"api/v1/{route}" for route in API))
def test_another_businesss_things_are_absent_to_a_key(acme, things, route):
    for method in METHODS:
        answer = _ask(browser.program(acme), method, _path(route, things))
        _has_no_canary(answer)
        if "<" in route and method not in {"options", "put"}:
            assert answer.status_code in {400, 404, 405, 409, 422}, (method, answer.status_code)
        if answer.status_code >= 400 and method != "head":
            assert answer["Content-Type"] == "application/problem+json"
            assert answer.json()["code"]


@pytest.mark.parametrize("route", sorted(f"api/v1/{route}" for route in API))
def test_a_key_without_the_scope_does_nothing(acme, things, route):
    with acme.inside():
        made = key.create(actor=acme.owner, now=clock.now(), name="Narrow", scopes=["settings.view"])
    client = browser.visitor(acme)
    client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {made.secret}"
    for method in ("get", "post", "patch", "delete"):
        answer = _ask(client, method, _path(route, things))
        assert answer.status_code in {400, 403, 404, 405, 415, 422}, (method, answer.status_code, answer.content)


@pytest.mark.parametrize("route", sorted(f"scim/v2/{route}" for route in SCIM))
def test_the_providers_program_is_nobody_while_the_provider_is_off(acme, things, route):
    """Also with a key of all scopes. What it may while it is on, and of whom, `portal/accounts/tests/test_scim.py` shows."""
    for method in METHODS:
        answer = _ask(browser.program(acme), method, _path(route, things))
        _has_no_canary(answer)
        assert answer.status_code == 403, method
        assert answer["Content-Type"] == "application/scim+json"


@pytest.mark.parametrize("route", sorted(f"inbox/{route}" for route in PROVED))
def test_the_inbox_wants_a_device(acme, people, things, route):
    for client in (browser.visitor(acme), people["owner"], browser.program(acme)):
        for method in ("get", "post"):
            answer = _ask(client, method, _path(route, things))
            assert answer.status_code in {400, 401, 403, 405}, (method, answer.status_code)
            _has_no_canary(answer)


@pytest.mark.parametrize("route", sorted(OPEN))
def test_open_doors_tell_nothing(acme, things, route):
    for method in METHODS:
        _has_no_canary(_ask(browser.visitor(acme), method, _path(route, things)))


def test_every_answer_is_dressed(acme, things, people):
    for route in ROUTES:
        answer = people["owner"].get(_path(route, things))
        assert "default-src 'none'" in answer["Content-Security-Policy"], route
        assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
        if route != "console/accent.css":
            assert "no-store" in answer["Cache-Control"], route


def test_the_ledger_of_the_other_business_stays_as_it_was(acme, globex, things, people):
    before = _size(globex)
    for route in GUARDED:
        _ask(people["owner"], "post", _path(route, things))
    authentication.forget()
    assert _size(globex) == before


def _size(cast):
    with cast.inside():
        return entries.list_for(actors.SYSTEM, entries.Filter(), limit=1, newest_first=True).results[0].index
