"""What reviewers decide and how they tag: the codes, and what a person reads. Pure."""

import re

from archive.rules import naming
from portal.kernel.errors import Refusal

# In the order of the keys 1 to 5.
DECISIONS = {
    "responsive": "Responsive",
    "not_responsive": "Not responsive",
    "privileged": "Privileged",
    "escalate": "Escalate",
    "no_issue": "No issue",
}
ABOUT = {
    "responsive": "It belongs to what was asked for.",
    "not_responsive": "It does not.",
    "privileged": "It does, and is protected: lawyer and client, doctor and patient.",
    "escalate": "Somebody else must look at it.",
    "no_issue": "Looked at; nothing is wrong with it.",
}
LONGEST_TAG, LONGEST_NOTE, LONGEST_NAME = 40, 4000, 120
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def decision(code: str) -> str:
    if code not in DECISIONS:
        raise Refusal("unknown_decision", "Choose one of: " + ", ".join(DECISIONS.values()) + ".", field="decision")
    return code


def tag(text: str) -> str:
    """
    >>> tag(" Fee Complaint ")
    'fee-complaint'
    """
    found = "-".join(text.lower().split())
    if len(found) > LONGEST_TAG or not _SLUG.fullmatch(found):
        raise Refusal(
            "bad_tag", f"A tag is a short code of letters, digits and hyphens, such as fee-complaint; at most {LONGEST_TAG}.",
            field="tag",
        )  # fmt: skip
    return found


def note(text: str) -> str:
    words = text.replace("\r\n", "\n").strip()
    if not words:
        raise Refusal("note_missing", "Write the note first.", field="note")
    if len(words) > LONGEST_NOTE:
        raise Refusal("note_too_long", f"A note has at most {LONGEST_NOTE} characters.", field="note")
    return words


def name(text: str) -> str:
    return naming.name(text, longest=LONGEST_NAME, missing="Give it a name that your colleagues will know it by.")
