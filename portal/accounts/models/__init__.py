from portal.accounts.models.apikey import ApiKey
from portal.accounts.models.attempt import Attempt
from portal.accounts.models.user import User

__all__ = ["ApiKey", "Attempt", "User"]
