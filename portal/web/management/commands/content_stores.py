"""`manage.py content_stores [--write]`: compare `docs/content-stores.md` with the code, or write it."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.kernel import stores


class Command(BaseCommand):
    help = "Where content and personal data stand, under which key, until when: the page made from the code."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--write", action="store_true", help="write the page instead of comparing it")

    def handle(self, *args: Any, **options: Any) -> None:
        page = settings.BASE_DIR / "docs" / "content-stores.md"
        if options["write"]:
            page.write_text(stores.render(), encoding="utf-8")
        elif not page.exists() or page.read_text(encoding="utf-8") != stores.render():
            raise CommandError(
                "docs/content-stores.md is not what the code says: run manage.py content_stores --write."
            )
