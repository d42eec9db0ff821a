"""A saying: the subject and the text of an e-mail, and the text message."""

_NOT_HERE = "The message leaves by itself when its time is over, so it is not in this e-mail."
_LINK = (
    "Open your inbox with this link. It works once, until {until}:\n\n{url}\n\n"
    "{sender} will never ask for a password here.\nIf you did not expect this, you need not do anything."
)
_INBOX = "Open your inbox in the browser you use for it:\n\n{url}\n\n"

SAYINGS = {
    "arrived": (
        "{sender} has a message for you",
        f"{{sender}} has a private message for you.\n\n{_INBOX}{_NOT_HERE}\n",
        "{sender}: you have a message. {url}",
    ),
    "arrived_link": (
        "{sender} has a message for you",
        f"{{sender}} has a private message for you.\n\n{_LINK}\n\n{_NOT_HERE}\n",
        "{sender}: you have a message. {url}",
    ),
    "reminder": (
        "A message from {sender} will leave soon",
        f"A private message from {{sender}} is still unread and will leave soon.\n\n{_INBOX}{_NOT_HERE}\n",
        "{sender}: an unread message will leave soon. {url}",
    ),
    "reminder_link": (
        "A message from {sender} will leave soon",
        f"A private message from {{sender}} is still unread and will leave soon.\n\n{_LINK}\n\n{_NOT_HERE}\n",
        "{sender}: an unread message will leave soon. {url}",
    ),
    "invite": (
        "Your inbox at {sender}",
        f"{{sender}} writes to you in a private inbox.\n\n{_LINK}\n",
        "{sender}: your inbox. {url}",
    ),
    "recover": (
        "Let yourself in again at {sender}",
        (
            "Somebody, most likely you, asked to open your inbox at {sender} again.\n\n"
            "This link works once, until {until}:\n\n{url}\n\n"
            "If it was not you, you need not do anything: without this link nobody gets in.\n"
        ),
        "{sender}: your link back in. {url}",
    ),
    "code": (
        "Your code for {sender}",
        (
            "Your code for {sender} is {code}. It lasts 15 minutes.\n\n"
            "If you did not just open a link from {sender}, give this code to nobody.\n"
        ),
        "{sender}: your code is {code}. It lasts 15 minutes. Give it to nobody.",
    ),
    "device": (
        "A new device at {sender}",
        (
            "A new device can now read your messages at {sender}.\n\nIf that was you, you need not do anything.\n"
            "If it was not, tell {sender} at once, in a way you know. They can lock or clear that device.\n\n"
            "Your inbox: {url}\n"
        ),
        "{sender}: a new device reads your messages. Not you? Tell us. {url}",
    ),
    "lost": (
        "Your lost device and {sender}",
        (
            "Somebody, most likely you, asked to end a lost device at {sender}.\n\n"
            "With this link you lock, sign out or wipe your devices. It shows no message. "
            "It works once, until {until}:\n\n{url}\n\n"
            "If it was not you, you need not do anything. Give this link to nobody.\n"
        ),
        "{sender}: end a lost device here. {url}",
    ),
    "ended": (
        "A device was ended at {sender}",
        (
            "One of your devices at {sender} was just locked, signed out or wiped, from another of your devices or by a link "
            "to one of your addresses.\n\nIf that was you, you need not do anything.\n"
            "If it was not, tell {sender} at once, in a way you know.\n\nYour inbox: {url}\n"
        ),
        "{sender}: one of your devices was ended. Not you? Tell us. {url}",
    ),
}
