"""A name that is typed before what cannot be undone: nobody does it by mistake. Pure."""

from portal.kernel.errors import Refusal


def check_name(given: str, name: str, *, field: str) -> None:
    if given.strip() != name:
        raise Refusal("name_differs", f"Type the name exactly as it stands here: {name}", field=field)
