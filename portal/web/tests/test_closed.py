"""The doors of a business that closes: its staff and mirrors get in and write only to what the end needs. Of one that has closed:
its address says so, and its certificate is for who has the link."""

import pytest
from django.test import RequestFactory

from portal.kernel import ids, tenancy
from portal.kernel.errors import Kind, Refusal
from portal.web import closed

TOKEN = "a" * 32
GONE = tenancy.Closed("Acme Clinic", "the note\n", closed.digest(TOKEN))


def asked(path, method="GET"):
    return RequestFactory(HTTP_HOST="acme.localhost").generic(method, path)


@pytest.mark.parametrize(
    ("method", "path", "is_open"),
    [
        ("GET", "/console/customers/", True), ("HEAD", "/api/v1/archive/entries", True), ("OPTIONS", "/help/", True),
        ("GET", "/log", True), ("GET", "/login", False), ("GET", "/inbox/", False), ("GET", "/api/v1/messages", False),
        ("POST", "/console/sign-in/", True), ("POST", "/console/settings/danger/", True), ("PUT", "/api/v1/archive/x", True),
        ("POST", "/console/customers/", False), ("POST", "/api/v1/messages", False), ("POST", "/help/", False),
    ],
)  # fmt: skip
def test_one_that_winds_up_lets_in_who_ends_it(method, path, is_open):
    place = tenancy.Place(ids.uuid7(), "t_acme", "acme", "Acme", is_winding=True)
    assert closed.is_open(asked(path, method), place) is is_open
    assert closed.is_open(asked(path, method), tenancy.Place(place.id, "t_acme", "acme", "Acme"))


def test_who_has_the_link_gets_the_certificate():
    answer = closed.answer(asked(f"/closed/{TOKEN}"), GONE)
    assert (answer.status_code, answer.content) == (200, b"the note\n")
    assert answer["Content-Disposition"] == 'attachment; filename="certificate-of-closing-acme.txt"'
    assert "default-src 'none'" in answer["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("what", "request_"),
    [
        (GONE, asked("/")), (GONE, asked(f"/closed/{TOKEN[1:]}b")), (GONE, asked(f"/closed/{TOKEN}", "POST")),
        (GONE, asked(f"/closed/{'a' * 19}")), (tenancy.Closed("Acme Clinic"), asked(f"/closed/{TOKEN}")),
        (tenancy.Closed("Acme Clinic", "the note\n"), asked(f"/closed/{TOKEN}")),
        (tenancy.Closed("Acme Clinic", "", closed.digest(TOKEN)), asked(f"/closed/{TOKEN}")),
    ],
)  # fmt: skip
def test_everybody_else_hears_that_it_has_closed(what, request_):
    with pytest.raises(Refusal) as refused:
        closed.answer(request_, what)
    assert (refused.value.code, refused.value.kind) == ("business_closed", Kind.GONE)
    assert "Acme Clinic" in refused.value.message
