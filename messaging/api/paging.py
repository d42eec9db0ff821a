"""Lists: `{"results", "next"}`, keyset by id, newest first; the cursor is opaque and checked."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework.request import Request

from portal.kernel import ids
from portal.kernel.errors import Kind, Refusal

LIMIT, MOST = 50, 200


def page(
    request: Request, rows: QuerySet[Any], show: Callable[[list[Any]], list[dict[str, object]]]
) -> dict[str, object]:
    """`show` turns the rows of one page into answers, all at once, so that it may fetch what they share."""
    limit = limit_of(request)
    if raw := request.query_params.get("cursor"):
        rows = rows.filter(id__lt=_after(raw))
    found = list(rows.order_by("-id")[: limit + 1])
    more = len(found) > limit
    return {"results": show(found[:limit]), "next": _cursor(found[limit - 1].id) if more else None}


def limit_of(request: Request) -> int:
    raw = request.query_params.get("limit", str(LIMIT))
    if not raw.isascii() or not raw.isdigit() or len(raw) > 9 or not 1 <= int(raw) <= MOST:
        raise Refusal("bad_limit", "limit is a whole number from 1 to 200.", field="limit")
    return int(raw)


def uuid_of(request: Request, name: str) -> UUID | None:
    """A query parameter that is an id; a malformed one is told."""
    raw = request.query_params.get(name)
    if raw is None:
        return None
    found = ids.parse_uuid(raw)
    if found is None:
        raise Refusal("bad_id", "That is not an id.", field=name)
    return found


def _cursor(last: UUID) -> str:
    return urlsafe_b64encode(last.bytes).rstrip(b"=").decode()


def _after(raw: str) -> UUID:
    try:
        return UUID(bytes=urlsafe_b64decode(raw + "=="))
    except ValueError as error:
        raise Refusal("bad_cursor", "That cursor is not one of ours.", Kind.INVALID, field="cursor") from error
