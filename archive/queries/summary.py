"""The archive at a glance, for pages. Counts and times only; looking at them is no reading."""

from typing import Any

from archive.models import Checkpoint, Entry, Epoch


def get_summary() -> dict[str, Any]:
    """{size, last_at, checkpoint_at}."""
    last = Entry.objects.order_by("-index").values_list("index", "time").first()
    signed = get_checkpoint()
    return {
        "size": last[0] + 1 if last else 0,
        "last_at": last[1] if last else None,
        "checkpoint_at": signed["at"] if signed else None,
    }


def get_checkpoint() -> dict[str, Any] | None:
    """{size, at, origin} of the newest signed checkpoint."""
    found = Checkpoint.objects.order_by("-epoch", "-size").first()
    if found is None:
        return None
    origin = Epoch.objects.filter(number=found.epoch).values_list("origin", flat=True).first()
    return {"size": found.size, "at": found.signed_at, "origin": origin or ""}
