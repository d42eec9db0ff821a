"""Answers that are drawn while they are sent, under both of Django's interfaces.

Under ASGI Django would collect a synchronous iterator whole before its first byte leaves. Here each piece is drawn in one of
the few threads of its business (`tenancy.run_in_tenant`), so an iterator may query between its pieces but keeps no
transaction open across them; one that breaks off, or whose reader is gone, is closed in such a thread too.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

from portal.kernel import tenancy

_END = object()
PART = 1024 * 1024


def download(
    request: Any, parts: Iterator[bytes], *, name: str, size: int | None = None, content_type: str = "application/zip",
    is_shown: bool = False,
) -> StreamingHttpResponse:  # fmt: skip
    """A file of that name, to be kept, or shown by the browser itself.
    An exception of `parts` cuts the answer off, which the browser tells as a failure."""
    inner = getattr(request, "_request", request)  # an API's view has a request of its own around it
    body: Any = _awaited(parts, tenancy.here()) if isinstance(inner, ASGIRequest) else parts
    headers = {"Content-Disposition": content_disposition_header(not is_shown, name) or "inline"}
    if size is not None:
        headers["Content-Length"] = str(size)
    return StreamingHttpResponse(body, content_type=content_type, headers=headers)


def read(path: Path) -> Iterator[bytes]:
    """A file in pieces."""
    with path.open("rb") as file:
        while part := file.read(PART):
            yield part


async def _awaited(parts: Iterator[bytes], place: tenancy.Place) -> AsyncIterator[bytes]:
    try:
        while (part := await tenancy.run_in_tenant(place, next, parts, _END)) is not _END:
            yield part  # type: ignore[misc]
    finally:
        if close := getattr(parts, "close", None):
            await tenancy.run_in_tenant(place, close)
