"""The ASGI handler: one hop into one of a few threads for the whole request, and no upload on disk.

Django's own handler passes a synchronous view through three threads a request and makes a thread for each; here the
chain of middleware is synchronous and runs with its view, and with Django's signals of a request, in a thread of a bounded
pool, which gives its connection back after each request. Bodies stay in memory: Django would spool large ones, in plain,
to the temporary folder.

A body is read before anybody knows whose it is, so memory is guarded here: more than `SMALL` is kept only where files or
batches come in, only of a caller who at least shows a key or a cookie, and of all large ones together only so much as a
process can bear. What is over is read and dropped, so that the caller gets an answer.
"""

import asyncio
import contextvars
import io
import os
import re
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

SMALL = 1024 * 1024  # bytes that any address takes
TOGETHER = 10  # times the largest body: what this process keeps of large ones at once
ARRIVES_WITHIN = 180  # seconds: the largest body by a slow line; who drips one holds room that others wait for
THREADS = int(os.environ.get("EBB_WEB_THREADS", "12"))


class Handler(ASGIHandler):
    """`portal.asgi` serves this for everything that is not a socket or a static file."""

    def __init__(self) -> None:
        super().__init__()
        self._pool = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="request")
        # While the database is away every thread waits for it; whether this process lives must still be answered.
        self._spare = ThreadPoolExecutor(max_workers=2, thread_name_prefix="health")
        self._room = Room(TOGETHER * settings.DATA_UPLOAD_MAX_MEMORY_SIZE)

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.handle(scope, receive, send)

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        """A caller who hangs up is not heard: a synchronous view cannot be stopped, and what it does is done or undone
        by its transaction."""
        body = Body(limit_of(scope), self._room)
        try:
            await self._serve(scope, receive, send, body)
        except RequestAborted:
            return
        finally:
            body.leave()

    async def _serve(self, scope: Any, receive: Any, send: Any, body: "Body") -> None:
        await body.arrive(receive)
        pool = self._spare if scope["path"] in health.DOORS else self._pool
        response = await _in_thread(pool, self._respond, scope, body)
        await self.send_response(response, send)
        if response.streaming:
            await _in_thread(pool, response.close)

    def _respond(self, scope: Any, body: "Body") -> HttpResponseBase:
        """Everything between the body and the answer; the signals give the thread's connection back."""
        if body.refusal is not None:
            return headers.dress(problems.problem(body.refusal))
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        request, error = self.create_request(scope, body)
        response: Any = error if request is None else self.get_response(request)
        response._handler_class = self.__class__  # noqa: SLF001 (as Django's handlers do: the sender of the last signal)
        if not response.streaming:
            response.close()
        return cast("HttpResponseBase", response)


async def _in_thread(pool: ThreadPoolExecutor, fn: Any, *values: Any) -> Any:
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(pool, context.run, fn, *values)


def limit_of(scope: Any) -> int:
    """How large this request's body may be. That a key or a cookie is good is found out once it has been read."""
    asked = {name for name, _ in scope["headers"]}
    is_roomy = any(re.fullmatch(path, scope["path"]) for path in settings.LARGE_BODIES)
    return settings.DATA_UPLOAD_MAX_MEMORY_SIZE if is_roomy and asked & {b"authorization", b"cookie"} else SMALL


class Room:
    """What all large bodies of this process may take together. Only the event loop's thread comes here."""

    def __init__(self, size: int) -> None:
        self.left = size

    def take(self, count: int) -> bool:
        if count > self.left:
            return False
        self.left -= count
        return True


class Body(io.BytesIO):
    """A request's body in memory, or the refusal of it."""

    def __init__(self, limit: int, room: Room) -> None:
        super().__init__()
        self.refusal: Refusal | None = None
        self._limit, self._room, self._taken = limit, room, 0

    async def arrive(self, receive: Any) -> None:
        try:
            async with asyncio.timeout(ARRIVES_WITHIN):
                await self._read(receive)
        except TimeoutError:
            self.refusal = Refusal("slow_body", "The request took too long to arrive.", Kind.MALFORMED)
            self._drop()

    async def _read(self, receive: Any) -> None:
        is_whole = False
        while not is_whole:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise RequestAborted()
            self.take(message.get("body", b""))
            is_whole = not message.get("more_body", False)
        self.seek(0)

    def take(self, piece: bytes) -> None:
        if self.refusal is None:
            self.refusal = self._refusal_of(self.tell() + len(piece))
            if self.refusal is None:
                self.write(piece)
            else:
                self._drop()

    def leave(self) -> None:
        """What it took of the room is there for others."""
        self._room.left += self._taken
        self._taken = 0

    def _refusal_of(self, size: int) -> Refusal | None:
        if size > self._limit:
            return Refusal("too_large", "The request is larger than this address takes.", Kind.TOO_LARGE)
        if size > SMALL:
            if not self._room.take(size - self._taken):
                return Refusal("crowded", "Too many large requests at once. Try again soon.", Kind.UNAVAILABLE)
            self._taken = size
        return None

    def _drop(self) -> None:
        self.seek(0)
        self.truncate()
        self.leave()
