"""The languages in which this house speaks to customers; staff read English. Pure."""

NAMES = {
    "en": "English", "de": "Deutsch", "es": "Español", "fr": "Français", "nl": "Nederlands", "ar": "العربية",
}  # fmt: skip
ELSE = "en"
RIGHT_TO_LEFT = frozenset({"ar"})
_ISOLATE, _END = "\u2068", "\u2069"  # first strong isolate and its end (UAX 9)


def of(tag: str) -> str:
    """The one that somebody is spoken to in who wants `tag`.

    >>> of("de-AT"), of("AR"), of("pt"), of("")
    ('de', 'ar', 'en', 'en')
    """
    root = tag.partition("-")[0].lower()
    return root if root in NAMES else ELSE


def direction(tongue: str) -> str:
    """As HTML writes it."""
    return "rtl" if tongue in RIGHT_TO_LEFT else "ltr"


def apart(value: str, tongue: str) -> str:
    """A name, an address or a time within a sentence from right to left keeps its own direction and turns nothing around it."""
    return f"{_ISOLATE}{value}{_END}" if tongue in RIGHT_TO_LEFT and value else value
