"""`manage.py open_export BUNDLE --key FILE [--out DIR]`: open a sealed bundle with the recovery key."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from archive.export import main, opening
from archive.export.signed import NotVerified
from portal.sealing import errors, recovery


class Command(BaseCommand):
    help = (
        "Open a sealed export with the recovery key file: verifies it first, then writes its records as EML, JSONL and CSV into a "
        "new folder. What is written there is no longer sealed. Exit 0 all opened, 1 not verified or not opened."
    )
    requires_system_checks: list[str] = []  # it may run where there is no database

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("bundle", type=Path, help="the sealed ZIP, or its folder")
        parser.add_argument("--key", type=Path, required=True, help="the recovery key file")
        parser.add_argument("--vkey", type=Path, help="a file with the log's key, from outside the bundle")
        parser.add_argument("--out", type=Path, help="a folder that is not there yet (default: beside the bundle)")

    def handle(self, *args: Any, **options: Any) -> None:
        bundle, out = options["bundle"], options["out"] or options["bundle"].with_suffix(".opened")
        private = self._private(options["key"])
        outside = options["vkey"].read_text(encoding="ascii").strip() if options["vkey"] else None
        try:
            verdict = main.verify_path(bundle, outside)
            if not verdict.manifest["sealed"]:
                self._stop("This bundle is open already: its records are under records/.")
            opened = opening.open_bundle(bundle, private, out, self._progress)
        except NotVerified as refused:
            self._stop(f"NOT VERIFIED, and nothing was opened. {refused}")
        except FileExistsError:
            self._stop(f"{out} is there already. Name a folder that is not: --out DIR.")
        except OSError as error:
            self._stop(f"A file cannot be read or written: {error}")
        self.stdout.write(main.tell(verdict))
        self.stdout.write(
            f"{opened.records:,} records opened into {out}. They lie there unsealed: delete them when you are done."
        )
        if opened.closed:
            self._stop(f"{len(opened.closed):,} records are sealed to another key; missing.json in {out} names them.")

    def _private(self, path: Path) -> bytes:
        try:
            return recovery.decode(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeError) as error:
            return self._stop(f"The recovery key file cannot be read: {error}")
        except errors.RecoveryKeyUnreadable as error:
            return self._stop(str(error))

    def _progress(self, done: int) -> None:
        if not done % 5_000:
            self.stderr.write(f"  {done:,} records opened")

    def _stop(self, sentence: str) -> Any:
        self.stderr.write(sentence)
        sys.exit(1)
