"""Between the password and being signed in: allauth keeps the half-done sign-in in the session, for a quarter of an hour."""

from typing import Any

from allauth.account import internal  # noqa: F401 (first: allauth's stages import it, and it imports them)
from allauth.account.stages import LoginStage, LoginStageController
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.crypto import constant_time_compare

from portal.accounts.queries import factors


class SecondFactor(LoginStage):
    key = "second_factor"
    urlname = "account_second_factor"

    def handle(self) -> tuple[Any, bool]:
        """Whoever has one gives it; who has none is let through, and led to set one up where the business asks for it. So is who
        gave one to a provider that the business trusts with it."""
        has_given = hasattr(self.request, "second_factor")
        if self.login.user is None or has_given or not factors.has_any(self.login.user.pk):
            return None, True
        self.state["by"] = getattr(self.request, "signed_in_by", "password")
        self.state["password"] = self.login.user.get_session_auth_hash()
        return HttpResponseRedirect(reverse(self.urlname)), True


def entered(request: HttpRequest) -> SecondFactor | None:
    """The half-done sign-in of this browser, if it waits for a second factor of somebody whose password is still the one it was
    begun with."""
    stage = LoginStageController.enter(request, SecondFactor.key)
    if stage is None or stage.login.user is None:
        return None
    begun_with = str(stage.state.get("password", ""))
    return stage if constant_time_compare(begun_with, stage.login.user.get_session_auth_hash()) else None
