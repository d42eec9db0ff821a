"""The ceremony: a passphrase, a recovery key that is downloaded, and the proof that it was kept.

The recovery key stands in the officer's own page between two steps and in nothing of the server: no session, no table, no
file ever holds it.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.text import slugify
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from archive.flows import birth
from archive.pages import shared
from portal.kernel import clock, tenancy
from portal.kernel.errors import Kind, Refusal
from portal.web import guards, pages

STEPS = ("passphrase", "download", "return", "done")
LONGEST_FILE = 4096


@sensitive_post_parameters("passphrase", "again", "recovery_key", "recovery_text")
@guards.staff("archive.open")
@require_http_methods(["GET", "POST"])
def ceremony(request: HttpRequest) -> HttpResponseBase:
    if birth.is_complete():
        return _page(request, "done", {})
    if request.method == "GET":
        return _page(request, "return" if request.GET.get("step") == "return" else "passphrase", {})
    step = request.POST.get("step", "")
    try:
        return _ACTS.get(step, unknown_step)(request)
    except Refusal as refusal:
        if refusal.kind in {Kind.UNAVAILABLE, Kind.FORBIDDEN}:
            raise
        return _page(request, step if step in STEPS else "passphrase", told(refusal, step), status=422)


def _passphrase(request: HttpRequest) -> HttpResponseBase:
    words = request.POST.get("passphrase", "")
    if words != request.POST.get("again", ""):
        raise Refusal("passphrases_differ", "The two are not the same.", field="again")
    offer = birth.offer(now=clock.now(), passphrase=words, staff_id=request.actor.id)
    return _page(request, "download", {"recovery_text": offer.recovery_text})


def _download(request: HttpRequest) -> HttpResponseBase:
    return as_file(request, _file_name())


def as_file(request: HttpRequest, name: str) -> HttpResponseBase:
    """The page gives the key back to become a file; the server keeps nothing of it."""
    text = request.POST.get("recovery_text", "").replace("\r\n", "\n")[:LONGEST_FILE]
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(text, content_type="text/plain; charset=utf-8", headers=headers)


def _return(request: HttpRequest) -> HttpResponseBase:
    birth.prove(now=clock.now(), recovery_text=given(request))
    return _page(request, "done", {})


def given(request: HttpRequest) -> str:
    upload = request.FILES.get("recovery_file")
    if upload is None:
        return str(request.POST.get("recovery_key", "")).strip() + "\n"
    try:
        return upload.read(LONGEST_FILE).decode("utf-8")
    except UnicodeDecodeError:
        raise Refusal("not_a_recovery_key", "That file is no recovery key.", field="recovery_text") from None


def unknown_step(*_: object) -> HttpResponseBase:
    raise Refusal("unknown_step", "There is no such step. Begin again.")


def told(refusal: Refusal, step: str) -> dict[str, Any]:
    """Whatever is wrong with a recovery key stands at its field."""
    field = "recovery_key" if step == "return" else str(refusal.fields.get("field", ""))
    return {"errors": {field: refusal.message}} if field else {"refusal": pages.words(refusal)}


def _page(request: HttpRequest, step: str, extra: dict[str, Any], status: int = 200) -> HttpResponseBase:
    context = {"step": step, "recovery_file": _file_name(), "minimum": birth.SHORTEST_PASSPHRASE, **extra}
    return shared.draw(request, "archive_ceremony", context, here="Archive key", status=status)


def _file_name() -> str:
    return f"{slugify(tenancy.here().slug)}-recovery-key.txt"


_ACTS = {"passphrase": _passphrase, "download": _download, "return": _return}
