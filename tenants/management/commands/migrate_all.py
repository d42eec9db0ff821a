from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from tenants.flows import provision


class Command(BaseCommand):
    help = (
        "Brings the tables of the installation and of every business up to this release. A business that is up to date costs "
        "nothing; one whose schema is gone is named and the others go on. May be run again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate_schemas", shared=True, interactive=False, verbosity=0)
        done, lost = 0, []
        for place, was_there in provision.migrate_behind():
            if was_there:
                done += 1
                self.stdout.write(f"{place.slug}: brought up to this release ({done}).")
            else:
                lost.append(place.slug)
        if lost:
            raise CommandError(f"The schemas of {len(lost)} businesses are gone: {', '.join(lost)}. Restore a backup.")
        self.stdout.write(f"Everything is up to date; {done} businesses were behind.")
