from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"

    def ready(self) -> None:
        from portal.kernel import tenancy
        from portal.web import health
        from tenants.queries import schemas
        from tenants.queries.businesses import Businesses

        tenancy.set_directory(Businesses())
        health.register_deep("businesses", schemas.find)
