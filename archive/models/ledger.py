"""The ledger's rows. Append-only: nothing here is updated but the right edge of the tree."""

from django.db import models
from django.db.models.functions import Substr


class Head(models.Model):
    """One row, locked by every append and never updated: an updated head decays under long snapshots (measured)."""

    id = models.SmallIntegerField(primary_key=True, default=1)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="a_ledger_has_one_head")]


class Entry(models.Model):
    """One leaf of the ledger and the columns that find it. `customer` is the tie that erasure cuts. Kept for ever."""

    index = models.BigIntegerField(primary_key=True)
    id = models.UUIDField()
    kind = models.CharField(max_length=40)
    time = models.DateTimeField()
    actor = models.CharField(max_length=60)
    subject_id = models.UUIDField(null=True)
    customer_id = models.UUIDField(null=True)
    message_id = models.UUIDField(null=True)
    run_id = models.UUIDField(null=True)
    leaf = models.BinaryField()
    detail = models.BinaryField(null=True)  # sealed free text: batch id, then nonce and text under the batch key

    class Meta:
        indexes = [
            models.Index(fields=["message_id"], condition=models.Q(message_id__isnull=False), name="entry_of_message"),
            models.Index(
                fields=["customer_id", "index"], condition=models.Q(customer_id__isnull=False), name="entry_of_customer"
            ),
            models.Index(fields=["run_id", "index"], condition=models.Q(run_id__isnull=False), name="entry_of_run"),
            # Readers of a rare kind (openings, holds) must not walk millions of sent ones; the common kind stays out.
            models.Index(fields=["kind", "index"], condition=~models.Q(kind="message.sent"), name="entry_of_rare_kind"),
            # The audit page: what people did, without what they sent, which is most.
            models.Index(
                fields=["index"],
                condition=models.Q(actor__startswith="staff:") & ~models.Q(kind="message.sent"),
                name="entry_of_deed",
            ),
            # Which envelopes details still need: the first sixteen bytes of a detail name its batch.
            models.Index(Substr("detail", 1, 16), condition=models.Q(detail__isnull=False), name="entry_detail_under"),
        ]


class Tile(models.Model):
    """A tile of the Merkle tree (c2sp.org/tlog-tiles): up to 256 hashes of 32 bytes. Only the right edge is rewritten."""

    id = models.BigAutoField(primary_key=True)
    level = models.SmallIntegerField()
    n = models.BigIntegerField()
    hashes = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["level", "n"], name="a_tile_stands_once")]


class Epoch(models.Model):
    """A life of the log. A new one begins only by an officer, after a restore the log refused to sign over. Kept."""

    number = models.IntegerField(primary_key=True)
    origin = models.CharField(max_length=120)
    vkey = models.CharField(max_length=200)
    started_at = models.DateTimeField()
    first_index = models.BigIntegerField()


class Checkpoint(models.Model):
    """A signed tree head (c2sp.org/tlog-checkpoint), as it was published. Kept."""

    id = models.BigAutoField(primary_key=True)
    size = models.BigIntegerField(db_index=True)
    epoch = models.IntegerField()
    root = models.BinaryField(max_length=32)
    note = models.TextField()
    signed_at = models.DateTimeField()
    vkey: str  # of its epoch, where it was asked for (`queries.proofs.latest`)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["epoch", "size"], name="an_epoch_signs_one_tree_of_a_size")]
