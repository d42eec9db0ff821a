"""One-time links: how their secret is kept until it is sent, and where they lead."""

from uuid import UUID

from portal.kernel import keys, mail

CONTEXT = "enrolment.secret"


def seal(enrolment_id: UUID, token: str) -> bytes:
    return keys.seal_field(CONTEXT, enrolment_id, token.encode())


def open_(enrolment_id: UUID, sealed: bytes) -> str:
    return keys.open_field(CONTEXT, enrolment_id, bytes(sealed)).decode()


def url_of(token: str) -> str:
    return f"{mail.base_url()}/inbox/enrol/{token}"


def inbox_url() -> str:
    return f"{mail.base_url()}/inbox/"
