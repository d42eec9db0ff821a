"""A member of staff or a program at the doors of this process: Django's client with a business's Host header."""

from typing import Any

from django.test import Client

from portal.kernel import roles
from portal.testing.cast import Cast


def visitor(cast: Cast) -> Client:
    """Nobody in particular. Forgery checks are on, as in life; `post` brings the token along."""
    return Client(HTTP_HOST=cast.host, raise_request_exception=False)


def staff(cast: Cast, role: str) -> Client:
    """Signed in through the sign-in page. A role that is not in the cast joins it."""
    if role in roles.MATRIX:
        cast.join(role)
    client = visitor(cast)
    answer = client.post("/console/sign-in/", {"login": cast.emails[role], "password": cast.password})
    assert answer.status_code == 302, answer.content
    return client


def program(cast: Cast, **headers: Any) -> Client:
    """A key of all scopes."""
    return Client(
        HTTP_HOST=cast.host, HTTP_AUTHORIZATION=f"Bearer {cast.key}", raise_request_exception=False, **headers
    )
