from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from portal.accounts.flows import wayback
from portal.accounts.queries import invitations
from portal.kernel import clock, mail, tenancy
from portal.kernel.actors import OPERATOR
from portal.kernel.errors import Refusal


class Command(BaseCommand):
    help = (
        "A way back for the only owner of a business who lost password and second factors. Prints a link that sets a new "
        "password: it opens 72 hours from now, once, for a week. Owners and officers are told at once and can stop it; "
        "signing in as that owner stops it, too. Make sure by another way whom you give it to: whoever opens it is the owner. "
        "Where a business has another owner, that one lets them in (Settings, Staff, New link)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="address of the business, such as acme")
        parser.add_argument("--owner", required=True, metavar="EMAIL")

    def handle(self, *args: object, **options: object) -> None:
        place = next((one for one in tenancy.directory().all_ready() if one.slug == options["slug"]), None)
        if place is None:
            raise CommandError(f"There is no business {options['slug']}.")
        with tenancy.tenant_scope(place):
            try:
                asked = wayback.ask(actor=OPERATOR, now=clock.now(), email=str(options["owner"]))
            except Refusal as refusal:
                raise CommandError(f"{refusal.message} ({refusal.code})") from refusal
            link = mail.base_url() + reverse("account_invited", args=[invitations.token_for(asked.user_id)])
        self.stdout.write(f"It opens {asked.opens_at:%-d %B %Y, %H:%M} UTC, once, for a week:\n{link}")
        self.stdout.write("Owners and officers are told by mail, and can stop it.")
