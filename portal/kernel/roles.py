"""Who may do what: the whole matrix, in one place, in code. API keys carry permissions of this list as their scopes."""

PERMISSIONS: dict[str, str] = {
    "message.send": "write and schedule messages to customers",
    "message.view": "see states and times of messages, never their words",
    "message.read_live": "read the words of a live message one did not write (an entry says so)",
    "message.recall": "take a message back from every device",
    "message.extend": "let a live message live longer",
    "customer.view": "see customers",
    "customer.manage": "add, change and erase customers",
    "customer.invite": "send a customer the link to their inbox",
    "device.view": "see customers' devices",
    "device.manage": "lock, unlock, sign out and wipe devices",
    "conversation.view": "read what customers wrote, and answer",
    "conversation.manage": "assign and close conversations",
    "archive.list": "list entries of the archive and their proofs (codes only)",
    "archive.open": "open sealed records with an unlocked archive",
    "archive.mirror": "fetch sealed records for a mirror, and sign for them",
    "archive.search": "search records by who, when and what kind",
    "archive.review": "review cases, tag and decide, without content",
    "archive.export": "draw exports of the archive",
    "archive.ask": "ask to see one ended record again",
    "case.manage": "open cases, collect and assign records",
    "hold.manage": "place legal holds and ask for their release",
    "retention.manage": "write, simulate and activate retention rules",
    "disposal.manage": "run disposals and review what is due",
    "approval.decide": "approve or refuse what a colleague asked for",
    "category.manage": "define categories of messages",
    "template.manage": "write templates and quick answers",
    "settings.view": "see the business's settings",
    "settings.manage": "change the business's settings",
    "webhook.manage": "send events to programs of the business, and see what became of them",
    "staff.manage": "add and remove staff",
    "key.manage": "make and revoke API keys",
}

_AUTHOR = {
    "message.send", "message.view", "message.recall", "message.extend", "customer.view", "customer.manage",
    "customer.invite", "device.view", "device.manage", "conversation.view", "conversation.manage", "archive.ask",
    "template.manage",
}  # fmt: skip
_REVIEWER = {"message.view", "customer.view", "archive.list", "archive.search", "archive.review"}
_OFFICER = _REVIEWER | {
    "device.view", "archive.open", "archive.export", "case.manage", "hold.manage", "retention.manage",
    "disposal.manage", "approval.decide", "settings.view",
}  # fmt: skip
_OWNER = set(PERMISSIONS) - {"archive.open"}

MATRIX: dict[str, frozenset[str]] = {
    "owner": frozenset(_OWNER),
    "author": frozenset(_AUTHOR),
    "officer": frozenset(_OFFICER),
    "reviewer": frozenset(_REVIEWER),
}

ABOUT: dict[str, str] = {
    "owner": "Runs the business's account: staff, keys, settings and everything an author does. Cannot open the archive.",
    "author": "Writes to customers and answers them.",
    "officer": "Keeps the archive: searches, opens, holds, exports and disposes of records. Cannot write to customers.",
    "reviewer": "Reviews cases by what is known of a record, never by its words.",
}

SCOPES: frozenset[str] = frozenset(PERMISSIONS) - {
    "archive.open", "archive.ask", "archive.review", "approval.decide", "disposal.manage", "staff.manage", "key.manage",
    "settings.manage",
}  # fmt: skip
