"""What the account of messages asks the archive. Parts of statements of another app's, since a million ids do not travel."""

# Whether the message `m` of the statement around it has its entry: the ledger's own word that it was archived (I5).
IS_ARCHIVED = "EXISTS (SELECT 1 FROM archive_entry e WHERE e.message_id = m.id AND e.kind IN ('message.sent', 'message.received'))"
# Entries after one index up to another that must have a message, as (message, day).
MUST_HAVE_MESSAGE = (
    'SELECT e.message_id, (e."time" AT TIME ZONE \'UTC\')::date AS day FROM archive_entry e WHERE e."index" > %s '
    "AND e.\"index\" <= %s AND e.kind IN ('message.sent', 'message.received', 'message.scheduled')"
)
