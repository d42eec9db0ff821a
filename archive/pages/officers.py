"""The officers' keys: who has one, giving and taking, one's own passphrase, a new generation.

Passphrases, codes and the recovery key are in these requests and in nothing that is kept; a code stands in the giving
officer's page once.
"""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from archive.flows import officer as flow
from archive.flows import shares
from archive.pages import ceremony, shared
from archive.queries import officers
from portal.kernel import clock
from portal.kernel.errors import Refusal
from portal.web import acting, guards, names

KEYS = "console:archive_keys"


@guards.staff("archive.list")
@require_safe
def listing(request: HttpRequest) -> HttpResponseBase:
    return _listing(request, {})


@guards.staff("archive.open")
@require_POST
def give(request: HttpRequest, staff_id: UUID) -> HttpResponseBase:
    """The answer is the page with the code, once: it is not in the address, and not there again."""
    try:
        given = flow.give(
            actor=request.actor, now=clock.now(), staff_id=staff_id,
            session_key=request.session.session_key or "", half=request.COOKIES.get(shared.COOKIE, ""),
        )  # fmt: skip
    except Refusal as refusal:
        if refusal.code == "archive_locked":
            return HttpResponseRedirect(f"{reverse('console:archive_unlock')}?next={reverse(KEYS)}")
        acting.told(refusal)
        messages.error(request, refusal.message)
        return HttpResponseRedirect(reverse(KEYS))
    return _listing(request, {"given": given, "given_to": staff_id})


@guards.staff("archive.list")
@require_POST
def remove(request: HttpRequest, staff_id: UUID) -> HttpResponseBase:
    return acting.act(request, KEYS, "Taken away. What is sent from now on is sealed to a new key.", lambda: (
        flow.remove(actor=request.actor, now=clock.now(), staff_id=staff_id)
    ))  # fmt: skip


@guards.staff("archive.list")
@require_POST
def rotate(request: HttpRequest) -> HttpResponseBase:
    return acting.act(request, KEYS, "A new key is in force. Every officer keeps their passphrase.", lambda: (
        flow.rotate(actor=request.actor, now=clock.now())
    ))  # fmt: skip


@sensitive_post_parameters("code", "passphrase", "again")
@guards.staff("archive.open")
@require_http_methods(["GET", "POST"])
def take_up(request: HttpRequest) -> HttpResponseBase:
    return _form(request, "take_up", "Your key is ready. Open the archive with your passphrase.", lambda words: (
        flow.take_up(actor=request.actor, now=clock.now(), code=request.POST.get("code", ""), passphrase=words)
    ))  # fmt: skip


@sensitive_post_parameters("passphrase", "old", "again")
@guards.staff("archive.open")
@require_http_methods(["GET", "POST"])
def change(request: HttpRequest) -> HttpResponseBase:
    return _form(request, "change", "Your passphrase is changed. Open the archive with the new one.", lambda words: (
        flow.change(actor=request.actor, now=clock.now(), passphrase=request.POST.get("old", ""), new=words)
    ))  # fmt: skip


@sensitive_post_parameters("recovery_key", "passphrase", "again")
@guards.staff("archive.open")
@require_http_methods(["GET", "POST"])
def recover(request: HttpRequest) -> HttpResponseBase:
    return _form(request, "recover", "You have a key again. Open the archive with your passphrase.", lambda words: (
        flow.recover(
            actor=request.actor, now=clock.now(), recovery_text=ceremony.given(request), passphrase=words
        )
    ))  # fmt: skip


def _form(request: HttpRequest, kind: str, done: str, act: Any) -> HttpResponseBase:
    """A form that sets a passphrase, typed twice."""
    context: dict[str, Any] = {
        "kind": kind,
        "minimum": shares.SHORTEST_PASSPHRASE,
        "state": officers.state_of(request.actor),
    }
    if request.method == "GET":
        return shared.draw(request, "archive_key_form", context, here="Your key", under="Keys")
    words = request.POST.get("passphrase", "")
    try:
        if words != request.POST.get("again", ""):
            raise Refusal("passphrases_differ", "The two are not the same.", field="again")
        act(words)
    except Refusal as refusal:
        told = acting.told(refusal)
        if kind == "change" and "passphrase" in told.get("errors", {}) and refusal.code == "wrong_passphrase":
            told = {"errors": {"old": refusal.message}}
        return shared.draw(request, "archive_key_form", {**context, **told}, here="Your key", under="Keys", status=422)
    messages.success(request, done)
    return HttpResponseRedirect(reverse("console:archive_unlock") + f"?next={reverse(KEYS)}")


def _listing(request: HttpRequest, extra: dict[str, Any]) -> HttpResponseBase:
    listed = officers.get_list_for(request.actor)
    who = names.actors({one.given_by for one in listed if one.given_by not in {"", "system"}})
    holding = sum(one.state == "has" for one in listed)
    may_take = request.actor.may("business.govern")
    context = {
        "officers": [
            {"id": one.staff_id, "name": one.name, "state": one.state, "since": one.since, "changed_at": one.changed_at,
             "ends_at": one.ends_at, "given_by": who.get(one.given_by, ""), "is_self": one.staff_id == request.actor.id,
             "can_take": (may_take or one.staff_id == request.actor.id) and one.state != "none"
             and not (one.state == "has" and holding == 1)}
            for one in listed
        ],
        "own": officers.state_of(request.actor) if request.actor.may("archive.open") else "",
        "generations": officers.generations(), "recovery": officers.recovery(),
        "unlock": shared.lock_of(request, clock.now()),
        "can_rotate": may_take or request.actor.may("archive.open"), **extra,
    }  # fmt: skip
    return shared.draw(request, "archive_keys", context, here="Keys")
