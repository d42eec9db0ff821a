from django.apps import AppConfig


class MessagingConfig(AppConfig):
    name = "messaging"

    def ready(self) -> None:
        from archive.rules import events
        from messaging.flows import birth
        from messaging.queries import moments
        from tenants.flows import provision

        provision.register_step("messaging", birth.prepare)
        events.register(events.CONVERSATION_CLOSED, moments.conversation_closed)
        events.register(events.CUSTOMER_CLOSED, moments.customer_closed)
        events.register_fields(moments.field)
