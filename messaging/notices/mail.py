"""Content-free e-mails. No subject or body of a message, no name of a customer, ever; plain text only."""

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from messaging.flows import enrolment
from portal.kernel import tenancy


def send(to: str, template: str, subject: str, **context: object) -> None:
    """One e-mail to one address. Raises what the mail server said: the job decides whether to try again."""
    business = tenancy.here().name
    text = render_to_string(
        f"messaging/mail/{template}.txt", {"business": business, "url": enrolment.base_url() + "/inbox/", **context}
    )
    EmailMessage(
        _line(subject.format(business=business)), text, _sender(business), [to],
        headers={"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"},
    ).send()  # fmt: skip


def _sender(business: str) -> str:
    name = _line(business).replace('"', "").replace("\\", "")
    return f'"{name}" <{settings.EBB_MAIL_FROM}>'


def _line(text: str) -> str:
    """One line: a business's name must not become a header."""
    return " ".join(text.split())
