import sys

from django.core.management.base import BaseCommand

from portal.web import health


class Command(BaseCommand):
    help = (
        "Looks at everything /readyz looks at, and at mail and each business's tables, and says in words what is wrong. "
        "Exit 1 if anything fails; a warning alone does not."
    )

    def handle(self, *args: object, **options: object) -> None:
        found = health.findings() | health.deep_findings()
        for name, finding in found.items():
            self.stdout.write(f"{finding.state:8} {name:12} {finding.about}".rstrip())
        if any(finding.state == "failing" for finding in found.values()):
            sys.exit(1)
