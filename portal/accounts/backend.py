"""Who is signed in: with their row, in the same query, come what the business asks of them and what they have."""

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.db.models import Exists, OuterRef, QuerySet

from portal.accounts.models import Factor, StaffPolicy, User


class Backend(AuthenticationBackend):
    def get_user(self, user_id: Any) -> User | None:
        return people().filter(pk=user_id).first()


def people() -> QuerySet[User]:
    """`asks_factor`: the policy wants a second one; `has_factor`: they have one (recovery codes alone are none);
    `trusts_provider`: one that the business's own provider asked for counts."""
    own = Factor.objects.filter(user=OuterRef("pk"), confirmed_at__isnull=False).exclude(kind=Factor.Kind.RECOVERY)
    asked = StaffPolicy.objects.filter(second_factor=True)
    trusted = StaffPolicy.objects.filter(trusts_provider=True).exclude(provider_use=StaffPolicy.Use.OFF)
    return User.objects.filter(is_active=True).annotate(
        asks_factor=Exists(asked), has_factor=Exists(own), trusts_provider=Exists(trusted)
    )
