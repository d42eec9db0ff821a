"""Tags and the business's own fields: what they may be, and the words they are found by. Pure."""

import unicodedata
from collections.abc import Iterable

from messaging.rules import compose
from portal.kernel.errors import Refusal

MOST, TAG_LENGTH, NAME_LENGTH, VALUE_LENGTH = 50, 40, 60, 1000


def tags(given: Iterable[object]) -> list[str]:
    """As written, each once (whatever the case), in order."""
    kept: dict[str, str] = {}
    for one in given:
        if not isinstance(one, str) or not 1 <= len(tag := one.strip()) <= TAG_LENGTH or "," in tag or _is_odd(tag):
            raise Refusal("bad_tag", "A tag is 1 to 40 characters of one line, without a comma.", field="tags")
        kept.setdefault(same(tag), tag)
    if len(kept) > MOST:
        raise Refusal("too_many_tags", "A customer has at most 50 tags.", field="tags")
    return sorted(kept.values(), key=same)


def fields(given: dict[str, object]) -> dict[str, object]:
    """Names with a short text, a number or yes/no; None takes a field away."""
    for name, value in given.items():
        good = isinstance(value, str | int | float | bool) or value is None
        good = good and 1 <= len(name) <= NAME_LENGTH
        if not good or (isinstance(value, str) and len(value) > VALUE_LENGTH):
            raise bad_fields()
        if _is_odd(name) or (isinstance(value, str) and compose.FORBIDDEN.search(value)):
            raise Refusal("bad_text", "That text has characters that cannot be shown.", field="fields")
    return given


def merged(before: dict[str, object], changes: dict[str, object]) -> dict[str, object]:
    after = {name: value for name, value in {**before, **changes}.items() if value is not None}
    if len(after) > MOST:
        raise bad_fields()
    return after


def bad_fields() -> Refusal:
    return Refusal("bad_fields", "Fields are up to 50 names with a short text, number or yes/no.", field="fields")


def same(text: str) -> str:
    """What counts as the same tag or value."""
    return unicodedata.normalize("NFC", text).casefold()


def words(tagged: Iterable[str], fields: dict[str, object]) -> list[str]:
    """What a customer's marks are hashes of."""
    return [tag_word(tag) for tag in tagged] + [field_word(name, value) for name, value in fields.items()]


def tag_word(tag: str) -> str:
    return f"tag:{same(tag)}"


def field_word(name: str, value: object) -> str:
    """A number and its text are the same value, so that a spreadsheet and a program mean the same.

    >>> field_word("plan", "Gold"), field_word("visits", 3.0), field_word("adult", True)
    ('field:plan=gold', 'field:visits=3', 'field:adult=true')
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"field:{name}={same(str(value).strip())}"


def _is_odd(text: str) -> bool:
    return "\n" in text or compose.FORBIDDEN.search(text) is not None
