"""The one place that turns a refusal into a status, a problem document (RFC 9457) or a close code of a socket.

Flows raise `Refusal` and know no numbers; databases, parsers and frameworks raise what they like. `refusal_for` brings
all of it to one language, so that bad input never becomes a 500.
"""

import logging
from http import HTTPStatus
from typing import Any
from uuid import UUID

import psycopg
import psycopg_pool
from django.core import exceptions as core
from django.db import utils as db
from django.http import Http404, HttpRequest, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from rest_framework import exceptions as drf

from portal.kernel.errors import Kind, Refusal
from portal.sealing.errors import SealingError

log = logging.getLogger("ebb.web")

STATUS: dict[Kind, int] = {
    Kind.MALFORMED: 400,
    Kind.INVALID: 422,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.GONE: 410,
    Kind.TOO_LARGE: 413,
    Kind.TOO_MANY: 429,
    Kind.UNAVAILABLE: 503,
}
CLOSE: dict[Kind, int] = {
    Kind.UNAUTHENTICATED: 4401,
    Kind.FORBIDDEN: 4403,
    Kind.NOT_FOUND: 4401,
    Kind.GONE: 4403,
    Kind.TOO_MANY: 4429,
    Kind.TOO_LARGE: 1009,
    Kind.UNAVAILABLE: 1012,
}
# What only HTTP itself refuses, and faults of ours; no flow raises these.
STATUS_OF_CODE = {
    "method_not_allowed": 405,
    "not_acceptable": 406,
    "unsupported_media_type": 415,
    "slow_body": 408,
    "fault": 500,
}
RETRY_AFTER = {Kind.UNAVAILABLE: 5, Kind.TOO_MANY: 30}  # seconds, where the refusal names none (`retry_after`)
CONTENT_TYPE = "application/problem+json"
_OUR_MEMBERS = frozenset({"type", "title", "status", "code", "detail"})

_MISSING_SCHEMA = (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName)
# psycopg's own come from COPY and from statements with a kept plan, which Django does not wrap.
_AWAY = (
    db.OperationalError, db.InterfaceError, psycopg.OperationalError, psycopg.InterfaceError, psycopg_pool.PoolTimeout,
    psycopg_pool.PoolClosed,
)  # fmt: skip
_BAD_INPUT = (db.DataError, UnicodeError)


def status_of(refusal: Refusal) -> int:
    return STATUS_OF_CODE.get(refusal.code, STATUS[refusal.kind])


def close_code(refusal: Refusal) -> int:
    """The code a socket closes with; 4400 for what the client got wrong."""
    return CLOSE.get(refusal.kind, 4400)


def body(refusal: Refusal) -> dict[str, object]:
    """A problem document: the refusal's fields beside RFC 9457's members."""
    status = status_of(refusal)
    fields = {name: _plain(value) for name, value in refusal.fields.items() if name not in _OUR_MEMBERS}
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": refusal.code,
        "detail": refusal.message,
        **fields,
    }


def headers(refusal: Refusal) -> dict[str, str]:
    extra = {}
    if wait := refusal.fields.get("retry_after", RETRY_AFTER.get(refusal.kind)):
        extra["Retry-After"] = str(wait)
    if refusal.kind is Kind.UNAUTHENTICATED:
        extra["WWW-Authenticate"] = "Bearer"
    return extra


def problem(refusal: Refusal) -> JsonResponse:
    """The whole answer, for any door that speaks JSON."""
    status, extra = status_of(refusal), headers(refusal)
    return JsonResponse(body(refusal), status=status, content_type=CONTENT_TYPE, headers=extra)


def refusal_for(error: BaseException) -> Refusal | None:
    """What an exception means to the caller; None if it is a fault of ours, which stays loud."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, SealingError):
        return Refusal(error.code, "The keys cannot be used right now. Nothing was changed.", Kind.UNAVAILABLE)
    return _of_database(error) or _of_django(error)


def refusal_of_api(error: BaseException) -> Refusal | None:
    """As `refusal_for`, for what DRF raises too."""
    return _of_framework(error) if isinstance(error, drf.APIException) else refusal_for(error)


def handle_api(error: Exception, context: dict[str, Any]) -> JsonResponse | None:
    """DRF's exception handler: the same words for what a serializer, the framework or a flow refuses."""
    refusal = refusal_of_api(error)
    if refusal is None:
        return None
    answer = problem(refusal)
    if refusal.code == "method_not_allowed":
        answer["Allow"] = ", ".join(context["view"].allowed_methods)
    return answer


