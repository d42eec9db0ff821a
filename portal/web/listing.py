"""Lists of the console: filters that stay in the URL, keyset pages with an opaque cursor, and the same list as CSV or JSON."""

import base64
import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from portal.kernel.errors import Refusal
from portal.web import streams

SIZE = 50
MOST_IN_CSV = 10_000
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Page:
    """As `_pager.html` shows it; `next` is "" at the end."""

    results: list[Any]
    next: str


def page(
    request: HttpRequest, rows: QuerySet[Any], show: Callable[[list[Any]], list[Any]], *, by: str = "id",
    newest_first: bool = True, size: int = SIZE,
) -> Page:  # fmt: skip
    """One page in the order of `by` (then id), from the cursor in the URL on. `show` gets the rows of the page at once."""
    if raw := request.GET.get("cursor"):
        rows = rows.filter(_after(raw, by, newest_first))
    sign = "-" if newest_first else ""
    found = list(rows.order_by(*dict.fromkeys([f"{sign}{by}", f"{sign}id"]))[: size + 1])
    more = len(found) > size
    return Page(show(found[:size]), _cursor(found[size - 1], by) if more else "")


def chosen(request: HttpRequest, *names: str) -> dict[str, str]:
    """The filters as they stand in the URL. Text that PostgreSQL could not hold is as good as none."""
    return {name: request.GET.get(name, "").strip()[:200].replace("\x00", "") for name in names}


def day(raw: str, *, end: bool = False) -> datetime | None:
    """A date of a filter as an instant: its beginning, or the beginning of the day after it."""
    if not raw:
        return None
    try:
        found = datetime.combine(date.fromisoformat(raw), time(), UTC)
        return found + timedelta(days=1) if end else found
    except (ValueError, OverflowError):
        raise Refusal("bad_date", "A date is written as year-month-day.", field="date") from None


def as_csv(name: str, columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> HttpResponse:
    """A spreadsheet must not run what a customer wrote: cells that begin like a formula get an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text)
    columns = list(columns)
    writer.writerow(columns)
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8", headers=headers)


def stream_csv(
    request: HttpRequest, name: str, header: Iterable[str], slices: Iterator[Iterable[Iterable[Any]]]
) -> StreamingHttpResponse:
    """As `as_csv` for lists that are too long to be held: rows of cells, slice by slice."""

    def parts() -> Iterator[bytes]:
        yield _lines([list(header)])
        for rows in slices:
            yield _lines(rows)

    return streams.download(request, parts(), name=f"{name}.csv", content_type="text/csv; charset=utf-8")


def _lines(rows: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode("utf-8", "replace")


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, list):
        return _cell(", ".join(str(part) for part in value))
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _cursor(row: Any, by: str) -> str:
    value = getattr(row, by)
    plain = [value.isoformat() if isinstance(value, datetime) else str(value), str(row.id)]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def _after(raw: str, by: str, newest_first: bool) -> Q:
    word = "lt" if newest_first else "gt"
    try:
        value, last = json.loads(base64.urlsafe_b64decode(raw.encode() + b"=="))
        beyond = Q(**{f"id__{word}": UUID(last)})
        if by == "id":
            return beyond
        place = datetime.fromisoformat(value)
        return Q(**{f"{by}__{word}": place}) | (Q(**{by: place}) & beyond)
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise Refusal("bad_cursor", "That cursor is not one of ours.", field="cursor") from None
