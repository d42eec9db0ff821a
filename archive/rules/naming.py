"""What people call a hold, a case, a search that they keep. Pure."""

from portal.kernel.errors import Refusal


def name(text: str, *, longest: int, missing: str) -> str:
    """On one line, its blanks single. `missing` is what is said of an empty one."""
    words = " ".join(text.split())
    if not words:
        raise Refusal("name_missing", missing, field="name")
    if len(words) > longest:
        raise Refusal("name_too_long", f"A name has at most {longest} characters.", field="name")
    return words
