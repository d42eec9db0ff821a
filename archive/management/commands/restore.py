"""`manage.py restore BACKUP --key FILE`: bring an installation back into an empty database. Exit 1 with a sentence if not."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from archive.flows import backupkey, drill, restore
from archive.management import progress
from portal.kernel import clock
from portal.kernel.errors import Refusal

AFTERWARDS = """
Now, in this order:
  1. manage.py verify_archive            every ledger, recomputed
  2. manage.py backup --init FILE        a backup key of this installation; then a first backup
  3. start web, worker and clock
  4. an officer of each business opens Archive → Log and opens a new epoch: until then nothing new is signed
  5. look at what was revoked, wiped or removed after the backup: docs/operations.md, "After a restore"
"""


class Command(BaseCommand):
    help = (
        "Restore a backup into an empty database and keyring folder (DATABASE_URL, EBB_KEYRING). What had ended stays ended; "
        "what lived is ended, since its keys are in no backup. Refuses a backup older than a disposal."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("backup", type=Path, metavar="BACKUP", help="the folder ebb-…")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--key", type=Path, metavar="FILE", help="the private half of the backup key")
        what.add_argument(
            "--check", action="store_true", help="a drill without keys: rows only, every ledger recomputed"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        place, bar = options["backup"].absolute(), progress.Bar(self.stderr)
        if not place.is_dir():
            raise CommandError(f"There is no backup {place}.")
        try:
            if options["check"]:
                self._say_checked(drill.check(place=place, tell=bar.tell))
            else:
                private = backupkey.read(options["key"])
                self._say(restore.restore(now=clock.now(), place=place, private=private, tell=bar.tell))
        except Refusal as refusal:
            raise CommandError(f"{refusal.message} ({refusal.code})") from refusal

    def _say(self, done: restore.Restored) -> None:
        self.stdout.write(f"Restored {done.businesses} businesses as of {done.as_of:%Y-%m-%d %H:%M:%S} UTC.")
        if done.kept_rings:
            self.stdout.write(f"{done.kept_rings} keyrings were here and are newer than the backup's: they were kept.")
        if done.left_out:
            were = "was" if done.left_out == 1 else "were"
            self.stdout.write(f"{done.left_out} {were} closed since this backup was made, and left out.")
        self.stdout.write(AFTERWARDS)

    def _say_checked(self, done: drill.Checked) -> None:
        self.stdout.write(
            f"{done.entries} entries of {done.businesses} businesses recomputed: the backup holds what it says."
        )
