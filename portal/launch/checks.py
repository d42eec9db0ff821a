"""`./run checks`: what a reader should not have to look for. All of them run; any that fails fails the whole."""

import base64
import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

from portal.launch.environment import PROJECT, inherited

CHECKS = {
    "ruff": [sys.executable, "-m", "ruff", "check", "."],
    "format": [sys.executable, "-m", "ruff", "format", "--check", "."],
    "mypy": [sys.executable, "-m", "mypy"],
    "templates": [sys.executable, "-m", "djlint", "templates", "--lint", "--quiet"],
    "migrations": [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"],
}


def run() -> int:
    with tempfile.TemporaryDirectory(prefix="ebb-checks-") as folder:
        failed = [name for name, command in CHECKS.items() if not passes(name, command, settings(Path(folder)))]
    print(f"failed: {', '.join(failed)}" if failed else "all checks passed", flush=True)
    return 1 if failed else 0


def passes(name: str, command: list[str], env: dict[str, str]) -> bool:
    print(f"── {name}", flush=True)
    return subprocess.run(command, cwd=PROJECT, env=env, check=False).returncode == 0


def settings(folder: Path) -> dict[str, str]:
    """Enough to read the settings; no check opens the database, and a warning about that would only be noise."""
    return inherited() | {
        "DATABASE_URL": f"postgresql://nobody@/none?host={folder}",
        "EBB_KEYRING": str(folder),
        "EBB_MASTER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "EBB_SECRET_KEY": secrets.token_hex(32),
        "PYTHONWARNINGS": "ignore::RuntimeWarning",
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
    }
