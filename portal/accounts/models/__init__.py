from portal.accounts.models.apikey import ApiKey
from portal.accounts.models.user import User

__all__ = ["ApiKey", "User"]
