"""One-time links: how their secret is kept until it is sent, and where they lead."""

from uuid import UUID

from portal.kernel import keys, mail

CONTEXT = "enrolment.secret"
CODE = "factor.code"


def seal(enrolment_id: UUID, token: str) -> bytes:
    return keys.seal_field(CONTEXT, enrolment_id, token.encode())


def open_(enrolment_id: UUID, sealed: bytes) -> str:
    return keys.open_field(CONTEXT, enrolment_id, bytes(sealed)).decode()


def url_of(token: str) -> str:
    return f"{mail.base_url()}/inbox/enrol/{token}"


def inbox_url() -> str:
    return f"{mail.base_url()}/inbox/"


def seal_code(code_id: UUID, code: str) -> bytes:
    """A code that is asked for beside a link, until it was sent."""
    return keys.seal_field(CODE, code_id, code.encode())


def open_code(code_id: UUID, sealed: bytes) -> str:
    return keys.open_field(CODE, code_id, bytes(sealed)).decode()
