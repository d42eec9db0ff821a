from portal.accounts.models.apikey import ApiKey
from portal.accounts.models.attempt import Attempt
from portal.accounts.models.factor import Factor
from portal.accounts.models.policy import StaffPolicy
from portal.accounts.models.session import Session
from portal.accounts.models.user import User

__all__ = ["ApiKey", "Attempt", "Factor", "Session", "StaffPolicy", "User"]
