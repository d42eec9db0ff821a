"""Notices as e-mails, by any of Django's back ends. Plain text; one connection for all of a round.

The Message-ID is made of the notice's id, so a repeat is the same e-mail and a bounce names it.
"""

import smtplib

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from messaging.notices import (
    AWAY,
    BAD_ADDRESS,
    BUSY,
    CREDENTIALS,
    REFUSED,
    Answer,
    Outgoing,
    failed,
    retry,
    sent,
    unsure,
)
from messaging.notices import words as wording
from portal.kernel import mail


class Mail:
    knows_repeats = True
    at_once = 1
    is_one_provider = True

    def __init__(self) -> None:
        self.connection = get_connection()

    def send(self, notice: Outgoing) -> Answer:
        try:
            self.connection.open()
        except smtplib.SMTPAuthenticationError:
            return retry(CREDENTIALS)
        except (OSError, smtplib.SMTPException):
            return retry(AWAY)
        try:
            self._letter(notice).send()
        except Exception as error:  # noqa: BLE001 - every back end has kinds of its own
            self.close()  # what state that conversation is in nobody knows
            return answer_to(error)
        return sent(message_id(notice))

    def close(self) -> None:
        try:
            self.connection.close()
        except (OSError, smtplib.SMTPException):
            return

    def _letter(self, notice: Outgoing) -> EmailMessage:
        said = wording.say(notice)
        letter = EmailMessage(
            mail.one_line(said.subject), said.mail, mail.sender(notice.sender), [notice.to], connection=self.connection,
            headers={**mail.HEADERS, "Message-ID": f"<{message_id(notice)}>"},
        )  # fmt: skip
        letter.metadata = {"notice": str(notice.id)}  # type: ignore[attr-defined]  # back ends of django-anymail pass it on
        return letter


def message_id(notice: Outgoing) -> str:
    return f"{notice.id}@{settings.EBB_MAIL_FROM.rpartition('@')[2]}"


def answer_to(error: Exception) -> Answer:
    """What a back end raised, as what became of the notice (RFC 5321, 4.2.1: 4xx come back, 5xx do not). Back ends of
    providers raise their own kinds: those with a status are read like it."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code = next((code for code, _ in error.recipients.values()), 550)
        return retry(BUSY) if code < 500 else failed(BAD_ADDRESS)
    if isinstance(error, smtplib.SMTPResponseException):
        return retry(BUSY) if error.smtp_code < 500 else failed(REFUSED)
    if isinstance(error, smtplib.SMTPServerDisconnected | OSError):
        return unsure()
    status = getattr(error, "status_code", None)
    if isinstance(status, int) and 400 <= status < 500:
        return retry(CREDENTIALS if status in {401, 403} else BUSY) if status in {401, 403, 429} else failed(REFUSED)
    return unsure()
