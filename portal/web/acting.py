"""What forms share: one button is one flow, and what a flow refuses stands where it can be mended."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from portal.kernel.errors import Kind, Refusal
from portal.web import pages

# Not about what was typed: told as what they are, never as an error of a field.
_NOT_OF_A_FORM = frozenset({Kind.UNAVAILABLE, Kind.UNAUTHENTICATED, Kind.FORBIDDEN, Kind.NOT_FOUND})


def act(
    request: HttpRequest, back: HttpResponseBase | str, done: str | Callable[[Any], str], flow: Callable[[], object]
) -> HttpResponseBase:  # fmt: skip
    """One flow, then back to the page (an answer, or its name) with a word about what happened, which may depend on what the flow
    returned."""
    try:
        made = flow()
    except Refusal as refusal:
        if refusal.kind in _NOT_OF_A_FORM:
            raise
        pages.tell(request, refusal)
    else:
        messages.success(request, done if isinstance(done, str) else done(made))
    return redirect(back) if isinstance(back, str) else back


def told(refusal: Refusal) -> dict[str, Any]:
    """`errors` for the field it is about, else `refusal` for the top of the form. What is no fault of a form goes on."""
    if refusal.kind in _NOT_OF_A_FORM:
        raise refusal
    field = refusal.fields.get("field")
    return {"errors": {str(field): refusal.message}} if field else {"refusal": pages.words(refusal)}
