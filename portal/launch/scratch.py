"""`python -m portal.launch scratch <manage.py's words>`: one command of `manage.py` on a scratch PostgreSQL, with keys of its
own, that is gone afterwards. For drills: what is tried there touches nothing that is served."""

import base64
import os
import secrets
import subprocess
import tempfile
from pathlib import Path

from portal.launch import environment, serve
from portal.launch.postgres import EmbeddedPostgres

# What is tried is thrown away: nothing here waits for a disk.
FASTER = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_wal_size": "4GB"}


def run(words: list[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="ebb-scratch-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL's user passes through; it lists and reads nothing
        postgres = EmbeddedPostgres(folder / "data", settings=FASTER)
        try:
            env = settings(folder, postgres.start())
            return subprocess.run(serve.manage(*words), env=env, cwd=environment.PROJECT, check=False).returncode
        finally:
            postgres.destroy()


def settings(folder: Path, database_url: str) -> dict[str, str]:
    """The caller's environment, but for the database and the keys."""
    keyring = folder / "keyring"
    keyring.mkdir(mode=0o700)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "EBB_MASTER_KEY"))}
    return kept | {
        "DATABASE_URL": database_url,
        "EBB_KEYRING": str(keyring),
        "EBB_MASTER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
    }
