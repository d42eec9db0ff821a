"""`manage.py backup`: one verified backup of the whole installation. Exit 1 with a sentence when there is none."""

import os
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from archive.flows import backup, backupkey
from archive.management import progress
from archive.rules import retention
from portal.kernel import clock
from portal.kernel.errors import Kind, Refusal


class Command(BaseCommand):
    help = (
        "Back up this installation: the database in one snapshot, then every business's keyring, sealed. Read back before it "
        "counts. The live keys are never in it: what has ended stays ended. Begin with --init."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument(
            "--init", type=Path, metavar="FILE", help="make the backup key; FILE is its private half: keep it offline"
        )
        what.add_argument(
            "--to", type=Path, metavar="DIR", help="folder of the backups, on another disk than the database"
        )
        parser.add_argument("--keep", type=int, metavar="N", help="afterwards remove all but the newest N there")
        parser.add_argument(
            "--keep-for", metavar="P30D", help="afterwards remove what is older than this; the newest stays"
        )
        parser.add_argument(
            "--drill", action="store_true", help="also restore it into a scratch server and recompute every ledger"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["init"]:
                self._init(options["init"])
            else:
                self._make(options)
        except Refusal as refusal:
            raise CommandError(f"{refusal.message} ({refusal.code})") from refusal

    def _init(self, file: Path) -> None:
        progress.reserve(file)
        try:
            text = backupkey.make(now=clock.now())
        except BaseException:
            file.unlink()
            raise
        file.write_text(text, encoding="utf-8")
        self.stdout.write(
            f"The backup key is in {file}. Move it offline: with it and a backup everything can be read but what has ended, "
            "and without it no backup can be restored."
        )

    def _make(self, options: dict[str, Any]) -> None:
        keep, keep_for = options["keep"], options["keep_for"]
        if keep is not None and keep < 1:
            raise CommandError("--keep is at least 1.")
        try:
            age = retention.parse(keep_for) if keep_for else None
        except retention.DurationError as error:
            raise CommandError(f"--keep-for: {error}.") from error
        bar = progress.Bar(self.stderr)
        made = backup.make(
            now=clock.now(), folder=options["to"].absolute(), keep=keep, keep_for=age, tell=bar.tell,
            drill=_drill if options["drill"] else None,
        )  # fmt: skip
        bar.end()
        self.stdout.write(
            f"{made.place.name}: {progress.size(made.bytes)}, {made.businesses} businesses, as of {made.as_of:%Y-%m-%d %H:%M:%S} "
            f"UTC, read back{', restored in a drill' if options['drill'] else ''}."
        )
        if made.removed:
            self.stdout.write(f"{made.removed} older removed.")


def _drill(place: Path) -> None:
    """In a process of its own: a scratch PostgreSQL, which the roof starts, and the same release's `restore --check`."""
    done = subprocess.run(
        [sys.executable, "-m", "portal.launch", "scratch", "restore", str(place), "--check"],
        cwd=settings.BASE_DIR, env=dict(os.environ), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or ["it gave no reason"]
        raise Refusal(
            "backup_drill_failed", f"The drill failed, and the backup was not kept: {said[0]}", Kind.UNAVAILABLE
        )
