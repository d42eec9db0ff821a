"""The ASGI handler: one hop into one of a few threads for the whole request, and no upload on disk.

Django's own handler passes a synchronous view through three threads a request and makes a thread for each; here the
chain of middleware is synchronous and runs with its view, and with Django's signals of a request, in a thread of a bounded
pool, which gives its connection back after each request. Bodies stay in memory: Django would spool large ones, in plain,
to the temporary folder.
"""

import asyncio
import contextvars
import io
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from django.conf import settings
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.http import HttpResponseBase
from django.urls import set_script_prefix

from portal.kernel.errors import Kind, Refusal
from portal.web import headers, health, problems

THREADS = int(os.environ.get("EBB_WEB_THREADS", "12"))


class Handler(ASGIHandler):
    """`portal.asgi` serves this for everything that is not a socket or a static file."""

    def __init__(self) -> None:
        super().__init__()
        self._pool = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="request")
        # While the database is away every thread waits for it; whether this process lives must still be answered.
        self._spare = ThreadPoolExecutor(max_workers=2, thread_name_prefix="health")

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.handle(scope, receive, send)

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        """A caller who hangs up is not heard: a synchronous view cannot be stopped, and what it does is done or undone
        by its transaction."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        pool = self._spare if scope["path"] in health.DOORS else self._pool
        response = await _in_thread(pool, self._respond, scope, body)
        await self.send_response(response, send)
        if response.streaming:
            await _in_thread(pool, response.close)

    def _respond(self, scope: Any, body: "Body") -> HttpResponseBase:
        """Everything between the body and the answer; the signals give the thread's connection back."""
        if body.is_too_large:
            refusal = Refusal("too_large", "The request is larger than this installation takes.", Kind.TOO_LARGE)
            return headers.dress(problems.problem(refusal))
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        request, error = self.create_request(scope, body)
        response: Any = error if request is None else self.get_response(request)
        response._handler_class = self.__class__  # noqa: SLF001 (as Django's handlers do: the sender of the last signal)
        if not response.streaming:
            response.close()
        return cast("HttpResponseBase", response)

    async def read_body(self, receive: Any) -> "Body":
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


async def _in_thread(pool: ThreadPoolExecutor, fn: Any, *values: Any) -> Any:
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(pool, context.run, fn, *values)


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
