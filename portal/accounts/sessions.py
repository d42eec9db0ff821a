"""Sessions of the console: rows of the business, signed for it. A row that is copied to another business says nothing there."""

from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db

from portal.kernel import clock, ids, tenancy


class SessionStore(db.SessionStore):
    """The name is Django's: `SESSION_ENGINE` is a module with a class of this name."""

    @classmethod
    def get_model_class(cls) -> Any:
        from portal.accounts.models import Session

        return Session

    @property
    def key_salt(self) -> str:
        return tenancy.salt("accounts.session")

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        """Whose it is stands beside it, so that all of a person's can be ended."""
        made = super().create_model_instance(data)
        made.user_id = ids.parse_uuid(data.get(SESSION_KEY, ""))
        return made

    def cycle_key(self) -> None:
        """Django would make another row, which knows neither where it was signed in from nor when."""
        from portal.accounts.flows import session

        renewed_key = self._get_new_session_key()  # type: ignore[attr-defined]
        if self.session_key is None or not session.renew(key=self.session_key, renewed_key=renewed_key):
            super().cycle_key()
            return
        self._session_key = renewed_key
        self.modified = True

    def load(self) -> dict[str, Any]:
        """Reading it is its use, which is noted once a minute at most."""
        from portal.accounts.flows import session

        row = self._get_session_from_db()  # type: ignore[attr-defined]
        if row is None:
            return {}
        session.touch(row=row, now=clock.now())
        return dict(self.decode(row.session_data))
