"""Programs of the tests that come from npm: by its ordinary client and a lock file with hashes, without any script of a package
being run, into a folder of the cache that stays from run to run."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

SECONDS = 240


def installed(source: Path, what: str) -> Path:
    """The folder where what `source` names stands ready, with the files of `source`; skips, and says why, if it cannot be had."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip(f"no node and npm on this machine: {what}")
    files = sorted(source.iterdir())
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ebb-tests"
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / f"{source.name}-{digest}"
    with (cache / f"{source.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes beside
        if not (folder / "ready").exists():
            _install(files, folder, what)
    return folder


def _install(files: list[Path], folder: Path, what: str) -> None:
    folder.mkdir(exist_ok=True)
    for file in files:
        shutil.copy(file, folder)
    try:
        subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=folder, check=True, capture_output=True, timeout=SECONDS,
        )  # fmt: skip
    except subprocess.CalledProcessError as error:
        if b"EUSAGE" in error.stderr:  # ours to mend, and no skip: it would be one for ever
            pytest.fail(f"package.json and its lock file part ways in {folder}: {what}")
        pytest.skip(f"npm's registry cannot be reached: {what}")
    except (subprocess.SubprocessError, OSError):
        pytest.skip(f"npm's registry cannot be reached: {what}")
    (folder / "ready").touch()
