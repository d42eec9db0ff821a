"""Sessions of the console: rows of the business, signed for it. A row that is copied to another business says nothing there."""

from django.contrib.sessions.backends import db

from portal.kernel import tenancy


class SessionStore(db.SessionStore):
    """The name is Django's: `SESSION_ENGINE` is a module with a class of this name."""

    @property
    def key_salt(self) -> str:
        return tenancy.salt("accounts.session")
