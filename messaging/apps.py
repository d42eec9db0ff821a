from django.apps import AppConfig


class MessagingConfig(AppConfig):
    name = "messaging"

    def ready(self) -> None:
        from archive.flows import restore
        from archive.rules import campaigns as about
        from archive.rules import events, scopes
        from messaging.api import idempotency
        from messaging.flows import birth, closing, device, launch, promise, restored, secondperson, wipe, wipeall
        from messaging.queries import campaigns, moments, noticehealth, policy
        from portal.web import health, once
        from tenants.flows import provision

        provision.register_step("messaging", birth.prepare)
        restore.register_step("messaging", restored.end_unreadable)
        events.register(events.CONVERSATION_CLOSED, moments.conversation_closed)
        events.register(events.CUSTOMER_CLOSED, moments.customer_closed)
        events.register_fields(moments.field)
        events.register_moved(promise.move)
        scopes.register_categories(policy.category_names)
        launch.register()
        secondperson.register()
        about.register(campaigns.run_ids_of, campaigns.of_runs)
        health.register("notices", noticehealth.find)
        once.register(idempotency.answer_once)
        closing.register()
        device.register()
        wipe.register()
        wipeall.register()
