"""What the archive keeps: sealed, and not to be opened by the portal itself. See `portal.kernel.stores`."""

from portal.kernel.stores import Columns, Store

CANARY = "portal/tests/test_canary.py::test_nothing_plain_is_at_rest_while_it_lives"
RECORD = "archive/tests/test_record.py"
FILE = "archive/tests/test_blob.py::test_after_its_bucket_no_live_key_opens_the_file"

STORES = [
    Store(
        "archive_record.sealed", "words, names and addresses of both sides, as known when it was sent",
        "record key → batch key → HPKE to officers' and recovery key; outer wrap: disposal bucket", "at disposal",
        f"{RECORD}::test_database_and_keyring_together_do_not_open_a_record",
    ),
    Store(
        "archive_record.outer_wrap", "the record's key, wrapped twice", "batch key, then the month's disposal bucket",
        "when the disposal bucket's key is destroyed",
        f"{RECORD}::test_the_disposal_bucket_is_the_month_of_the_end_and_its_key_ends_the_record",
    ),
    Store(
        "archive_record.words", "stems of the record's words, as 64-bit HMACs",
        "the month's index key: in the keyring until the month is over, then HPKE to the recipients",
        "at disposal, or when the customer is erased", f"{RECORD}::test_without_the_months_key_equal_words_differ",
    ),
    Store(
        "archive_blob.sealed", "a file that was attached: once for its messages and for their records",
        "a key of its own, which only what was sealed with it holds",
        "with the last record that names it; unused, after a day; once mirrors hold every such record and their messages are over",
        FILE,
    ),
    Store(
        "archive_blob.wrap", "the key of `entry`, while an upload waits to be used", "wheel key of a bucket minutes ahead",
        "when it is used; after a day; when that bucket's key is destroyed",
        FILE,
    ),
    Store(
        "archive_blob.entry", "name and key of an upload that waits to be used", "the key in `wrap`", "with `wrap`", CANARY,
    ),
    Store(
        "archive_batch.envelope", "batch keys", "HPKE (X-Wing) to officers' and recovery key", "with its last record", CANARY,
    ),
    Store("archive_indexkey.envelope", "a month's index key", "HPKE to the archive recipients", "with the archive", CANARY),
    Store("archive_entry.detail", "free text of entries, lists of ids", "batch key, like a record", "with the archive", CANARY),
    Store(
        "archive_officerkey.locked_private", "an officer's own private key",
        "scrypt(passphrase, or a one-time code for a day) mixed with a keyring secret", "when they leave or change it",
        "portal/sealing/tests/test_passphrase.py::test_unlock_needs_passphrase_secret_and_place",
    ),
    Store(
        "archive_officershare.sealed", "the officers' private key of one generation",
        "HPKE (X-Wing) to an officer's own key, or to the recovery key", "with the officer's key",
        "archive/tests/test_officer.py::test_whoever_left_opens_nothing_that_comes_after",
    ),
    Store(
        "archive_unlock.half", "half of an officer's own private key", "one-time pad: the other half is in a cookie",
        "after fifteen idle minutes", "portal/sealing/tests/test_passphrase.py::test_either_half_alone_is_random",
    ),
    Store(
        "archive_approval.reason", "why an act that needs a second person was asked for", "business key", "with the archive",
        "archive/tests/test_approval.py::test_the_reason_is_sealed_and_in_no_leaf",
    ),
    Store(
        "archive_case.sealed_name", "what a case is called", "business key", "with the archive",
        "archive/tests/test_case.py::test_what_people_write_is_in_no_row_and_no_leaf",
    ),
    Store(
        "archive_supervision.sealed_name", "what a rule of supervision is called", "business key", "with the archive",
        "archive/tests/test_supervision.py::test_the_words_of_a_rule_are_sealed",
    ),
    Store(
        "archive_supervision.sealed_words", "the words that a rule of supervision looks for", "business key",
        "with the archive", "archive/tests/test_supervision.py::test_the_words_of_a_rule_are_sealed",
    ),
    Store(
        "archive_recordtag.tag", "a tag on a record: a short code that people choose", "plain: a label", "with its record",
        "archive/tests/test_case.py::test_a_tag_goes_with_its_record",
    ),
    Store(
        "archive_viewing.reason", "why an author wants to see an ended record", "business key", "with the request: a week",
        "archive/tests/test_viewing.py::test_the_words_are_in_no_leaf_and_no_row",
    ),
    Store(
        "archive_viewing.wrap", "the key of an ended record that was granted for one opening", "the live wheel's bucket",
        "with that opening, or a day after it was granted",
        "archive/tests/test_viewing.py::test_after_the_end_nothing_opens_it_even_from_a_copy",
    ),
    Store(
        "archive_viewing.sealed", "an ended record, granted to one colleague for one opening", "the key in `wrap`",
        "with that opening, or a day after it was granted",
        "archive/tests/test_viewing.py::test_after_the_end_nothing_opens_it_even_from_a_copy",
    ),
    Store(
        "archive_hold.sealed_name", "what officers call a legal hold", "business key", "with the business",
        "archive/tests/test_hold.py::test_name_and_reason_are_sealed",
    ),
    Store(
        "archive_hold.sealed_reason", "why a legal hold was placed", "business key", "with the business",
        "archive/tests/test_hold.py::test_name_and_reason_are_sealed",
    ),
    Store("archive_rule.name", "what the business calls a retention rule", "plain: a label", "with the business", CANARY),
    Store(
        "archive_searchrow.words", "stems of a record's words, as 64-bit HMACs, under an index",
        "the month's index key, as in archive_record.words", "with its record, or when the customer is erased",
        "archive/tests/test_search.py::test_an_erased_customer_is_not_found_by_words",
    ),
    Store(
        "archive_askedsearch.sealed", "a search somebody asked for, or a view of a list: query, reason, name", "business key",
        "after a day, or when a kept one is deleted", "archive/tests/test_asked.py::test_no_row_holds_the_words",
    ),
    Store(
        "archive_export.sealed_query", "what an export selected", "business key", "with the business",
        "archive/tests/test_export.py::test_what_was_asked_is_sealed",
    ),
    Store(
        "archive_export.sealed_reason", "why an export was drawn", "business key", "with the business",
        "archive/tests/test_export.py::test_what_was_asked_is_sealed",
    ),
    Store("archive_mirror.sealed_name", "what the business calls a mirror", "business key", "with the business", CANARY),
    Store(
        "files of EBB_EXPORTS: sealed bundles", "sealed records, as an export selected them",
        "as in the archive: batch key → HPKE to officers' and recovery key; without the disposal layer, as for a mirror",
        "a week after they were drawn", "archive/tests/test_export.py::test_the_file_ends_after_a_week",
        ("archive/flows/drawing.py",),
    ),
    Store(
        "the folder of open_export", "opened records, plain, where the holder of the recovery key wanted them",
        "plain: whoever ran the command holds the key", "when they delete it",
        "archive/export/tests/test_commands.py::test_open_export_opens_what_was_sealed", ("archive/export/opening.py",),
    ),
    Store(
        "memory of web: an open export", "some hundred opened records at a time, batch keys", "memory only",
        "with the request of its officer", "archive/tests/test_export.py::test_an_open_bundle_stands_nowhere",
        ("archive/flows/export.py",),
    ),
    Store(
        "a backup, outside the installation: database.dump", "every row of the database, as it stands there",
        "as in the database: what is sealed is sealed, what is plain is plain; its live bodies open with no key of the backup",
        "when the backup is removed (`--keep`, `--keep-for`)",
        "portal/tests/test_backup.py::test_no_live_key_and_no_key_in_plain_is_in_it", ("archive/flows/backupfiles.py",),
    ),
    Store(
        "a backup, outside the installation: rings/", "the keys of each business, without those of live buckets",
        "HPKE (X-Wing) to the installation's backup key and the business's recovery key", "when the backup is removed",
        "portal/tests/test_backup.py::test_no_live_key_and_no_key_in_plain_is_in_it", ("archive/flows/backup.py",),
    ),
    Store(
        "archive_keeper.sealed_address", "who outside gets the checkpoints", "business key", "when it is removed",
        "archive/tests/test_keeper.py::test_the_address_is_sealed",
    ),
    Store(
        "e-mail to keepers of checkpoints", "the business's name and a signed note: a name, a number, a hash", "as mail is",
        "with whoever keeps it", "archive/tests/test_keeper.py::test_the_newest_checkpoint_goes_out_once_a_day",
        ("archive/jobs.py",),
    ),
    Store(
        "the file of the backup key", "the key that opens the rings of every backup", "nothing: the operator takes it offline",
        "when the operator destroys it", "portal/tests/test_backup.py::test_another_key_a_changed_byte_and_a_dump_of_another",
        ("archive/management/commands/backup.py",),
    ),
    Store(
        "memory of web and workers: batch keys", "the key of the batch that is being filled", "memory only",
        "when it is full or a minute old", f"{RECORD}::test_the_batch_key_is_forgotten_after_its_minute",
        ("archive/flows/batch.py",),
    ),
    Store(
        "memory of web and workers: hashes of words", "HMACs of words under the month's index key, by a keyed hash of the word",
        "memory only", "with the process, or when the month's key goes", CANARY, ("archive/flows/wordindex.py",),
    ),
]  # fmt: skip
CODES: Columns = {
    "archive_blob": {"type", "author", "sha256"},
    "archive_askedsearch": {"of"},
    "archive_approval": {"kind", "codes", "state", "asked_by", "decided_by", "failure"},
    "archive_entry": {"kind", "actor", "leaf"},
    "archive_tile": {"hashes"},
    "archive_epoch": {"origin", "vkey"},
    "archive_checkpoint": {"root", "note"},
    "archive_recipient": {"kind", "public"},
    "archive_officerkey": {"public", "given_by"},
    "archive_viewing": {"granted_by"},
    "archive_unlock": {"session_digest"},
    "archive_batch": {"sha256"},
    "archive_record": {"kind", "category", "purpose", "rule", "direction", "disposal_bucket", "index_month", "blobs"},
    "archive_indexkey": {"month"},
    "archive_export": {"state", "by", "asked_by", "sha256", "missing", "failure"},
    "archive_mirror": {"vkey", "last_sha256", "waiting"},
    "archive_searchrow": {"kind", "direction", "category", "index_month"},
    "archive_searchday": {"kind", "direction", "category"},
    "archive_case": {"state", "opened_by", "closed_by"},
    "archive_caseitem": {"kind", "direction", "category", "matched", "decision", "decided_by"},
    "archive_collection": {"query", "state", "asked_by"},
    "archive_recordtag": {"added_by"},
    "archive_supervision": {"code", "seed", "created_by", "retired_by"},
    "archive_supervisiongap": {"month"},
    "archive_hold": {"query", "state", "placed_by"},
    "archive_bucket": {"month", "state", "rules"},
    "archive_disposalrun": {"state", "stopped_by", "asked_by", "bucket"},
    "archive_review": {"rule", "month", "approved_by"},
    "archive_certificate": {"month", "note"},
    "archive_rule": {
        "code",
        "category",
        "kind",
        "purpose",
        "keep_for",
        "event",
        "action",
        "state",
        "created_by",
        "activated_by",
        "locked_by",
        "retired_by",
    },
}
BARE = {
    "archive/export/letter.py": "headers of codes, a thousand of them: which header a code makes",
    "archive/flows/restore.py": "functions that take part in a restore",
    "archive/rules/acts.py": "which acts need a second person, by code",
    "archive/flows/ledger.py": "the parsed forms of entry kinds",
    "archive/flows/listing.py": "who looked at which list lately, as ids",
    "archive/rules/campaigns.py": "who knows which runs a campaign has",
    "archive/rules/events.py": "who knows which event, by its name",
    "archive/queries/predicate.py": "functions that say what a term of a query means, and who may ask with it",
    "archive/queries/rules.py": "the retention rules of each business, for three seconds",
}
