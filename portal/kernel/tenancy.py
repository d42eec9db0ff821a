"""The only two ways into a business: `with tenant_scope(place)` and `await run_in_tenant(place, fn, …)`.

Both set the schema inside the thread that runs the query and reset it after. Nothing keeps a tenant across an `await`:
Channels shares one database thread among all sockets of a process, so a schema set in `connect()` would leak (I7).
django-tenants' own context managers share state between threads and are not used.
"""

import asyncio
import contextvars
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import ParamSpec, TypeVar
from uuid import UUID

from django.db import close_old_connections, connection

from portal.kernel.errors import Kind, Refusal

P = ParamSpec("P")
R = TypeVar("R")

PUBLIC = "public"


@dataclass(frozen=True)
class Place:
    """A business as the floor knows it: enough to set a schema and to name it in salts, cache keys and AADs. One that
    `is_winding` is being closed: its staff and its mirrors get in, nobody else does, and nothing is sent. `closes_at`: two people
    agreed that this begins then, or later where something stops it; the directory knows it."""

    id: UUID
    schema: str
    slug: str
    name: str
    host: str = ""
    is_winding: bool = field(default=False, compare=False)
    closes_at: datetime | None = field(default=None, compare=False)

    @property
    def schema_name(self) -> str:
        """The name django-tenants looks for."""
        return self.schema


class _Here(threading.local):
    place: Place | None = None


_here = _Here()


def here() -> Place:
    """The business this thread works for. Outside a scope there is none, and that is a refusal, never `public`."""
    if _here.place is None:
        raise Refusal("no_business", "This needs a business and has none.", Kind.UNAVAILABLE)
    return _here.place


def is_anywhere() -> bool:
    return _here.place is not None


def is_at(place: Place) -> bool:
    """Whether this thread works for that business now."""
    return _here.place is not None and _here.place.schema == place.schema


@contextmanager
def tenant_scope(place: Place) -> Iterator[Place]:
    """Work for one business in this thread; afterwards the thread is where it was before."""
    before = _here.place
    _enter(place)
    try:
        yield place
    finally:
        _enter(before)


def _enter(place: Place | None) -> None:
    _here.place = place
    if place is None:
        connection.set_schema_to_public()
    else:
        connection.set_tenant(place)


_pool = ThreadPoolExecutor(max_workers=int(os.environ.get("EBB_TENANT_THREADS", "8")), thread_name_prefix="tenant")


async def run_in_tenant(place: Place, fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a synchronous function for a business in one of a few threads that keep their connection.

    A cancelled caller stops waiting; the function still ends inside its own scope.
    """
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(_pool, context.run, _inside, place, fn, args, kwargs)


def _inside(place: Place, fn: Callable[..., R], args: tuple[object, ...], kwargs: dict[str, object]) -> R:
    close_old_connections()
    try:
        with tenant_scope(place):
            return fn(*args, **kwargs)
    finally:
        close_old_connections()


def cache_key(key: str, prefix: str, version: int) -> str:
    """Django's KEY_FUNCTION: every key names its business, so that no two businesses share a counter or a value."""
    owner = _here.place.id.hex if _here.place else PUBLIC
    return f"{owner}:{prefix}:{version}:{key}"


def salt(purpose: str) -> str:
    """The salt of every signed token: a token of one business means nothing in another."""
    return f"{purpose}:{here().id.hex}"


@dataclass(frozen=True)
class Closed:
    """What is left of a business that was closed, at its own address."""

    name: str
    certificate: str = ""
    token_sha256: str = ""  # of the link that leads to the certificate


class Directory:
    """How the floor finds businesses without knowing their table; `tenants` gives the real one."""

    def by_id(self, business_id: UUID) -> Place | None:
        return None

    def by_host(self, host: str) -> Place | None:
        return None

    def all_ready(self) -> list[Place]:
        """Those that are being closed are among them as long as they are read."""
        return []

    def closed_at(self, host: str) -> Closed | None:
        return None

    def forget(self) -> None:
        """This process asks anew who is served; the others do within two seconds."""


_directory = Directory()


def set_directory(directory: Directory) -> None:
    global _directory
    _directory = directory


def directory() -> Directory:
    return _directory
