"""What notices say, in the inbox's languages. Their only variables: who writes, a link, until when the link works.

A text message fits into one part (160 characters of GSM 03.38) with a usual name and link, so its words use that alphabet only.
Arabic is not in it: there a text takes two parts (134 characters of UCS-2), and Latin names stand between Arabic words.
"""

from dataclasses import dataclass

from messaging.notices import Outgoing
from messaging.notices.words import ar, de, en, es, fr, nl
from portal.kernel import tongues

# Who writes to somebody who wants no business named.
NOBODY = {
    "ar": "صندوقك", "de": "Ihr Postfach", "en": "Your inbox", "es": "Su buzón", "fr": "Votre messagerie", "nl": "Uw postvak",
}  # fmt: skip
LANGUAGES = {
    "ar": ar.SAYINGS, "de": de.SAYINGS, "en": en.SAYINGS, "es": es.SAYINGS, "fr": fr.SAYINGS, "nl": nl.SAYINGS,
}  # fmt: skip


@dataclass(frozen=True)
class Said:
    subject: str
    mail: str
    text: str


def say(notice: Outgoing) -> Said:
    """In the recipient's language (`de-AT` is German), else in English."""
    tongue = tongues.of(notice.language)
    values = {"sender": notice.sender, "url": notice.url, "until": notice.link_until, "code": notice.code}
    # A link and a code are copied: nothing stands around them that cannot be seen.
    apart = {name: tongues.apart(values[name], tongue) for name in ("sender", "until")}
    subject, mail, text = LANGUAGES[tongue][notice.saying]
    return Said(subject.format(**values), mail.format(**values | apart), text.format(**values))


def nobody(language: str) -> str:
    """What stands where the business's name would."""
    return NOBODY[tongues.of(language)]
