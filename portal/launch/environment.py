"""What the processes of a demo are told, made from its data folder. A real installation sets the same names itself."""

import base64
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from portal.launch.problem import LaunchError

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Place:
    """Where a demo stands and how it is reached."""

    data: Path
    port: int

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @property
    def keyring(self) -> Path:
        return self.data / "keyring"

    @property
    def mail(self) -> Path:
        return self.data / "mail"


def build(place: Place, database_url: str) -> dict[str, str]:
    """The children's environment: ours without any PG* variable, which would redirect libpq, plus the demo's own."""
    place.keyring.mkdir(mode=0o700, exist_ok=True)
    place.mail.mkdir(mode=0o700, exist_ok=True)
    return inherited() | {
        "DATABASE_URL": database_url,
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "EBB_ALLOWED_HOSTS": "localhost,.localhost,127.0.0.1",
        "EBB_BASE_HOST": place.host,
        "EBB_BASE_URL": place.url,
        "EBB_DEMO": "1",
        "EBB_KEYRING": str(place.keyring),
        "EBB_MAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
        "EBB_MAIL_FOLDER": str(place.mail),
        "EBB_MASTER_KEY_FILE": str(secret_file(place.data / "master.key")),
        "EBB_PUSH_KEY_FILE": str(secret_file(place.data / "push.key")),
        "EBB_PROXIES": "",  # no proxy stands before a demo: nobody's X-Forwarded-For is believed
        "EBB_SCHEME": "http",
        "EBB_SECRET_KEY_FILE": str(secret_file(place.data / "secret.key")),
        "EBB_SMS_PROVIDER": "console",  # into the log of the worker of notices
        "EBB_WEB_DRAIN": "5",
        "EBB_WEB_HOST": "127.0.0.1",
        "EBB_WEB_PORT": str(place.port),
        "PYTHONPATH": str(PROJECT),
        "PYTHONUNBUFFERED": "1",
    }


def inherited() -> dict[str, str]:
    """Without PG*, and without EBB_*: a key of a real installation in the shell must not end up in a demo."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PG", "EBB_"))}


def of_nothing() -> dict[str, str]:
    """Enough to read the settings where no installation is: a database and a keyring that nobody opens, keys of a moment."""
    return {
        "DATABASE_URL": "postgresql://nobody@/none?host=/nonexistent",
        "EBB_KEYRING": "/nonexistent/keyring",
        "EBB_MASTER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "EBB_SECRET_KEY": secrets.token_hex(32),
    }


def secret_file(path: Path) -> Path:
    """32 random bytes in base64, 0600, made once; whole or not at all, whatever interrupts it."""
    if not path.exists():
        partial = path.with_suffix(".making")
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(base64.b64encode(secrets.token_bytes(32)).decode() + "\n")
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
    if len(path.read_text(encoding="utf-8").strip()) != 44:
        raise LaunchError(f"The key file {path} is damaged; restore it, or remove the whole data folder to start anew.")
    return path


def for_process(env: Mapping[str, str], process: str) -> dict[str, str]:
    """`EBB_PROCESS` tells the settings who they serve: only a web process may hold a pool, since workers fork."""
    return dict(env) | {"EBB_PROCESS": process}
