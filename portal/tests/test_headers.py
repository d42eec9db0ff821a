"""Every route's answers, graded as the graders of the web grade them: policy, isolation, caching, cookies, and nothing inline
in a page. Whoever adds a route is graded too: routes come from the resolver."""

import re
import secrets
from html.parser import HTMLParser

import pytest
from django.test import Client

from portal.kernel import roles
from portal.testing import browser
from portal.testing import cast as people
from portal.testing.things import one_of_each
from portal.tests.test_routes import ROUTES, _ask, _path

KEPT = {"console/accent.css"}  # a style sheet that names a colour and nobody
NEEDED = {"default-src": "'none'", "frame-ancestors": "'none'", "base-uri": "'none'", "form-action": "'self'"}
ADDED = {"data:", "blob:"}  # for pictures alone
TRUSTED = {"require-trusted-types-for": ["'script'"], "trusted-types": ["ebb"]}
NOT_OURS = "api/docs/"  # a program of others, which writes markup
YEAR = 365 * 86400


@pytest.fixture(scope="module")
def cast(house):
    """Nobody else's: other tests end what they find."""
    return people.build(f"dressed-{secrets.token_hex(3)}", "Dressed")


@pytest.fixture(scope="module")
def things(cast):
    """Of one's own business, so that the pages are full."""
    return {**one_of_each(cast, "dressed"), "token": "x", "path": "0/000", "language": "en", "name": "index"}


@pytest.fixture(scope="module")
def callers(cast):
    return [browser.visitor(cast), browser.program(cast), *(browser.staff(cast, role) for role in roles.MATRIX)]


@pytest.fixture
def secure(settings):
    settings.EBB_SCHEME = "https"


class Inline(HTMLParser):
    """Collects what a strict policy would have to be loosened for."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in given and given.get("type") != "application/json"):
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            if name == "style" or name.startswith("on") or (value or "").strip().lower().startswith("javascript:"):
                self.found.append(f"{tag} {name}")
        if tag in {"script", "link", "img", "iframe"} and re.match(
            r"(https?:)?//", given.get("src") or given.get("href") or ""
        ):
            self.found.append(f"{tag} from elsewhere")


def policy_of(answer) -> dict[str, list[str]]:
    return {name: values for name, *values in (one.split() for one in answer["Content-Security-Policy"].split(";"))}


def faults(answer, *, is_not_ours: bool = False) -> list[str]:
    """What a grader would take points off for."""
    policy = policy_of(answer)
    types = {name: policy.pop(name) for name in TRUSTED if name in policy}
    sources = {(name, value) for name, values in policy.items() for value in values}
    tight = {"'self'", "'none'"}
    found = [
        f"{name} {value}" for name, value in sources if value not in tight | (ADDED if name == "img-src" else set())
    ]
    found += [name for name, wanted in NEEDED.items() if policy.get(name) != [wanted]]
    found += [] if types == ({} if is_not_ours else TRUSTED) else ["trusted types"]
    wanted = {
        "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin",
    }  # fmt: skip
    found += [name for name, value in wanted.items() if answer.headers.get(name) != value]
    found += [name for name in ("Server", "X-Powered-By") if name in answer.headers]
    lasts = re.fullmatch(r"max-age=(\d+); includeSubDomains", answer.headers.get("Strict-Transport-Security", ""))
    found += [] if lasts and int(lasts[1]) >= YEAR else ["Strict-Transport-Security"]
    for cookie in answer.cookies.values():
        is_end = not cookie.value and cookie["max-age"] == 0
        is_strict = cookie["secure"] and (cookie["httponly"] or is_end) and cookie["samesite"] in {"Lax", "Strict"}
        if not (cookie.key.startswith("__Host-") and is_strict and cookie["path"] == "/" and not cookie["domain"]):
            found.append(f"cookie {cookie.key}")
    return found


@pytest.mark.parametrize("route", sorted(ROUTES, key=lambda route: (route == "console/sign-out/", route)))
def test_every_answer_gets_the_best_grade(callers, things, route, secure):
    for caller in callers:
        for method in ("get", "post"):
            answer = _ask(caller, method, _path(route, things))
            is_not_ours = route == NOT_OURS and answer.status_code == 200
            assert faults(answer, is_not_ours=is_not_ours) == [], (method, answer.status_code)
            if route not in KEPT:
                assert "no-store" in answer.headers["Cache-Control"], method
            if answer["Content-Type"].startswith("text/html") and not answer.streaming:
                page = Inline()
                page.feed(answer.content.decode())
                assert page.found == []


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/metrics", "/nothing", "/console/nothing", "/api/v1/nothing", "/%00"]
)
def test_so_does_what_no_route_answers(acme, path, secure):
    for host in (acme.host, "nobody.localhost", "localhost"):
        assert faults(Client(HTTP_HOST=host).get(path)) == []


def test_over_plain_http_nobody_is_told_to_come_by_tls(acme, settings):
    settings.EBB_SCHEME = "http"
    assert "Strict-Transport-Security" not in browser.visitor(acme).get("/inbox/").headers


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Content-Security-Policy", "default-src 'self' 'unsafe-inline'"), ("Content-Security-Policy", "script-src *"),
        ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"),
        ("Cross-Origin-Opener-Policy", "unsafe-none"), ("X-Frame-Options", "SAMEORIGIN"), ("Server", "uvicorn"),
        ("Strict-Transport-Security", "max-age=60"),
    ],
)  # fmt: skip
def test_the_grader_sees_what_is_loose(acme, name, value, secure):
    answer = browser.visitor(acme).get("/inbox/")
    answer[name] = value
    assert faults(answer)


@pytest.mark.parametrize("page", ["<style>a{}</style>", "<p style='color:red'>", "<a onclick=x()>", "<a href=' javascript:x'>",
                                  "<script>x()</script>", "<script src='//cdn.example/x.js'></script>"])  # fmt: skip
def test_the_grader_sees_what_is_inline(page):
    seen = Inline()
    seen.feed(page)
    assert seen.found
