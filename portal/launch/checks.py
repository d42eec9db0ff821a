"""`./run checks`: what a reader should not have to look for. All of them run; any that fails fails the whole."""

import os
import subprocess
import sys

from portal.launch.environment import PROJECT, inherited, of_nothing

CHECKS = {
    "ruff": [sys.executable, "-m", "ruff", "check", "."],
    "format": [sys.executable, "-m", "ruff", "format", "--check", "."],
    "mypy": [sys.executable, "-m", "mypy"],
    "templates": [sys.executable, "-m", "djlint", "templates", "--lint", "--quiet"],
    "migrations": [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"],
}


def run() -> int:
    failed = [name for name, command in CHECKS.items() if not passes(name, command, settings())]
    print(f"failed: {', '.join(failed)}" if failed else "all checks passed", flush=True)
    return 1 if failed else 0


def passes(name: str, command: list[str], env: dict[str, str]) -> bool:
    print(f"── {name}", flush=True)
    return subprocess.run(command, cwd=PROJECT, env=env, check=False).returncode == 0


def settings() -> dict[str, str]:
    """No check opens the database, and a warning about that would only be noise."""
    return inherited() | of_nothing() | {
        "PYTHONWARNINGS": "ignore::RuntimeWarning",
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
    }  # fmt: skip
