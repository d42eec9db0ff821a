"""The device's doors over HTTP. Pages hold no content; every answer is `no-store`; GET never reveals, burns or marks
read."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from messaging.flows import attachment as attaching
from messaging.flows import device, download, enrolment, inquiry, message, nonce, receipt
from messaging.pages import proved, sending
from messaging.queries import inbox, kept
from portal.kernel import clock, ids, tongues
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal, not_found
from portal.web import spoken, statics

COOKIE_LIVES_FOR = 400 * 86400  # the longest browsers allow


@require_GET
def shell(request: HttpRequest) -> HttpResponse:
    return page(request, "inbox/inbox.html")


@require_GET
def enrol_page(request: HttpRequest, token: str) -> HttpResponse:
    """The page of a link: looks whether it would work, uses nothing up."""
    now = clock.now()
    usable = token if enrolment.is_open(now=now, token=token) else None
    return page(request, "inbox/enrol.html", token=usable, kept_until=kept.until(now), terms=kept.terms(now).digest)


@require_GET
def kept_page(request: HttpRequest) -> HttpResponse:
    return page(request, "inbox/kept.html", kept=kept.rows(clock.now()))


def recover(request: HttpRequest) -> HttpResponseBase:
    """GET is the page, POST the act."""
    return _recover_page(request) if request.method in {"GET", "HEAD"} else _recover(request)


recover.csrf_exempt = True  # type: ignore[attr-defined]  # `_recover` has the guard, with its reason


@proved.same_origin_post
def enrol(request: HttpRequest) -> HttpResponse:
    body = proved.body_of(request)
    redeemed = enrolment.redeem(
        now=clock.now(), host=proved.host_of(request), secret=proved.text_of(body, "token" if "token" in body else
        "code"), public_key=body.get("public_key"), name=proved.text_of(body, "name", ""), signature=body.get("proof"),
        source=proved.source_of(request), cookie=proved.cookie_of(request), visit=_visit(body),
    )  # fmt: skip
    answer = JsonResponse({"device": str(redeemed.device_id), "customers": redeemed.customers}, status=201)
    if redeemed.cookie:
        # Of a device that is not the customer's own nothing is left when the browser is closed.
        lasts = None if body.get("brief") is True else COOKIE_LIVES_FOR
        answer.set_cookie(proved.COOKIE, redeemed.cookie, max_age=lasts, secure=True, httponly=True, samesite="Strict")
    return answer


def _visit(body: dict[str, object]) -> enrolment.Visit:
    lives_for = enrolment.BRIEF if body.get("brief") is True else None
    return enrolment.Visit(
        body.get("zone"), proved.text_of(body, "accepts", ""), lives_for, proved.text_of(body, "answer", "")
    )


@require_GET
def new_nonce(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"nonce": nonce.issue(now=clock.now(), cookie=proved.cookie_of(request))})


@proved.proved("GET")
def state(request: HttpRequest, actor: Actor) -> HttpResponse:
    return JsonResponse(inbox.state(actor, clock.now(), request.GET.get("cursor")))


@proved.proved("POST")
def reveal(request: HttpRequest, actor: Actor, message_id: UUID) -> HttpResponse:
    receipt.reveal(actor=actor, now=clock.now(), message_id=message_id)
    return JsonResponse({"message": inbox.get_message_for(actor, message_id, clock.now())})


@proved.proved("POST")
def read(request: HttpRequest, actor: Actor, message_id: UUID) -> HttpResponse:
    receipt.read(actor=actor, now=clock.now(), message_id=message_id)
    return JsonResponse({"id": str(message_id)})


@proved.proved("POST")
def extend(request: HttpRequest, actor: Actor, message_id: UUID) -> HttpResponse:
    receipt.extend(actor=actor, now=clock.now(), message_id=message_id)
    return JsonResponse({"message": inbox.get_message_for(actor, message_id, clock.now())})


@proved.proved("GET")
def attachment(request: HttpRequest, actor: Actor, message_id: UUID, file_id: UUID) -> HttpResponseBase:
    return sending.answer(
        request, download.to_device(actor=actor, now=clock.now(), message_id=message_id, file_id=file_id)
    )


@proved.proved("POST")
def upload(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Multipart, one part `file`; the proof is over the whole body, its names and boundaries too."""
    given = request.FILES.getlist("file")
    if len(given) != 1 or len(request.FILES) != 1:
        raise attaching.one_file()
    now = clock.now()
    made = attaching.upload(actor=actor, now=now, name=given[0].name or "", data=given[0].read())
    return JsonResponse(attaching.waiting(actor=actor, now=now, wanted=[made.id])[0], status=201)


@proved.proved("POST")
def write(request: HttpRequest, actor: Actor) -> HttpResponse:
    body = proved.body_of(request)
    customer, reply = ids.parse_uuid(body.get("for")), body.get("in_reply_to")
    if customer is None:
        raise not_found("customer")
    written = message.receive(
        actor=actor, now=clock.now(), customer_id=customer, text=proved.text_of(body, "body"),
        in_reply_to=ids.parse_uuid(reply) if reply else None, attachments=_named(body.get("attachments", [])),
    )  # fmt: skip
    return JsonResponse({"id": str(written)}, status=201)


def _named(listed: object) -> tuple[UUID, ...]:
    """Uploads, by their ids."""
    found = [ids.parse_uuid(one) for one in listed] if isinstance(listed, list) else [None]
    if None in found:
        raise Refusal("malformed_request", "`attachments` is a list of ids.", Kind.MALFORMED, field="attachments")
    return tuple(one for one in found if one is not None)


@proved.proved("POST", covered=True)
def sign_out(request: HttpRequest, actor: Actor) -> HttpResponse:
    device.sign_out(actor=actor, now=clock.now())
    answer = JsonResponse({})
    answer.set_cookie(proved.COOKIE, "", max_age=0, secure=True, httponly=True, samesite="Strict")
    return answer


@require_GET
def service_worker(request: HttpRequest) -> HttpResponse:
    """Served here, not from /static/: a worker may only look after what lies below its own address."""
    answer = HttpResponse(statics.load("js/inbox/sw.js").body, content_type="text/javascript; charset=utf-8")
    answer["Service-Worker-Allowed"] = "/inbox/"
    return answer


@require_GET
def manifest(request: HttpRequest) -> HttpResponse:
    return render(request, "inbox/manifest.webmanifest", content_type="application/manifest+json")


def page(request: HttpRequest, template: str, **context: object) -> HttpResponse:
    """`wished`: the language of its words, see words.js; it is the page's until the script says so more exactly."""
    wished = spoken.tongue(request)
    frame = {"wished": wished, "language": wished, "direction": tongues.direction(wished)}
    return render(request, template, {**frame, "book": f"js/inbox/words/{wished}.js", **context})


def _recover_page(request: HttpRequest) -> HttpResponse:
    now = clock.now()
    return page(request, "inbox/recover.html", terms=kept.terms(now).digest, kept_until=kept.until(now))


@proved.same_origin_post
def _recover(request: HttpRequest) -> HttpResponse:
    """202 and the same words, whoever asks and whatever is known."""
    to = proved.text_of(proved.body_of(request), "to")
    inquiry.ask(now=clock.now(), kind=inquiry.RECOVER, to=to, source=proved.source_of(request))
    return JsonResponse({"state": "accepted"}, status=202)