def wants_json(request: HttpRequest) -> bool:
    """Whether the caller is a program: the API, a provider's program, and every inbox call that is not a page being opened."""
    if request.path.startswith(("/api/", "/hooks/", "/scim/")):
        return True
    if request.path.startswith("/inbox/"):
        return "text/html" not in request.headers.get("Accept", "")
    return False


def _of_database(error: BaseException) -> Refusal | None:
    if isinstance(error, db.ProgrammingError) and isinstance(error.__cause__, _MISSING_SCHEMA):
        # A schema that is not there falls through to `public`, where the table is not either: fail closed, never guess.
        log.error("business_unavailable")
        return unavailable()
    if isinstance(error, _AWAY):
        log.error("database_away", exc_info=error)
        return Refusal("database_away", "The database cannot be reached right now. Try again soon.", Kind.UNAVAILABLE)
    if isinstance(error, _BAD_INPUT):
        return Refusal("invalid_text", "A value holds characters or numbers that cannot be stored.", Kind.INVALID)
    return None


def _of_django(error: BaseException) -> Refusal | None:
    if isinstance(error, Http404):
        return Refusal("not_found", "There is nothing at this address.", Kind.NOT_FOUND)
    if isinstance(error, core.RequestDataTooBig):
        return Refusal("too_large", "The request is larger than this installation takes.", Kind.TOO_LARGE)
    if isinstance(error, core.PermissionDenied):
        return Refusal("not_allowed", "This is not allowed.", Kind.FORBIDDEN)
    if isinstance(error, core.BadRequest | core.SuspiciousOperation | MultiPartParserError | UnreadablePostError):
        return Refusal("malformed_request", "The request cannot be read.", Kind.MALFORMED)
    return None


def _of_framework(error: drf.APIException) -> Refusal:
    if isinstance(error, drf.ValidationError):
        errors = _plain(error.get_full_details())
        return Refusal("invalid", "Some fields are missing or wrong.", Kind.INVALID, errors=errors)
    code, message, kind = _FRAMEWORK.get(type(error), _UNREADABLE)
    return Refusal(code, message, kind)


_UNREADABLE = ("malformed_request", "The request cannot be read.", Kind.MALFORMED)
_NO_KEY = ("no_key", "This call needs a valid key: Authorization: Bearer <key>.", Kind.UNAUTHENTICATED)
_FRAMEWORK: dict[type[Exception], tuple[str, str, Kind]] = {
    drf.ParseError: ("malformed_json", "The body is not valid JSON.", Kind.MALFORMED),
    drf.NotAuthenticated: _NO_KEY,
    drf.AuthenticationFailed: _NO_KEY,
    drf.PermissionDenied: ("not_allowed", "This key does not allow this.", Kind.FORBIDDEN),
    drf.NotFound: ("not_found", "There is nothing at this address.", Kind.NOT_FOUND),
    drf.MethodNotAllowed: ("method_not_allowed", "This address does not take that method.", Kind.MALFORMED),
    drf.NotAcceptable: ("not_acceptable", "Answers are JSON; ask for application/json.", Kind.MALFORMED),
    drf.UnsupportedMediaType: ("unsupported_media_type", "Send application/json.", Kind.MALFORMED),
    drf.Throttled: ("too_many", "Too many requests. Wait a moment.", Kind.TOO_MANY),
}


def wrong_method() -> Refusal:
    return Refusal("method_not_allowed", "This address does not take that method.", Kind.MALFORMED)


def unavailable() -> Refusal:
    return Refusal("business_unavailable", "This business cannot be served right now.", Kind.UNAVAILABLE)


def _plain(value: object) -> object:
    """What JSON can say: ids and times as text."""
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in value]
    if isinstance(value, UUID):
        return str(value)
    return value if isinstance(value, str | int | float | bool | type(None)) else str(value)
