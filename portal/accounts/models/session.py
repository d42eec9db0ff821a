from typing import Any

from django.contrib.sessions.base_session import AbstractBaseSession, BaseSessionManager
from django.db import models


class Sessions(BaseSessionManager["Session"]):
    use_in_migrations = False


class Session(AbstractBaseSession):
    """A browser that is signed in, or about to. Dies at sign-out, after twelve hours, or when it is ended from afar.

    `sealed_address` is where it signed in from; `browser` a code (`firefox/windows`), not what the browser said."""

    user_id = models.UUIDField(null=True, db_index=True)
    sealed_address = models.BinaryField(default=b"")
    browser = models.CharField(max_length=24, default="")
    signed_in_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)
    objects = Sessions()

    @classmethod
    def get_session_store_class(cls) -> Any:
        from portal.accounts.sessions import SessionStore

        return SessionStore

    def save(self, *args: Any, force_update: bool = False, **kwargs: Any) -> None:
        """Django makes the row anew from the data at each change: what stands beside the data stays as it is."""
        if force_update:
            kwargs["update_fields"] = ["session_data", "expire_date", "user_id"]
        super().save(*args, force_update=force_update, **kwargs)
