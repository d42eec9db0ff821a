"""One PostgreSQL for a run of the test suite, and the environment that Django's settings ask for.

Used by the root `conftest.py` before anything reads the settings. Under pytest-xdist the controller starts the server
and the workers find its address in the environment; each has a database of its own (pytest-django's suffix).
"""

import base64
import os
import secrets
import shutil
import tempfile
from pathlib import Path

from django.conf import settings

from portal.launch.postgres import EmbeddedPostgres

# The data lives as long as the run: nothing here may wait for a disk. What is tested is still every commit's order.
FASTER = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "4GB", "autovacuum_naptime": "10s"}


class TestHouse:
    """The temporary folder of one run: the cluster, a keyring, and what else a test process writes."""

    __test__ = False  # pytest: not a class of tests

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ebb-test-"))
        self.folder.chmod(0o711)
        self.postgres = EmbeddedPostgres(self.folder / "data", settings=FASTER)

    def open(self) -> None:
        os.environ.update(environment(self.folder, os.environ.get("EBB_TEST_DATABASE_URL") or self.postgres.start()))

    def close(self) -> None:
        self.postgres.destroy()
        shutil.rmtree(self.folder, ignore_errors=True)


def environment(folder: Path, database_url: str) -> dict[str, str]:
    keyring = folder / "keyring"
    keyring.mkdir(mode=0o700, exist_ok=True)
    return {
        "DATABASE_URL": database_url,
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "EBB_BASE_HOST": "localhost",
        "EBB_KEYRING": str(keyring),
        "EBB_MAIL_BACKEND": "django.core.mail.backends.locmem.EmailBackend",
        "EBB_MASTER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "EBB_PUSH_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "EBB_SECRET_KEY": secrets.token_hex(32),
        "EBB_TEST_FOLDER": str(folder),
    }


def chromium() -> str | None:
    """The browser that tests drive: the system's own where there is one, else the test tool's."""
    found = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")]
    return os.environ.get("EBB_CHROMIUM") or next((path for path in found if path), None)


def use_own_keyring(worker: str) -> None:
    """The live keyring is one file for an installation: workers of one run do not share it."""
    keyring = Path(os.environ["EBB_TEST_FOLDER"]) / f"keyring-{worker}"
    keyring.mkdir(mode=0o700, exist_ok=True)
    os.environ["EBB_KEYRING"] = str(keyring)
    settings.EBB_KEYRING = str(keyring)  # pytest-django read the settings of a worker before its conftest
