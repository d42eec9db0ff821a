from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "portal.accounts"
    label = "accounts"

    def ready(self) -> None:
        from archive.queries import colleagues as asked
        from portal.accounts.queries import colleagues

        asked.register(colleagues)
