"""`manage.py verify_export BUNDLE [--vkey FILE]`: the same verifier that lies in each bundle as verify.py."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from archive.export import main


class Command(BaseCommand):
    help = (
        "Verify an export: a ZIP, or the folder it was unpacked to. Exit 0 verified, 3 consistent only with itself (no key was "
        "given from outside), 1 not."
    )
    requires_system_checks: list[str] = []  # it may run where there is no database

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("bundle", type=Path, help="the ZIP, or its folder")
        parser.add_argument("--vkey", type=Path, help="a file with the log's key, from outside the bundle")

    def handle(self, *args: Any, **options: Any) -> None:
        code = main.run(options["bundle"], options["vkey"], self.stdout.write, self._progress)
        if code:
            sys.exit(code)

    def _progress(self, what: str, done: int, of: int) -> None:
        if not done % 20_000:
            self.stderr.write(f"  {what}: {done:,} of {of:,}")
