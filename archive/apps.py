from django.apps import AppConfig


class ArchiveConfig(AppConfig):
    name = "archive"

    def ready(self) -> None:
        from archive.flows import birth, disposal, hold, ledger, limits, restore, restored, rule
        from archive.queries import backupage, cases, holds
        from portal.kernel import unit
        from portal.web import health
        from tenants.flows import provision

        unit.set_writer(ledger.append)
        provision.register_step("archive", lambda place, now: birth.prepare(now=now))
        restore.register_step("archive", restored.clean)
        health.register("backup", backupage.find)
        hold.register()
        cases.register()
        holds.register()
        disposal.register()
        limits.register()
        rule.register()
