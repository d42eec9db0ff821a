"""The ASGI handler: one hop into one of a few threads for the whole request, and no upload on disk.

Django's own handler passes a synchronous view through three threads a request and makes a thread for each; here the
chain of middleware is synchronous and runs with its view in a thread of a bounded pool, which gives its connection back
after each request. Bodies stay in memory: Django would spool large ones, in plain, to the temporary folder.
"""

import asyncio
import contextvars
import io
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.db import close_old_connections
from django.http import HttpResponseBase

from portal.kernel.errors import Kind, Refusal
from portal.web import headers, problems

THREADS = int(os.environ.get("EBB_WEB_THREADS", "12"))


class Handler(ASGIHandler):
    """`portal.asgi` serves this for everything that is not a socket or a static file."""

    def __init__(self) -> None:
        super().__init__()
        self._pool = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="request")

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.handle(scope, receive, send)

    async def get_response_async(self, request: ASGIRequest) -> HttpResponseBase:
        if getattr(request, "is_too_large", False):
            refusal = Refusal("too_large", "The request is larger than this installation takes.", Kind.TOO_LARGE)
            return headers.dress(problems.problem(refusal))
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._pool, context.run, self._respond, request)

    def _respond(self, request: ASGIRequest) -> HttpResponseBase:
        close_old_connections()
        try:
            return self.get_response(request)
        finally:
            # The signal that Django sends at the end fires in another thread, which has no connection to give back.
            close_old_connections()

    async def read_body(self, receive: Any) -> io.BytesIO:
        body = Body()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise RequestAborted()
            body.take(message.get("body", b""))
            if not message.get("more_body", False):
                break
        body.seek(0)
        return body

    def create_request(self, scope: Any, body_file: Any) -> Any:
        request, error = super().create_request(scope, body_file)
        if request is not None:
            request.is_too_large = body_file.is_too_large
        return request, error


class Body(io.BytesIO):
    """A request's body in memory. What goes over the limit is read and dropped, so that the caller gets an answer."""

    is_too_large = False

    def take(self, piece: bytes) -> None:
        if self.tell() + len(piece) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            self.is_too_large = True
            self.seek(0)
            self.truncate()
        if not self.is_too_large:
            self.write(piece)
