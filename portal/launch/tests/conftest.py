"""A cluster of its own for tests that stop, kill or spoil one."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.launch.postgres import EmbeddedPostgres


@pytest.fixture
def folder() -> Iterator[Path]:
    """Passable to PostgreSQL's user, as pytest's own temporary folders are not when root runs the tests."""
    path = Path(tempfile.mkdtemp(prefix="ebb-test-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def postgres(folder: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(folder / "data")
    yield server
    server.destroy()
