_NOT_HERE = "Die Nachricht verschwindet von selbst, wenn ihre Zeit um ist. Darum steht sie nicht in dieser E-Mail."
_LINK = (
    "Öffnen Sie Ihr Postfach mit diesem Link. Er gilt einmal, bis {until}:\n\n{url}\n\n"
    "{sender} wird hier nie nach einem Passwort fragen.\nWenn Sie nichts erwarten, brauchen Sie nichts zu tun."
)
_INBOX = "Öffnen Sie Ihr Postfach in dem Browser, den Sie dafür nutzen:\n\n{url}\n\n"

SAYINGS = {
    "arrived": (
        "{sender} hat eine Nachricht für Sie",
        f"{{sender}} hat eine vertrauliche Nachricht für Sie.\n\n{_INBOX}{_NOT_HERE}\n",
        "{sender}: Sie haben eine Nachricht. {url}",
    ),
    "arrived_link": (
        "{sender} hat eine Nachricht für Sie",
        f"{{sender}} hat eine vertrauliche Nachricht für Sie.\n\n{_LINK}\n\n{_NOT_HERE}\n",
        "{sender}: Sie haben eine Nachricht. {url}",
    ),
    "reminder": (
        "Eine Nachricht von {sender} verschwindet bald",
        f"Eine vertrauliche Nachricht von {{sender}} ist noch ungelesen und verschwindet bald.\n\n{_INBOX}{_NOT_HERE}\n",
        "{sender}: eine ungelesene Nachricht endet bald. {url}",
    ),
    "reminder_link": (
        "Eine Nachricht von {sender} verschwindet bald",
        f"Eine vertrauliche Nachricht von {{sender}} ist noch ungelesen und verschwindet bald.\n\n{_LINK}\n\n{_NOT_HERE}\n",
        "{sender}: eine ungelesene Nachricht endet bald. {url}",
    ),
    "invite": (
        "Ihr Postfach bei {sender}",
        f"{{sender}} schreibt Ihnen in ein vertrauliches Postfach.\n\n{_LINK}\n",
        "{sender}: Ihr Postfach. {url}",
    ),
    "recover": (
        "Wieder in Ihr Postfach bei {sender}",
        (
            "Jemand, wahrscheinlich Sie, möchte Ihr Postfach bei {sender} wieder öffnen.\n\n"
            "Dieser Link gilt einmal, bis {until}:\n\n{url}\n\n"
            "Wenn Sie es nicht waren, brauchen Sie nichts zu tun: Ohne diesen Link kommt niemand hinein.\n"
        ),
        "{sender}: Ihr Link zum Postfach. {url}",
    ),
    "code": (
        "Ihr Code für {sender}",
        (
            "Ihr Code für {sender} ist {code}. Er gilt 15 Minuten.\n\n"
            "Wenn Sie nicht gerade einen Link von {sender} geöffnet haben, geben Sie diesen Code niemandem.\n"
        ),
        "{sender}: Ihr Code ist {code}. Er gilt 15 Minuten. Geben Sie ihn niemandem.",
    ),
    "device": (
        "Ein neues Gerät bei {sender}",
        (
            "Ein neues Gerät kann jetzt Ihre Nachrichten bei {sender} lesen.\n\n"
            "Wenn Sie das waren, brauchen Sie nichts zu tun.\n"
            "Wenn nicht, sagen Sie es {sender} sofort, auf einem Weg, den Sie kennen. "
            "Das Gerät kann gesperrt oder geleert werden.\n\nIhr Postfach: {url}\n"
        ),
        "{sender}: ein neues Gerät liest mit. Nicht Sie? Bitte melden. {url}",
    ),
    "lost": (
        "Ihr verlorenes Gerät und {sender}",
        (
            "Jemand, wahrscheinlich Sie, möchte bei {sender} ein verlorenes Gerät beenden.\n\n"
            "Mit diesem Link sperren, leeren oder beenden Sie Ihre Geräte. Er zeigt keine Nachricht. "
            "Er gilt einmal, bis {until}:\n\n{url}\n\n"
            "Wenn Sie es nicht waren, brauchen Sie nichts zu tun. Geben Sie diesen Link niemandem.\n"
        ),
        "{sender}: hier ein verlorenes Gerät beenden. {url}",
    ),
    "ended": (
        "Ein Gerät wurde beendet bei {sender}",
        (
            "Eines Ihrer Geräte bei {sender} wurde eben gesperrt, abgemeldet oder geleert, von einem anderen Ihrer Geräte "
            "oder über einen Link an eine Ihrer Adressen.\n\nWenn Sie das waren, brauchen Sie nichts zu tun.\n"
            "Wenn nicht, sagen Sie es {sender} sofort, auf einem Weg, den Sie kennen.\n\nIhr Postfach: {url}\n"
        ),
        "{sender}: ein Gerät von Ihnen wurde beendet. Nicht Sie? Bitte melden. {url}",
    ),
}
