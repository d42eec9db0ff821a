"""`python -m bench._one NAME FILE`: run one benchmark in this process and write its figures to FILE."""

import importlib
import json
import sys
from pathlib import Path

if __name__ == "__main__":
    name, file = sys.argv[1:]
    Path(file).write_text(json.dumps(importlib.import_module(f"bench.{name}").main()), encoding="utf-8")
