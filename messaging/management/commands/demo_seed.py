from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from messaging.demo import seed


class Command(BaseCommand):
    help = "Makes the demo's two businesses, or only fresh links when they are there; writes demo.json."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--customers", type=int, default=200)
        parser.add_argument("--data", type=Path, required=True)
        parser.add_argument("--url", required=True, help="such as http://localhost:8000")

    def handle(self, *args: object, **options: object) -> None:
        if not settings.EBB_DEMO:
            raise CommandError("This is not a demo (EBB_DEMO is not set), so nothing was made.")
        seed.seed(
            data=Path(str(options["data"])), url=str(options["url"]), customers=max(20, int(str(options["customers"]))),
            say=self.stdout.write,
        )  # fmt: skip
