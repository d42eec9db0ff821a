"""A business's accent, made readable: 4.5 to 1 against paper in both themes (WCAG 2.2, 1.4.3). Pure."""

import re

Colour = tuple[int, int, int]

WANTED = 4.5
PAPER: Colour = (255, 255, 255)
DARK_PAPER: Colour = (16, 24, 28)
# The names a business may choose, each for light and for dark paper; as in static/css/tokens.css (a test).
NAMED: dict[str, tuple[str, str]] = {
    "": ("#0b6478", "#67c4d8"), "blue": ("#1c5cb0", "#86b6f4"), "indigo": ("#4a4cb8", "#aab0f7"),
    "plum": ("#82357f", "#e0a0dc"), "rust": ("#9a4216", "#f0a983"), "moss": ("#42651f", "#a9cf80"),
    "pine": ("#15694e", "#7accae"), "slate": ("#3d5468", "#a8c0d4"),
}  # fmt: skip
_HEX = re.compile(r"#[0-9a-fA-F]{6}")


def parse(text: str) -> Colour | None:
    if not _HEX.fullmatch(text):
        return None
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def pair(chosen: str) -> tuple[str, str] | None:
    """What is drawn on light and on dark paper for a name or a colour; None for what is neither."""
    if chosen in NAMED:
        return NAMED[chosen]
    found = parse(chosen)
    return (for_light(found), for_dark(found)) if found else None


def for_light(colour: Colour) -> str:
    """Darkened until it can be read on white."""
    return _shift(colour, (0, 0, 0), PAPER)


def for_dark(colour: Colour) -> str:
    """Lightened until it can be read on the dark paper."""
    return _shift(colour, (255, 255, 255), DARK_PAPER)


def written(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def contrast(one: Colour, other: Colour) -> float:
    """WCAG 2.2, "contrast ratio"."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _shift(colour: Colour, towards: Colour, paper: Colour) -> str:
    for step in range(21):
        mixed = _mix(colour, towards, step / 20)
        if contrast(mixed, paper) >= WANTED:
            break
    return written(mixed)


def _mix(colour: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def _luminance(colour: Colour) -> float:
    red, green, blue = (_linear(part / 255) for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
