"""Content-free e-mails to the staff: what they say is a template's, an id at most. Never words, names of customers, reasons."""

from collections.abc import Sequence

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from portal.kernel import tenancy

HEADERS = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}


def send(to: Sequence[str], template: str, subject: str, **context: object) -> None:
    """One e-mail to each address, so that none sees another's. `subject` may name `{business}`. Raises OSError."""
    business = tenancy.here().name
    text = render_to_string(f"{template}.txt", {"business": business, "console": f"{base_url()}/console/", **context})
    for address in to:
        _send(address, subject.format(business=business), text, business)


def send_of_installation(to: str, template: str, subject: str, **context: object) -> None:
    """One that comes from no business. Raises OSError."""
    _send(to, subject, render_to_string(f"{template}.txt", context), "Ebb")


def _send(to: str, subject: str, text: str, who: str) -> None:
    EmailMessage(one_line(subject), text, sender(who), [to], headers=HEADERS).send()


def base_url() -> str:
    """Where this business is reached; its own domain where the place names one."""
    place = tenancy.here()
    return f"{settings.EBB_SCHEME}://{place.host or f'{place.slug}.{settings.EBB_BASE_HOST}'}"


def one_line(text: str) -> str:
    """One line: a business's name must not become a header."""
    return " ".join(text.split())


def sender(business: str) -> str:
    """The From line: whoever writes, at the installation's one address."""
    name = one_line(business).replace('"', "").replace("\\", "")
    return f'"{name}" <{settings.EBB_MAIL_FROM}>'
