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
    "archive.mirror": "fetch sealed records for a mirror",
    "category.manage": "define categories of messages",
    "settings.view": "see the business's settings",
    "settings.manage": "change the business's settings",
    "staff.manage": "add and remove staff",
    "key.manage": "make and revoke API keys",
}

_AUTHOR = {
    "message.send", "message.view", "message.recall", "message.extend", "customer.view", "customer.manage",
    "customer.invite", "device.view", "device.manage", "conversation.view", "conversation.manage",
}  # fmt: skip
_OFFICER = {"message.view", "customer.view", "device.view", "archive.list", "archive.open", "settings.view"}
_OWNER = set(PERMISSIONS) - {"archive.open"}

MATRIX: dict[str, frozenset[str]] = {
    "owner": frozenset(_OWNER),
    "author": frozenset(_AUTHOR),
    "officer": frozenset(_OFFICER),
}

ABOUT: dict[str, str] = {
    "owner": "Runs the business's account: staff, keys, settings and everything an author does. Cannot open the archive.",
    "author": "Writes to customers and answers them.",
    "officer": "Keeps the archive: lists, opens and proves records. Cannot write to customers.",
}

SCOPES: frozenset[str] = frozenset(PERMISSIONS) - {"archive.open", "staff.manage", "key.manage", "settings.manage"}
