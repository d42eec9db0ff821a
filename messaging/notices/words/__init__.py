"""What notices say, in the inbox's languages. Their only variables: who writes, a link, until when the link works.

A text message fits into one part (160 characters of GSM 03.38) with a usual name and link, so its words use that alphabet only.
"""

from dataclasses import dataclass

from messaging.notices import Outgoing
from messaging.notices.words import de, en, es, fr, nl

# Who writes to somebody who wants no business named.
NOBODY = {"en": "Your inbox", "de": "Ihr Postfach", "es": "Su buzón", "fr": "Votre messagerie", "nl": "Uw postvak"}
LANGUAGES = {"en": en.SAYINGS, "de": de.SAYINGS, "es": es.SAYINGS, "fr": fr.SAYINGS, "nl": nl.SAYINGS}


@dataclass(frozen=True)
class Said:
    subject: str
    mail: str
    text: str


def say(notice: Outgoing) -> Said:
    """In the recipient's language (`de-AT` is German), else in English."""
    sayings = LANGUAGES.get(_spoken(notice.language), en.SAYINGS)
    values = {"sender": notice.sender, "url": notice.url, "until": notice.link_until, "code": notice.code}
    subject, mail, text = sayings[notice.saying]
    return Said(subject.format(**values), mail.format(**values), text.format(**values))


def nobody(language: str) -> str:
    """What stands where the business's name would."""
    return NOBODY.get(_spoken(language), NOBODY["en"])


def _spoken(language: str) -> str:
    return language.split("-", maxsplit=1)[0].lower()
