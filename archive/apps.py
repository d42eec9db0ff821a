from django.apps import AppConfig


class ArchiveConfig(AppConfig):
    name = "archive"

    def ready(self) -> None:
        from archive.flows import birth, hold, ledger
        from portal.kernel import unit
        from tenants.flows import provision

        unit.set_writer(ledger.append)
        provision.register_step("archive", lambda place, now: birth.prepare(now=now))
        hold.register()
