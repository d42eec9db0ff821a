"""`./run bench [name …] [--json FILE]`: runs `bench/<name>.py`, each with a `main()` that returns its figures."""

import importlib
import json
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
        json_file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


def run_one(name: str) -> Any:
    print(f"── {name}", flush=True)
    return importlib.import_module(f"bench.{name}").main()
