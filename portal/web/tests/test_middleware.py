"""The chain around a view: what is drawn while it is sent is inside its business to its last piece, and a refusal is told."""

import pytest
from django.http import StreamingHttpResponse
from django.test import RequestFactory

from portal.kernel import ids, tenancy
from portal.kernel.errors import Kind, Refusal
from portal.web import closed, middleware

TOKEN = "a" * 32


class Street(tenancy.Directory):
    """A business that winds up, one that has closed, and an address at which something breaks."""

    def by_host(self, host):
        if host == "broken.localhost":
            raise ZeroDivisionError
        return (
            tenancy.Place(ids.uuid7(), "t_winds", "winds", "Winds", is_winding=True)
            if host == "winds.localhost"
            else None
        )

    def closed_at(self, host):
        return tenancy.Closed("Gone", "the note\n", closed.digest(TOKEN)) if host == "gone.localhost" else None


@pytest.fixture
def knock():
    """→ asks at an address; nobody gets in."""
    before = tenancy.directory()
    tenancy.set_directory(Street())
    chain = middleware.BusinessMiddleware(lambda request: pytest.fail("somebody got in"))
    yield lambda host, path: chain(RequestFactory(HTTP_HOST=host).get(path))
    tenancy.set_directory(before)


@pytest.mark.parametrize(
    ("host", "status", "code"),
    [("winds.localhost", 410, "business_closed"), ("gone.localhost", 410, "business_closed"), ("no.localhost", 404, "unknown")],
)  # fmt: skip
def test_who_knocks_at_a_closed_door_is_told(knock, host, status, code):
    told = knock(host, "/api/v1/messages")
    assert (told.status_code, code.encode() in told.content) == (status, True)
    assert "default-src 'none'" in told["Content-Security-Policy"]


def test_one_that_has_closed_hands_out_its_certificate(knock):
    assert knock("gone.localhost", f"/closed/{TOKEN}").content == b"the note\n"


def test_a_fault_at_the_door_is_no_refusal(knock):
    with pytest.raises(ZeroDivisionError):
        knock("broken.localhost", "/")


def test_a_stream_that_a_view_returns_is_drawn_inside_its_business(acme):
    def pieces():
        yield tenancy.here().slug
        yield tenancy.here().name

    chain = middleware.BusinessMiddleware(lambda request: StreamingHttpResponse(pieces()))
    answer = chain(RequestFactory(HTTP_HOST=acme.host).get("/"))
    assert not tenancy.is_anywhere()
    assert list(answer) == [b"acme", b"Acme Clinic"]
    assert not tenancy.is_anywhere()


def test_a_stream_that_brings_its_own_business_along_is_left_as_it_is(acme):
    async def pieces():
        yield b""

    answer = StreamingHttpResponse(pieces())
    assert middleware._inside(acme.place, answer).is_async


def test_a_refusal_of_a_view_is_told_and_a_fault_stays_one():
    chain = middleware.RefusalMiddleware(lambda request: None)
    request = RequestFactory(HTTP_HOST="acme.localhost").get("/api/v1/messages")
    told = chain.process_exception(request, Refusal("too_soon", "Wait.", Kind.CONFLICT))
    assert told is not None
    assert (told.status_code, b"too_soon" in told.content) == (409, True)
    assert chain.process_exception(request, ZeroDivisionError()) is None
