"""`./run bench [name …] [--json FILE]`: runs `bench/<name>.py`, each in a process of its own, so that each configures
Django for a house of its own. Its `main()` returns figures as plain JSON."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from portal.launch.environment import PROJECT
from portal.launch.problem import LaunchError

FOLDER = PROJECT / "bench"


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))


def run(chosen: list[str], json_file: Path | None) -> int:
    known = names()
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise LaunchError(f"There is no benchmark {unknown[0]!r}; there are: {', '.join(known) or 'none yet'}.")
    figures = {name: run_one(name) for name in chosen or known}
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


def run_one(name: str) -> Any:
    print(f"── {name}", flush=True)
    with tempfile.NamedTemporaryFile("r", suffix=".json") as answer:
        done = subprocess.run([sys.executable, "-m", "bench._one", name, answer.name], cwd=PROJECT, check=False)
        if done.returncode:
            raise LaunchError(f"The benchmark {name!r} failed; what it said stands above.")
        return json.load(answer)
