from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from archive.flows import officer
from portal.kernel import clock, tenancy
from portal.kernel.actors import OPERATOR
from portal.kernel.errors import Refusal


class Command(BaseCommand):
    help = (
        "Replaces the officers' key of a business's archive: from now on everything is sealed to a new one. Officers keep "
        "their passphrases and open what is older as before; the recovery key stays as it is. Do it when an officer's "
        "passphrase may be known to somebody else (and let that officer change it). When an officer loses the role or "
        "leaves, it happens by itself. Safe while messages are sent: a send at that very moment is asked to try again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", nargs="*", help="address of a business, such as acme")
        parser.add_argument("--all", action="store_true", help="every business of this installation")

    def handle(self, *args: object, **options: object) -> None:
        for place in _places(options["slug"], bool(options["all"])):
            with tenancy.tenant_scope(place):
                try:
                    number = officer.rotate(actor=OPERATOR, now=clock.now())
                except Refusal as refusal:
                    raise CommandError(f"{place.slug}: {refusal.message} ({refusal.code})") from refusal
            self.stdout.write(f"{place.slug}: generation {number} of the officers' key is in force.")


def _places(slugs: object, is_all: bool) -> list[tenancy.Place]:
    known = {place.slug: place for place in tenancy.directory().all_ready()}
    wanted = sorted(known) if is_all else [str(slug) for slug in slugs or []]  # type: ignore[attr-defined]
    if not wanted:
        raise CommandError("Name a business, or --all.")
    if missing := [slug for slug in wanted if slug not in known]:
        raise CommandError(f"There is no business {', '.join(missing)}.")
    return [known[slug] for slug in wanted]
