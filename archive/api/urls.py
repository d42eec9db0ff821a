"""Under /api/v1/archive/."""

from django.urls import path, register_converter

from archive.api import entries, log, receipts


class Index:
    """An index of the ledger: what PostgreSQL's bigint holds, nothing longer."""

    regex = "[0-9]{1,18}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


register_converter(Index, "entry_index")

urlpatterns = [
    path("checkpoint", log.Checkpoint.as_view()),
    path("key", log.Key.as_view()),
    path("entries", entries.Entries.as_view()),
    path("entries/<entry_index:index>", entries.OneEntry.as_view()),
    path("entries/<entry_index:index>/proof", log.Proof.as_view()),
    path("entries/<entry_index:index>/sealed", entries.Sealed.as_view()),
    path("entries/<entry_index:index>/disposed", entries.Disposed.as_view()),
    path("blobs/<uuid:file_id>", entries.File.as_view()),
    path("receipts", receipts.Receipts.as_view()),
    path("tile/<path:path>", log.Tile.as_view()),
]
