"""Retention rules that many need, to begin from. What a law asks is for a lawyer to say; these say what they set. Pure."""

from dataclasses import dataclass

from archive.rules import events


@dataclass(frozen=True, slots=True)
class Preset:
    """Fills in the form of a new rule; nothing is stored before it is saved."""

    key: str
    title: str
    why: str
    keep_for: str
    event: str


PRESETS = (
    Preset("sec-17a-4", "SEC 17a-4", "Brokers and dealers: six years from the day a message was sent.", "P6Y", events.SENT),
    Preset("hipaa", "HIPAA", "Health care in the USA: six years from the day a message was sent.", "P6Y", events.SENT),
    Preset("30-days", "30 days", "What nobody needs for long, such as reminders.", "P30D", events.SENT),
    Preset(
        "closed-90", "Until closed + 90 days", "As long as the conversation is open, and 90 days more.", "P90D",
        events.CONVERSATION_CLOSED,
    ),
)  # fmt: skip
