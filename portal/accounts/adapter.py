"""How allauth treats staff: nobody signs themselves up, every try is counted, every sign-in is an entry first."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest, HttpResponse

from portal.accounts import known
from portal.accounts.flows import attempt, session
from portal.accounts.flows import signon as flow
from portal.accounts.queries import signon
from portal.accounts.rules import browsers
from portal.kernel import clock, unit
from portal.kernel.errors import Refusal
from portal.web import guards


class StaffAdapter(DefaultAccountAdapter):
    """allauth checks the password (in constant time for people who do not exist); the rest is ours."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """No toast for what the page itself shows."""

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Our counter instead of allauth's: a row and an atomic statement, where allauth's cache may be raced."""
        try:
            attempt.take(**_tried(request, credentials), now=clock.now())
        except Refusal:
            raise self.validation_error("too_many_login_attempts") from None

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        """Somebody who left looks like somebody who never was; so does, at this door, who has to come by the provider."""
        user = super().authenticate(request, **credentials)
        if user is not None and not user.is_active:
            self.authentication_failed(request, **credentials)
            return None
        if user is not None and signon.is_shut_out(user):
            flow.password_refused(staff_id=user.pk)
            return None
        if user is not None:
            attempt.forgive(**_tried(request, credentials))
        return user

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        session.failed(email=credentials.get("email", ""), now=clock.now())

    def get_login_stages(self) -> list[str]:
        """Of allauth's stages none is ours: nobody confirms an address here, and its second factors are not used (decision 15)."""
        return ["portal.accounts.stages.SecondFactor"]

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        by, factor = getattr(request, "signed_in_by", "password"), getattr(request, "second_factor", "")
        actor, now = session.actor_of(user), clock.now()
        session.signed_in(actor=actor, now=now, by=by, factor=factor)
        super().login(request, user)
        guards.proved(request, factor)
        request.session.save()
        key, browser = request.session.session_key or "", request.META.get("HTTP_USER_AGENT", "")
        session.begin(actor=actor, now=now, key=key, address=_address(request), browser=browsers.code_of(browser))

    def post_login(self, request: HttpRequest, user: AbstractBaseUser, **more: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **more)
        known.remember(request, response, user.get_username())
        return response

    def logout(self, request: HttpRequest) -> None:
        key = request.session.session_key or ""
        with unit.work():  # in one commit: whoever hears of its entry finds the session gone
            session.signed_out(actor=session.actor_of(request.user), now=clock.now(), session_key=key)
            super().logout(request)


def _tried(request: HttpRequest, credentials: dict[str, Any]) -> dict[str, str]:
    email = credentials.get("email", "")
    return {"email": email, "address": _address(request), "browser": known.browser_of(request, email)}


def _address(request: HttpRequest) -> str:
    """As the server in front reports it (uvicorn's proxy settings): no header that the caller chose is believed."""
    return str(request.META.get("REMOTE_ADDR", ""))
