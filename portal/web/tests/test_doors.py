"""Hosts, refusals and headers at the door; a schema that is missing fails closed."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test import Client
from django_q.models import OrmQ

from portal.kernel import errors, heartbeat, tenancy
from portal.testing import browser
from portal.web import health, middleware, pages, problems


@pytest.mark.parametrize(
    "host", ["nobody.localhost", "127.0.0.1", "acme.localhost.evil.example", "acme", "a b", "public.localhost"]
)
def test_an_unknown_host_learns_nothing(acme, host):
    for path in ("/", "/inbox/", "/console/", "/api/v1/messages"):
        answer = Client(HTTP_HOST=host).get(path)
        assert answer.status_code == 404, path
        assert b"cme" not in answer.content
        assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert answer.json()["code"] == "unknown_business"


def test_the_base_host_lists_no_business(acme, settings):
    answer = Client(HTTP_HOST=settings.EBB_BASE_HOST).get("/")
    assert answer.status_code == 200
    assert b"Acme" not in answer.content
    assert Client(HTTP_HOST=settings.EBB_BASE_HOST).get("/console/").status_code == 404


def test_nothing_of_a_request_stays_in_the_thread(acme):
    browser.visitor(acme).get("/console/")
    assert not tenancy.is_anywhere()
    assert connection.schema_name == "public"


def test_a_dropped_schema_fails_closed_at_every_door(fresh):
    cast = fresh()
    staff, program = browser.staff(cast, "owner"), browser.program(cast)
    assert program.get("/api/v1/messages").status_code == 200
    with connection.cursor() as cursor:
        cursor.execute(f'DROP SCHEMA "{cast.place.schema}" CASCADE')
    for client, path in ((staff, "/console/"), (staff, "/console/messages/"), (program, "/api/v1/messages"),
                         (program, "/api/v1/archive/entries"), (browser.visitor(cast), "/inbox/state")):  # fmt: skip
        client.cookies["__Host-ebb-device"] = "x" * 43
        answer = client.get(path)
        assert answer.status_code == 503, (path, answer.status_code)
    answer = program.get("/api/v1/messages")
    assert (answer.status_code, answer.json()["code"]) == (503, "business_unavailable")
    assert answer["Retry-After"]


def test_a_problem_document_has_its_parts():
    refusal = errors.Refusal("too_soon", "Wait.", errors.Kind.TOO_MANY, retry_after=7, status="not ours to change")
    answer = problems.problem(refusal)
    body = json.loads(answer.content)
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["Retry-After"] == "7"
    assert (body["status"], body["code"], body["detail"]) == (429, "too_soon", "Wait.")


def test_every_kind_has_a_status_a_title_and_a_close_code():
    for kind in errors.Kind:
        refusal = errors.Refusal("x", "y", kind)
        assert 400 <= problems.status_of(refusal) < 600
        assert pages.TITLES[kind]
        assert 1000 <= problems.close_code(refusal) < 5000


BAD = [
    (b"{", "application/json", 400), (b'{"a":1,"a":2}', "application/json", 400), (b"\xff", "application/json", 400),
    (b"[]", "application/json", 422), (b"null", "application/json", 422), (b'"x"', "application/json", 422),
    (b"a=1", "application/x-www-form-urlencoded", 415), (b"x", "text/plain", 415),
    (b'{"to": "a@b.example", "body": "\\u0000"}', "application/json", 422),
    (b'{"to": "a@b.example", "body": "\\ud800"}', "application/json", 422),
    (b'{"reference": "\\ud800", "body": "x"}', "application/json", 422),
    (b'{"reference": "\\u0000", "body": "x"}', "application/json", 422),
    (b'{"customer": "no", "body": "x"}', "application/json", 422),
    (b'{"to": "a@b.example", "body": "x", "gone_after": 99999999999999999999}', "application/json", 422),
    (b'{"to": "a@b.example", "body": {"a": 1}}', "application/json", 422),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "kind", "status"), BAD, ids=range(len(BAD)))
def test_bad_input_is_never_a_fault(acme, raw, kind, status):
    answer = browser.program(acme).post("/api/v1/messages", raw, content_type=kind)
    assert answer.status_code < 500, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert (answer.status_code, bool(answer.json()["code"])) in {(status, True), (404, True), (400, True), (422, True)}


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/messages/", "/api/v1/messages/not-an-id", "/api/v1/%00"])
def test_an_unknown_address_is_a_problem(acme, path):
    answer = browser.program(acme).get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_method_that_is_not_taken_names_those_that_are(acme):
    answer = browser.program(acme).delete("/api/v1/messages")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert "POST" in answer["Allow"]


def test_a_stream_is_made_inside_its_business(acme):
    from django.http import StreamingHttpResponse

    def pieces():
        yield tenancy.here().slug.encode()
        yield connection.schema_name.encode()

    response = middleware._inside(acme.place, StreamingHttpResponse(pieces()))
    assert b"".join(response) == b"acme" + acme.place.schema.encode()
    assert not tenancy.is_anywhere()


def test_health_needs_no_business(acme, settings):
    assert Client(HTTP_HOST="whatever.example").get("/healthz").json() == {"state": "ok"}
    heartbeat.beat("clock")
    health.forget()
    settings.EBB_METRICS_KEY = "figures"
    OrmQ.objects.all().delete()  # nobody serves the queue of a test run: earlier tests' jobs grow old in it
    keyed = {"HTTP_HOST": "whatever.example", "HTTP_AUTHORIZATION": "Bearer figures"}
    found = Client(**keyed).get("/readyz").json()["checks"]
    assert {name for name in ("database", "keyring", "skew", "queue", "clock", "migrations") if found[name]["state"] == "ok"} == {
        "database", "keyring", "skew", "queue", "clock", "migrations",
    }  # fmt: skip
    assert Client().get("/metrics").status_code == 401
    text = Client(HTTP_AUTHORIZATION="Bearer figures").get("/metrics").content.decode()
    assert 'ebb_check_ok{check="database"} 1' in text


def test_a_stranger_learns_nothing_from_readiness_and_costs_nothing(house, settings, monkeypatch):
    looked = []
    monkeypatch.setattr(
        health, "findings", lambda: looked.append(1) or {"queue": health.Finding("failing", "why", 7.0)}
    )
    settings.EBB_METRICS_KEY = "figures"
    health.forget()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: Client().get("/readyz"), range(40)))
    assert {(one.status_code, one.content) for one in answers} == {(503, b'{"state": "failing"}')}
    assert len(looked) == 1
    for key in ("", "Bearer ", "Bearer figure", "figures2"):
        assert "checks" not in Client(HTTP_AUTHORIZATION=key).get("/readyz").json()
    settings.EBB_METRICS_KEY = ""
    assert "checks" not in Client(HTTP_AUTHORIZATION="Bearer ").get("/readyz").json()
    health.forget()
