"""Do notices leave the house? The clock looks at every business as it goes round and leaves one row for `/readyz`, which must not
ask two thousand schemas. A warning only: who does not hear of a message still has it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.core.cache import caches

from messaging.models import Channel, Notice
from messaging.rules import telling
from portal.web.health import Finding

KEY = "notices:health"
KEPT_FOR = 120  # seconds; when no clock goes round, the clock's own check says so
LATE = timedelta(minutes=10)
NAMES = {telling.EMAIL: "E-mail", telling.SMS: "Text messages", telling.PUSH: "Web push"}
WHAT = {
    telling.EMAIL: "see EBB_SMTP_HOST and the mail server's log",
    telling.SMS: "see EBB_SMS_URL and the business's settings",
    telling.PUSH: "see whether this host reaches the browsers' push services",
}


@dataclass
class Round:
    """One round of the clock. `failing` maps a channel to the reasons of the businesses in which it fails; `late` is in seconds."""

    failing: dict[str, list[str]] = field(default_factory=dict)
    late: float = 0.0

    def look(self, now: datetime) -> None:
        """At the business at hand."""
        for kind, why in Channel.objects.filter(failing_since__isnull=False).values_list("kind", "failing_why"):
            self.failing.setdefault(kind, []).append(why)
        oldest = (
            Notice.objects.filter(due_at__lt=now - LATE).order_by("due_at").values_list("due_at", flat=True).first()
        )
        if oldest is not None:
            self.late = max(self.late, (now - oldest).total_seconds())

    def remember(self) -> None:
        """Outside any business."""
        caches["default"].set(KEY, {"failing": self.failing, "late": self.late}, KEPT_FOR)


def find() -> Finding:
    """For `/readyz`; the value is how many seconds the most belated notice waits."""
    seen = caches["default"].get(KEY)
    if seen is None:
        return Finding()
    told = [
        f"{NAMES[kind]}: not going out for {len(why)} of the businesses ({why[0]}); {WHAT[kind]}."
        for kind, why in sorted(seen["failing"].items())
    ]
    if seen["late"]:
        told.append("Notices wait too long: does a worker serve the queue of notices?")
    return Finding("warning" if told else "ok", " ".join(told), seen["late"])
