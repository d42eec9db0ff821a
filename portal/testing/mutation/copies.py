"""What a child may spoil: a copy of the database and of the keyring for each, as the run without a fault left them.

A planted fault destroys keys too early, deletes what should stay, writes into the wrong business. Were that to outlive its child,
the next tests would fail for it, and a fault that nobody notices would count as noticed.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from django.conf import settings
from django.db import connections

from portal.kernel import keys

_END_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'
"""


@dataclass(frozen=True)
class Copy:
    database: str
    keyring: Path

    def use(self) -> None:
        """In the child, before anything asks."""
        for one in connections.all():
            one.settings_dict["NAME"] = self.database
        settings.DATABASES["default"]["NAME"] = self.database
        settings.EBB_KEYRING = os.environ["EBB_KEYRING"] = str(self.keyring)
        keys.keyring.cache_clear()


@contextmanager
def of(number: int) -> Iterator[Copy]:
    """The parent does nothing between two children, so nobody is connected to what is copied."""
    origin = settings.DATABASES["default"]["NAME"]
    ring = Path(settings.EBB_KEYRING)
    copy = Copy(f"{origin}_{number}", ring.with_name(f"{ring.name}-{number}"))
    connections.close_all()
    shutil.copytree(ring, copy.keyring)
    with _server() as server:
        server.execute(_END_OTHERS, [origin])
        server.execute(f'CREATE DATABASE "{copy.database}" TEMPLATE "{origin}" STRATEGY file_copy')
    try:
        yield copy
    finally:
        shutil.rmtree(copy.keyring, ignore_errors=True)
        with suppress(psycopg.Error), _server() as server:  # one that is being vacuumed stays: it goes with the server
            server.execute(_END_OTHERS, [copy.database])
            server.execute(f'DROP DATABASE "{copy.database}"')


def _server() -> psycopg.Connection[tuple[object, ...]]:
    given = settings.DATABASES["default"]
    return psycopg.connect(
        host=given["HOST"], port=given["PORT"] or None, user=given["USER"], password=given["PASSWORD"] or None,
        dbname="postgres", autocommit=True,
    )  # fmt: skip
