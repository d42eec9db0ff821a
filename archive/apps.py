from django.apps import AppConfig


class ArchiveConfig(AppConfig):
    name = "archive"

    def ready(self) -> None:
        from archive.flows import ledger
        from portal.kernel import unit

        unit.set_writer(ledger.append)
