"""Notices by web push (RFC 8030): to every device of a customer that asked for it, sealed so that only its browser reads it.

What is inside is the subject line of the e-mail and nothing else: who writes, that there is something. What the push service
sees is an address, a length in whole blocks, how long it matters (TTL) and a topic that it cannot read: pushes of one topic that
still wait there become one. It counts as told when one device's service took it.
"""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

from django.conf import settings

from messaging.notices import (
    AWAY,
    BUSY,
    CREDENTIALS,
    NOT_SET_UP,
    REFUSED,
    UNSUBSCRIBED,
    Answer,
    Became,
    Outgoing,
    Target,
    failed,
    retry,
    sent,
    unsure,
)
from messaging.notices import words as wording
from messaging.rules import pushing
from portal.kernel import clock, wire
from portal.sealing import webpush

LONGEST = 28 * 86400  # seconds that push services keep what they could not deliver
PRESSING = 3600  # what matters for less than this is worth waking a sleeping phone
TOKEN_FOR = timedelta(hours=12)  # RFC 8292: a day at most
GONE = frozenset({404, 410})
OF_DEVICES = frozenset({"device", "ended"})


class Push:
    """`is_one_provider` is False: each browser's maker has a service of its own, and one that fails keeps nobody else waiting."""

    knows_repeats, at_once, is_one_provider = True, 8, False

    def __init__(self, sender: webpush.Sender | None) -> None:
        self.sender = sender

    def send(self, notice: Outgoing) -> Answer:
        if self.sender is None:
            return retry(NOT_SET_UP)
        if not notice.targets:  # each of them was locked, ended or switched off meanwhile
            return failed(UNSUBSCRIBED)
        sender, told = self.sender, _say(notice)
        with ThreadPoolExecutor(len(notice.targets)) as threads:
            answers = list(threads.map(lambda one: _push(sender, one, notice, told), notice.targets))
        return _together(answers)

    def close(self) -> None: ...


def about(notice: Outgoing) -> str:
    """What replaces what, at the service and on the screen: news of messages each other, never news of a device; that one was
    ended does not replace that one was added."""
    return notice.saying if notice.saying in OF_DEVICES else "messages"


def _say(notice: Outgoing) -> bytes:
    """→ what the service worker shows (static/js/inbox/sw.js)."""
    told = {"v": 1, "title": wording.say(notice).subject, "about": about(notice)}
    return json.dumps(told, ensure_ascii=False).encode()


def _push(sender: webpush.Sender, target: Target, notice: Outgoing, told: bytes) -> Answer:
    if not pushing.is_known(target.endpoint, settings.EBB_PUSH_SERVICES):  # the operator took it from the list
        return failed(REFUSED)
    try:
        reply = wire.post(
            target.endpoint, headers=_headers(sender, target, notice), body=webpush.seal(target.browser, told),
            seconds=settings.EBB_PUSH_SECONDS, may_reach=wire.outside_only,
        )  # fmt: skip
    except wire.NotReached:
        return retry(AWAY)
    except wire.Unsure:
        return unsure()
    return _answer(reply, target)


def _headers(sender: webpush.Sender, target: Target, notice: Outgoing) -> dict[str, str]:
    until = int((clock.now() + TOKEN_FOR).timestamp())
    contact = f"mailto:{settings.EBB_MAIL_FROM}"
    return {
        "Authorization": sender.authorization(audience=pushing.origin(target.endpoint), contact=contact, until=until),
        "Content-Type": "application/octet-stream", "Content-Encoding": "aes128gcm",
        "TTL": str(min(notice.left, LONGEST)), "Topic": webpush.topic(target.browser, about(notice)),
        "Urgency": "high" if notice.left < PRESSING else "normal",
    }  # fmt: skip


def _answer(reply: wire.Reply, target: Target) -> Answer:
    if 200 <= reply.status < 300:
        return sent()
    if reply.status in GONE:
        return Answer(Became.FAILED, UNSUBSCRIBED, gone=(target.device,))
    if reply.status in {401, 403}:
        return retry(CREDENTIALS)
    if reply.status in {408, 425, 429} or reply.status >= 500:
        return retry(BUSY, wire.seconds(reply.headers.get("retry-after", "")))
    return failed(REFUSED)


def _together(answers: Sequence[Answer]) -> Answer:
    """Told where one took it; else worth another try while one asked for that, or did not say."""
    best = (Became.SENT, Became.RETRY, Became.AMBIGUOUS, Became.FAILED)
    told = min(answers, key=lambda one: best.index(one.became))
    return replace(told, gone=tuple(device for one in answers for device in one.gone))
