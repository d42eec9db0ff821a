"""Who may open a page: each condition of a guard for itself, without a person, a session or a page of any app."""

from types import SimpleNamespace

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import RequestFactory

from portal.kernel import actors, clock, ids
from portal.kernel.errors import Refusal
from portal.web import guards

HERE = "/console/settings/?tab=keys"
AUTHOR = actors.staff(ids.uuid7(), "author")


def asked(method="GET", session=None, *, referer="", **person):
    """A request of somebody who has signed in and whose business asks for nothing more."""
    known = {"is_authenticated": True, "actor": AUTHOR}
    known |= dict.fromkeys(("has_factor", "asks_factor", "trusts_provider"), False)
    request = getattr(RequestFactory(HTTP_HOST="acme.localhost"), method.lower())(HERE, HTTP_REFERER=referer)
    request.user, request.session = SimpleNamespace(**known | person), {} if session is None else session
    return request


def opened(request, *permission, **kept):
    """→ "page", where it leads instead, or the code of a refusal."""
    view = guards.staff(*permission, **kept)(lambda request, word: HttpResponse(word))
    try:
        answer = view(request, word="page")
    except Refusal as refusal:
        return refusal.code
    return answer.headers.get("Location") or answer.content.decode()


def just_proved(seconds=0):
    return {guards.PROVED_AT: int(clock.now().timestamp()) - seconds}


SIGN_IN, CONFIRM, ENROL = settings.LOGIN_URL, settings.EBB_CONFIRM_URL, settings.EBB_ENROL_URL
BACK = "?next=%2Fconsole%2Fsettings%2F%3Ftab%3Dkeys"


def test_who_has_not_signed_in_does_so_and_comes_back_only_to_look():
    assert opened(asked(is_authenticated=False)) == SIGN_IN + BACK
    assert opened(asked("POST", is_authenticated=False)) == SIGN_IN


def test_a_role_without_the_permission_finds_no_page():
    request = asked()
    assert opened(request) == "page"
    assert request.actor is AUTHOR
    assert opened(asked(), "message.send") == "page"
    assert opened(asked(), "staff.manage") == "not_found"


def test_a_guard_tells_what_it_asks_for():
    view = guards.staff("message.send", fresh=True)(lambda request: HttpResponse())
    assert (view.permission, view.fresh) == ("message.send", True)


@pytest.mark.parametrize(
    ("seen", "has", "trusts", "expected"),
    [
        ("", False, False, ENROL),
        ("", True, False, CONFIRM + BACK),
        ("", True, True, CONFIRM + BACK),
        ("code", True, False, "page"),
        ("code", False, True, ENROL),  # the factor was removed
        (guards.PROVIDER, False, True, "page"),
        (guards.PROVIDER, True, False, CONFIRM + BACK),  # trusted no more
    ],
)
def test_a_business_that_asks_for_a_second_factor_has_it_first(seen, has, trusts, expected):
    session = {guards.SECOND_FACTOR: seen} if seen else {}
    person = {"has_factor": has, "trusts_provider": trusts}
    assert opened(asked(session=session, asks_factor=True, **person)) == expected
    assert opened(asked(session=session, asks_factor=True, **person), early=True) == "page"
    assert opened(asked(session=session, **person)) == "page"


def test_a_dangerous_act_wants_a_proof_of_the_last_quarter_of_an_hour():
    with clock.use(clock.Fake(clock.now().replace(microsecond=0))):
        assert opened(asked(), fresh=True) == CONFIRM + BACK
        assert opened(asked(session=just_proved(899)), fresh=True) == "page"
        assert opened(asked(session=just_proved(900)), fresh=True) == CONFIRM + BACK
        assert opened(asked(session=just_proved(900))) == "page"
        assert opened(asked(session=just_proved(), has_factor=True), fresh=True) == CONFIRM + BACK
        both = just_proved() | {guards.SECOND_FACTOR: "code"}
        assert opened(asked(session=both, has_factor=True), fresh=True) == "page"


def test_a_proof_is_remembered_with_the_factor_that_was_seen():
    request = asked(session={})
    guards.proved(request)
    assert (set(request.session), guards.is_fresh(request)) == ({guards.PROVED_AT}, True)
    guards.proved(request, "passkey")
    assert request.session[guards.SECOND_FACTOR] == "passkey"


@pytest.mark.parametrize(
    ("referer", "back"),
    [
        ("http://acme.localhost/console/customers/", "%2Fconsole%2Fcustomers%2F"),
        ("http://acme.localhost/console/customers/?q=a", "%2Fconsole%2Fcustomers%2F%3Fq%3Da"),
        ("http://elsewhere.example/console/customers/", "%2Fconsole%2F"),
        ("http://acme.localhost/inbox/", "%2Fconsole%2F"),
        ("", "%2Fconsole%2F"),
    ],
)
def test_a_form_that_was_sent_leads_back_to_the_page_it_stood_on(referer, back):
    assert opened(asked("POST", referer=referer), fresh=True) == f"{CONFIRM}?next={back}"
