"""`manage.py verify_archive [business …] [--json]`: verify whole ledgers. Exit 0 whole, 1 not, 2 no such business."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from archive.queries import verification
from portal.kernel import tenancy
from portal.web import problems


class Command(BaseCommand):
    help = (
        "Verify whole archives: leaves, tree, signed checkpoints, the keyring's promise, and every sealed record against "
        "its leaf. Needs no archive key and changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("business", nargs="*", help="slugs; default: every business that is ready")
        parser.add_argument(
            "--json", action="store_true", help="one JSON object a business, one a line, on standard output"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        places = self._places(options["business"])
        whole = [self._verify(place, options["json"]) for place in places]
        if not all(whole):
            sys.exit(1)

    def _places(self, slugs: list[str]) -> list[tenancy.Place]:
        known = {place.slug: place for place in tenancy.directory().all_ready()}
        if unknown := [slug for slug in slugs if slug not in known]:
            self.stderr.write(f"There is no ready business {unknown[0]}.")
            sys.exit(2)
        return [known[slug] for slug in slugs] if slugs else list(known.values())

    def _verify(self, place: tenancy.Place, as_json: bool) -> bool:
        try:
            with tenancy.tenant_scope(place):
                report = verification.verify(verification.quiet if as_json else self._progress)
        except Exception as error:
            # A business that cannot be read (its schema or its keys are gone) is not whole, and hides no other.
            refusal = problems.refusal_for(error)
            if refusal is None:
                raise
            self.stderr.write(f"{place.slug}: cannot be verified ({refusal.code}). {refusal.message}")
            return False
        if as_json:
            self.stdout.write(json.dumps({"business": place.slug, **report.to_json()}))
        else:
            self._tell(place, report)
        return report.is_whole

    def _progress(self, what: str, done: int, of: int) -> None:
        self.stderr.write(f"  {what}: {done:,} of {of:,}")

    def _tell(self, place: tenancy.Place, report: verification.Report) -> None:
        self.stdout.write(
            f"{place.slug}: {report.entries:,} entries, {report.checkpoints:,} checkpoints, {report.records:,} records, "
            f"tree of {report.tree_size:,} with root {report.root or 'none'}"
        )
        for code, where in report.faults:
            self.stdout.write(f"  FAULT {code} at {where}")
        self.stdout.write("  whole" if report.is_whole else f"  NOT WHOLE: {report.fault_count:,} faults")
