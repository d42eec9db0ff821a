"""The doors of providers: reports on notices, and texts that people answer with. Exempt from CSRF tokens on purpose: each request
carries a signature by a secret that only the provider and this business have. Nothing they say is logged or kept but its code."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from messaging.flows import report
from messaging.models import Channel
from messaging.rules import hooks, telling
from portal.kernel import clock, ids, mail
from portal.kernel.errors import Kind, Refusal
from portal.web import parsers

BODY_LIMIT = 64 * 1024
# https://www.twilio.com/docs/messaging/api/message-resource#message-status-values and the errors of delivery
ARRIVED, LOST = frozenset({"delivered", "read"}), frozenset({"undelivered", "failed"})
TWILIO_WHY = {"21610": "opted_out", "30003": "bad_number", "30005": "bad_number", "30006": "bad_number"}


def unsigned() -> Refusal:
    return Refusal("bad_signature", "This was not signed by the provider.", Kind.UNAUTHENTICATED)


@csrf_exempt
@require_POST
def email(request: HttpRequest) -> HttpResponse:
    return _ours(request, telling.EMAIL)


@csrf_exempt
@require_POST
def sms(request: HttpRequest) -> HttpResponse:
    return _twilios(request) if settings.EBB_SMS_PROVIDER == "twilio" else _ours(request, telling.SMS)


def _ours(request: HttpRequest, channel: str) -> HttpResponse:
    """{"type": "notice.delivered" | "notice.failed" | "text.received", "notice"?, "reference"?, "reason"?, "from"?, "text"?}"""
    now, row = clock.now(), Channel.objects.filter(kind=channel).first()
    body = _body(request)
    headers = {name.lower(): value for name, value in request.headers.items()}
    if row is None or not hooks.is_signed(secret=row.hook_secret, headers=headers, body=body, now=now):
        raise unsigned()
    told = parsers.loads(body)
    if not isinstance(told, dict) or not all(isinstance(one, str) for one in told.values()):
        raise Refusal("malformed_json", "The body is not a JSON object of texts.", Kind.MALFORMED)
    if told.get("type") == "text.received" and channel == telling.SMS:
        report.text(now=now, phone=told.get("from", ""), words=told.get("text", ""))
    elif told.get("type") in {"notice.delivered", "notice.failed"}:
        failed = (told.get("reason") or "refused") if told["type"] == "notice.failed" else ""
        _take(now, channel, told.get("notice", ""), told.get("reference", ""), failed)
    return JsonResponse({"state": "taken"})


def _twilios(request: HttpRequest) -> HttpResponse:
    row = Channel.objects.filter(kind=telling.SMS).first()
    _body(request)
    fields = {name: str(request.POST[name]) for name in request.POST}
    url, signature = mail.base_url() + request.get_full_path(), request.headers.get("X-Twilio-Signature", "")
    if row is None or not hooks.is_twilios(secret=row.secret, url=url, fields=fields, signature=signature):
        raise unsigned()
    now, status = clock.now(), fields.get("MessageStatus", "")
    if "Body" in fields and not status:
        report.text(now=now, phone=fields.get("From", ""), words=fields["Body"])
        return HttpResponse("<Response></Response>", content_type="text/xml")
    if status in ARRIVED | LOST:
        failed = TWILIO_WHY.get(fields.get("ErrorCode", ""), "refused") if status in LOST else ""
        _take(now, telling.SMS, request.GET.get("notice", ""), fields.get("MessageSid", ""), failed)
    return HttpResponse(status=204)


def _take(now: Any, channel: str, notice: str, reference: str, failed: str) -> None:
    named = ids.parse_uuid(notice)
    report.take(now=now, report=report.Report(channel, named, reference[:80].replace("\x00", ""), failed))


def _body(request: HttpRequest) -> bytes:
    if len(request.body) > BODY_LIMIT:
        raise Refusal("too_large", "That is more than 64 KiB.", Kind.TOO_LARGE)
    return request.body
