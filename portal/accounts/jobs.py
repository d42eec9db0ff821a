"""What takes time: mail to staff. A job gets ids and looks at the row again."""

from uuid import UUID

from portal.accounts.models import User
from portal.kernel import mail


class MailTrouble(Exception):
    """Only that, and of which kind: a mail server's answer may repeat addresses."""


def tell_of_way_back(user_id: UUID) -> None:
    """Owners and officers: a link that sets an owner's password opens in three days, unless somebody stops it."""
    user = User.objects.filter(id=user_id, is_active=True, invited_at__isnull=False).first()
    if user is None:
        return
    told = User.objects.filter(is_active=True, role__in=[User.Role.OWNER, User.Role.OFFICER]).order_by("id")
    try:
        mail.send(
            list(told.values_list("email", flat=True)), "account/mail/way_back", "Somebody may be let in again at {business}",
            opens_at=user.invited_at,
        )  # fmt: skip
    except OSError as error:  # smtplib's exceptions are OSErrors too
        raise MailTrouble(type(error).__name__) from None
