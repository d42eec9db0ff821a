from django.apps import AppConfig


class MessagingConfig(AppConfig):
    name = "messaging"

    def ready(self) -> None:
        from messaging.flows import birth
        from tenants.flows import provision

        provision.register_step("messaging", birth.prepare)
