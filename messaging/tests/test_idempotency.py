"""The same key and body give the same answer, and the act happens once."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from rest_framework.response import Response

from messaging.api import idempotency
from messaging.models import Idempotency, Message
from portal.kernel import clock, ids
from portal.kernel.errors import Refusal
from portal.testing import browser


def _post(cast, body, key, path="/api/v1/messages"):
    client = browser.program(cast, HTTP_IDEMPOTENCY_KEY=key)
    return client.post(path, json.dumps(body), content_type="application/json")


def _asked(cast, **more):
    return {"customer": str(cast.customer()), "body": "once only", "gone_after": 60, **more}


def test_asked_twice_done_once(acme):
    body, key = _asked(acme), ids.token()
    first, second = _post(acme, body, key), _post(acme, body, key)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert second["Idempotent-Replayed"] == "true"
    with acme.inside():
        assert Message.objects.filter(customer_id=body["customer"]).count() == 1


def test_another_body_is_refused(acme):
    body, key = _asked(acme), ids.token()
    _post(acme, body, key)
    answer = _post(acme, {**body, "body": "something else"}, key)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")


def test_a_refusal_is_an_answer_too(acme):
    key = ids.token()
    first, second = _post(acme, {"body": ""}, key), _post(acme, {"body": ""}, key)
    assert first.status_code == second.status_code == 422
    assert first.json() == second.json()
    assert second["Content-Type"] == "application/problem+json"


def test_a_key_means_another_thing_to_another_caller_path_and_business(acme, globex):
    key = ids.token()
    assert _post(acme, _asked(acme), key).status_code == 201
    assert _post(globex, _asked(globex), key).status_code == 201
    assert _post(acme, {"reference": ids.token()}, key, "/api/v1/customers").status_code == 201


def test_sixteen_at_once_send_one(acme):
    body, key = _asked(acme), ids.token()

    def ask(_):
        try:
            return _post(acme, body, key).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(ask, range(16)))
    assert set(codes) <= {201, 409}
    assert 201 in codes
    with acme.inside():
        assert Message.objects.filter(customer_id=body["customer"]).count() == 1


def test_answers_are_sealed_and_end(acme):
    body, key = _asked(acme), ids.token()
    sent = _post(acme, body, key).json()["id"]
    with acme.inside():
        rows = list(Idempotency.objects.order_by("-expires_at")[:1])
        assert sent.encode() not in bytes(rows[0].sealed_answer)
        assert rows[0].expires_at <= clock.now() + idempotency.KEPT_FOR
        Idempotency.objects.filter(digest=rows[0].digest).update(expires_at=clock.now() - timedelta(seconds=1))
    assert _post(acme, body, key).json()["id"] != sent


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_has_a_form(acme, key):
    answer = _post(acme, _asked(acme), key)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_idempotency_key")


class _Asked:
    """As much of a request as the helper reads."""

    method = "POST"

    def __init__(self, key):
        self.headers = {idempotency.HEADER: key}
        self._request = self
        self.body = b"{}"

    def get_full_path(self):
        return "/api/v1/x"


def test_an_act_that_was_cut_off_is_not_done_again(acme, at):
    asked, done = _Asked(ids.token()), []

    def cut_off():
        done.append(1)
        raise RuntimeError("the process dies here")

    with acme.inside():
        with pytest.raises(RuntimeError):
            idempotency.answer_once(asked, acme.owner, cut_off)
        with pytest.raises(Refusal, match="idempotency_in_progress"):
            idempotency.answer_once(asked, acme.owner, cut_off)
        at.advance(minutes=3)
        with pytest.raises(Refusal, match="idempotency_outcome_unknown"):
            idempotency.answer_once(asked, acme.owner, cut_off)
    assert done == [1]


def test_an_unavailable_moment_frees_the_key(acme):
    from portal.kernel.errors import Kind

    asked = _Asked(ids.token())

    def away():
        raise Refusal("database_away", "later", Kind.UNAVAILABLE)

    with acme.inside():
        with pytest.raises(Refusal):
            idempotency.answer_once(asked, acme.owner, away)
        assert idempotency.answer_once(asked, acme.owner, lambda: Response({"ok": 1})).status_code == 200
