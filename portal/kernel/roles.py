"""Who may do what: the whole matrix, in one place, in code. API keys carry permissions of this list as their scopes.

Two things hold for it that tests look at: what a role gives to others it has itself, and none that an admin gives decides about
what somebody else asked for. So nobody gains anything by inviting a second self (decision 16).
"""

PERMISSIONS: dict[str, str] = {
    "message.send": "write and schedule messages to customers",
    "message.view": "see states and times of messages, never their words",
    "message.read_live": "read the words of a live message one did not write (an entry says so)",
    "message.recall": "take a message back from every device",
    "message.extend": "let a live message live longer",
    "campaign.view": "see campaigns: whom they are for, when, how far they are",
    "campaign.approve": "read a campaign that waits for a second person, and agree to it or decline",
    "customer.view": "see customers",
    "customer.manage": "add, change and erase customers",
    "customer.invite": "send a customer the link to their inbox",
    "customer.show_link": "see such a link or a code oneself, to hand it over",
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
    "retention.view": "see retention rules and their trials, disposals and certificates",
    "retention.manage": "write, simulate and activate retention rules",
    "disposal.manage": "run disposals and review what is due",
    "approval.decide": "approve or refuse what a colleague asked for",
    "category.manage": "define categories of messages",
    "template.manage": "write templates and quick answers",
    "settings.view": "see the business's settings",
    "settings.manage": "change the business's settings",
    "webhook.manage": "send events to programs of the business, and see what became of them",
    "staff.manage": "invite, remove and let in again authors and support",
    "staff.provision": "bring, change and let go staff, all but owners, for the provider that they sign in by",
    "business.govern": "do so with every role; say what staff need to sign in and from when a second person is asked",
    "key.manage": "make and revoke API keys",
    "business.close": "agree to the closing of the business, and call it off",
}

_SUPPORT = {"message.view", "customer.view", "customer.invite", "device.view", "device.manage"}
_AUTHOR = _SUPPORT | {
    "message.send", "message.recall", "message.extend", "campaign.view", "customer.manage", "customer.show_link",
    "conversation.view", "conversation.manage", "archive.ask", "template.manage",
}  # fmt: skip
_ADMIN = _AUTHOR | {
    "category.manage", "settings.view", "settings.manage", "webhook.manage", "staff.manage", "key.manage",
}  # fmt: skip
_APPROVER = {"campaign.view", "campaign.approve", "approval.decide"}
_AUDITOR = {"archive.list", "retention.view", "settings.view"}
_REVIEWER = {"message.view", "campaign.view", "customer.view", "archive.list", "archive.search", "archive.review"}
_OFFICER = _REVIEWER | {
    "device.view", "archive.open", "archive.export", "case.manage", "hold.manage", "retention.view", "retention.manage",
    "disposal.manage", "approval.decide", "settings.view",
    "business.close",
}  # fmt: skip
_OWNER = set(PERMISSIONS) - {"archive.open"}

MATRIX: dict[str, frozenset[str]] = {
    "owner": frozenset(_OWNER),
    "admin": frozenset(_ADMIN),
    "author": frozenset(_AUTHOR),
    "approver": frozenset(_APPROVER),
    "officer": frozenset(_OFFICER),
    "reviewer": frozenset(_REVIEWER),
    "auditor": frozenset(_AUDITOR),
    "support": frozenset(_SUPPORT),
}

ABOUT: dict[str, str] = {
    "owner": "Answers for the business: every role, every setting, everything an author does. Cannot open the archive.",
    "admin": "Sets up: settings, API keys, authors and support, and everything an author does. No archive, no owners.",
    "author": "Writes to customers and answers them.",
    "approver": "Reads what waits to be sent to many, and agrees to it or declines. Writes nothing.",
    "officer": "Keeps the archive: searches, opens, holds, exports and disposes of records. Cannot write to customers.",
    "reviewer": "Reviews cases by what is known of a record, never by its words.",
    "auditor": "Checks that the archive is whole: entries, proofs, rules, certificates. Sees no words, changes nothing.",
    "support": "Helps customers with their devices: sends links, locks, wipes; sees whether messages arrived, never their words.",
}

GIVEN_BY: dict[str, frozenset[str]] = {
    "staff.manage": frozenset({"author", "support"}),
    "staff.provision": frozenset(MATRIX) - {"owner"},
    "business.govern": frozenset(MATRIX),
}


def given_by(permissions: frozenset[str]) -> frozenset[str]:
    """The roles that somebody with these permissions may give, take away and let in again."""
    return frozenset().union(*(given for needed, given in GIVEN_BY.items() if needed in permissions))


SCOPES: frozenset[str] = frozenset(PERMISSIONS) - {
    "archive.open", "archive.ask", "archive.review", "approval.decide", "campaign.approve", "disposal.manage", "staff.manage",
    "business.govern", "key.manage", "settings.manage", "business.close",
}  # fmt: skip
