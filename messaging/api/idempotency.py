"""Idempotency-Key: the same key and body give the same answer for 24 hours, and the act happens once.

The key is claimed by a row that commits before the act; a caller that comes while it runs gets a 409. Claim and answer
do not wait for the disk: the act's own commit, which does, flushes the claim before it. If the process dies in between,
or anything but a refusal comes out of the act (a commit may have happened), the claim stays without an answer and is told
as `idempotency_outcome_unknown`: doing it again might do it twice (I4).

Answers are sealed, bodies known by a keyed hash only; nothing about a key says which call it belonged to.
"""

import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from messaging.models import Idempotency
from portal.kernel import clock, keys, tenancy
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal
from portal.sealing import field
from portal.web import problems

HEADER = "Idempotency-Key"
KEPT_FOR = timedelta(hours=24)
RUNS_AT_MOST = timedelta(minutes=2)  # after that, an act without an answer has died
CONTEXT = "api.answer"
_PASSING = frozenset({401, 429})  # say nothing about the act: asked again, the answer may differ

# One statement each. `set_config(…, true)` is for this transaction: its commit does not wait for the disk.
CLAIM = """
INSERT INTO messaging_idempotency AS i (digest, body_digest, status, sealed_answer, expires_at)
SELECT %s, %s, NULL, NULL, %s FROM set_config('synchronous_commit', 'off', true)
ON CONFLICT (digest) DO UPDATE SET
    body_digest = excluded.body_digest, status = NULL, sealed_answer = NULL, expires_at = excluded.expires_at
WHERE i.expires_at <= %s
RETURNING 1
"""
ANSWER = """
INSERT INTO messaging_idempotency AS i (digest, body_digest, status, sealed_answer, expires_at)
SELECT %s, %s, %s, %s, %s FROM set_config('synchronous_commit', 'off', true)
ON CONFLICT (digest) DO UPDATE SET status = excluded.status, sealed_answer = excluded.sealed_answer
"""


@dataclass(frozen=True, slots=True)
class _Call:
    digest: bytes
    body: bytes
    now: datetime

    @property
    def expires_at(self) -> datetime:
        return self.now + KEPT_FOR


def answer_once(request: Request, actor: Actor, act: Callable[[], Response]) -> Response:
    """Run `act`, or give the answer it gave before. Without the header, just run it."""
    key = request.headers.get(HEADER)
    if key is None:
        return act()
    call = _call(request, actor, key)
    if not _execute(CLAIM, [call.digest, call.body, call.expires_at, call.now]):
        return _earlier(call)
    try:
        answer = _answer_of(act)
    except Refusal:
        # A flow refuses before it commits: nothing was done, the key is free again.
        Idempotency.objects.filter(digest=call.digest).delete()
        raise
    _keep(call, answer)
    return answer


def _call(request: Request, actor: Actor, key: str) -> _Call:
    if not 1 <= len(key) <= 255 or not key.isprintable():
        raise Refusal("bad_idempotency_key", "An idempotency key has 1 to 255 printable characters.", field=HEADER)
    name = "\x1f".join([actor.label, request.method or "", request.get_full_path(), key])
    raw = request._request.body  # noqa: SLF001 (DRF has no public way to the raw bytes once it may parse them)
    return _Call(_keyed(b"name", name.encode("utf-8", "surrogatepass")), _keyed(b"body", raw), clock.now())


def _keyed(purpose: bytes, value: bytes) -> bytes:
    key = hmac.digest(keys.business_key(), b"ebb/v1/idempotency/" + purpose, "sha256")
    return hmac.digest(key, value, "sha256")


def _execute(sql: str, values: list[Any]) -> bool:
    """Whether a row came back."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return bool(cursor.rowcount)


def _earlier(call: _Call) -> Response:
    row = Idempotency.objects.filter(digest=call.digest).first()
    if row is None:
        raise _running()
    if not hmac.compare_digest(bytes(row.body_digest), call.body):
        raise Refusal("idempotency_mismatch", "This idempotency key was used with another body. Take a new key.")
    if row.status is None or row.sealed_answer is None:
        raise _running() if call.now < row.expires_at - KEPT_FOR + RUNS_AT_MOST else _unknown()
    opened = field.open_(keys.business_key(), CONTEXT, tenancy.here().id, bytes(row.sealed_answer))
    answer = Response(json.loads(opened), status=row.status, headers={"Idempotent-Replayed": "true"})
    if row.status >= 400:
        answer.content_type = problems.CONTENT_TYPE
    return answer


def _answer_of(act: Callable[[], Response]) -> Response:
    """A refusal is an answer too, as long as it is about the request and not about the moment."""
    try:
        return act()
    except Exception as error:
        refusal = problems.refusal_of_api(error)
        if refusal is None or problems.status_of(refusal) >= 500:
            raise
        status, extra = problems.status_of(refusal), problems.headers(refusal)
        return Response(problems.body(refusal), status=status, headers=extra, content_type=problems.CONTENT_TYPE)


def _keep(call: _Call, answer: Response) -> None:
    if answer.status_code in _PASSING or answer.status_code >= 500:
        Idempotency.objects.filter(digest=call.digest).delete()
        return
    plain = json.dumps(answer.data, cls=JSONEncoder).encode()
    sealed = field.seal(keys.business_key(), CONTEXT, tenancy.here().id, plain)
    _execute(ANSWER, [call.digest, call.body, answer.status_code, sealed, call.expires_at])


def _running() -> Refusal:
    return Refusal(
        "idempotency_in_progress", "A request with this key is still running.", Kind.CONFLICT, retry_after=1
    )  # fmt: skip


def _unknown() -> Refusal:
    return Refusal(
        "idempotency_outcome_unknown",
        "A request with this key was cut off. Look whether it was done, then use a new key.", Kind.CONFLICT,
    )  # fmt: skip
