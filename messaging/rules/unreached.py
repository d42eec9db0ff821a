"""Why somebody was not reached, as a code and in words. Pure."""

UNWANTED, NOT_SENT, NO_WAY, QUIET, LINK_UNUSED, TOLD, UNSURE, NOT_TOLD, TOO_SHORT = (
    "unwanted", "not_sent", "no_way", "quiet_hours", "link_unused", "told", "unsure", "not_told", "too_short",
)  # fmt: skip
WORDS = {
    UNWANTED: "It was not sent: the customer does not want it, or could not be written to any more.",
    NOT_SENT: "It could not be sent.",
    NO_WAY: "There was no way to tell them: no address that may be used, and no device.",
    QUIET: "Quiet hours held the notice until the message had ended.",
    LINK_UNUSED: "They had been sent a link to their inbox shortly before and did not use it.",
    TOLD: "They were told that there is a message, and did not come.",
    UNSURE: "They may have been told: the provider took the notice and never answered.",
    NOT_TOLD: "The notice could not be delivered.",
    TOO_SHORT: "It ended before a notice could go out.",
}
WAYS = {"phone": "Told by phone", "letter": "Told by letter", "in_person": "Told in person"}
