import getpass
from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from messaging.flows import opening
from portal.kernel import clock
from portal.kernel.errors import Refusal


class Command(BaseCommand):
    help = (
        "Opens a business: address, schema, keys, first staff, and the officers' ceremony. The recovery key is written to "
        "a file, which you move offline; the business is served only after it was read back."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="address, such as acme (acme.<base host>)")
        parser.add_argument("name", help="name that customers see")
        parser.add_argument("--owner", required=True, metavar="EMAIL")
        parser.add_argument("--officer", required=True, metavar="EMAIL")
        parser.add_argument("--recovery-key", required=True, type=Path, metavar="FILE", help="where to write it")

    def handle(self, *args: object, **options: object) -> None:
        slug, name, file = str(options["slug"]), str(options["name"]), Path(str(options["recovery_key"]))
        people = [
            opening.Person(str(options["owner"]), "Owner", "owner", _ask("Password of the owner")),
            opening.Person(str(options["officer"]), "Officer", "officer", _ask("Password of the officer")),
        ]
        passphrase = _ask("Passphrase of the archive")
        _reserve(file)
        try:
            self._open(slug, name, people, passphrase, file)
        except Refusal as refusal:
            raise CommandError(f"{refusal.message} ({refusal.code})") from refusal
        finally:
            if not file.stat().st_size:
                file.unlink()

    def _open(self, slug: str, name: str, people: list[opening.Person], passphrase: str, file: Path) -> None:
        self.stdout.write("Making the schema and the keys …")
        opened = opening.begin(now=clock.now(), slug=slug, name=name, people=people, passphrase=passphrase)
        file.write_text(opened.recovery_text, encoding="utf-8")
        self.stdout.write(f"The recovery key of the archive is in {file}. Copy it to where you will keep it, offline.")
        input("Press Enter when it is there. ")
        opening.finish(now=clock.now(), place=opened.place, recovery_text=file.read_text(encoding="utf-8"))
        self.stdout.write(f"{name} is ready. Now delete {file} from this machine.")


def _reserve(file: Path) -> None:
    """Made before anything else is: a place that cannot be written is found before there are keys to lose."""
    try:
        file.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        raise CommandError(f"{file} exists. Name a new file.") from None
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror}. Nothing was made.") from error


def _ask(what: str) -> str:
    first = getpass.getpass(f"{what}: ")
    if first != getpass.getpass("Again: "):
        raise CommandError("The two differ. Nothing was made.")
    return first
