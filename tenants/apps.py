from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"

    def ready(self) -> None:
        from portal.kernel import tenancy
        from tenants.queries.businesses import Businesses

        tenancy.set_directory(Businesses())
