_NOT_HERE = "Le message disparaît de lui-même quand son temps est écoulé ; c’est pourquoi il n’est pas dans cet e-mail."
_LINK = (
    "Ouvrez votre boîte avec ce lien. Il sert une fois, jusqu’au {until} :\n\n{url}\n\n"
    "{sender} ne vous demandera jamais de mot de passe ici.\nSi vous n’attendiez rien, vous n’avez rien à faire."
)
_INBOX = "Ouvrez votre boîte dans le navigateur que vous utilisez pour cela :\n\n{url}\n\n"

SAYINGS = {
    "arrived": (
        "{sender} a un message pour vous",
        f"{{sender}} a un message privé pour vous.\n\n{_INBOX}{_NOT_HERE}\n",
        "{sender} : vous avez un message. {url}",
    ),
    "arrived_link": (
        "{sender} a un message pour vous",
        f"{{sender}} a un message privé pour vous.\n\n{_LINK}\n\n{_NOT_HERE}\n",
        "{sender} : vous avez un message. {url}",
    ),
    "reminder": (
        "Un message de {sender} va bientôt disparaître",
        f"Un message privé de {{sender}} n’est pas encore lu et va bientôt disparaître.\n\n{_INBOX}{_NOT_HERE}\n",
        "{sender} : un message non lu expire bientot. {url}",
    ),
    "reminder_link": (
        "Un message de {sender} va bientôt disparaître",
        f"Un message privé de {{sender}} n’est pas encore lu et va bientôt disparaître.\n\n{_LINK}\n\n{_NOT_HERE}\n",
        "{sender} : un message non lu expire bientot. {url}",
    ),
    "invite": (
        "Votre boîte chez {sender}",
        f"{{sender}} vous écrit dans une boîte privée.\n\n{_LINK}\n",
        "{sender} : votre messagerie. {url}",
    ),
    "recover": (
        "Revenir dans votre boîte chez {sender}",
        (
            "Quelqu’un, sans doute vous, a demandé à rouvrir votre boîte chez {sender}.\n\n"
            "Ce lien sert une fois, jusqu’au {until} :\n\n{url}\n\n"
            "Si ce n’était pas vous, vous n’avez rien à faire : sans ce lien, personne n’entre.\n"
        ),
        "{sender} : votre lien pour revenir. {url}",
    ),
    "code": (
        "Votre code pour {sender}",
        (
            "Votre code pour {sender} est {code}. Il est valable 15 minutes.\n\n"
            "Si vous ne venez pas d’ouvrir un lien de {sender}, ne donnez ce code à personne.\n"
        ),
        "{sender}: votre code est {code}. Valable 15 minutes. Ne le donnez à personne.",
    ),
    "device": (
        "Un nouvel appareil chez {sender}",
        (
            "Un nouvel appareil peut maintenant lire vos messages chez {sender}.\n\nSi c’était vous, vous n’avez rien à faire.\n"
            "Sinon, prévenez tout de suite {sender}, par un moyen que vous connaissez. "
            "L’appareil peut être verrouillé ou vidé.\n\nVotre boîte : {url}\n"
        ),
        "{sender} : un nouvel appareil lit vos messages. Pas vous ? Signalez-le. {url}",
    ),
    "lost": (
        "Votre appareil perdu et {sender}",
        (
            "Quelqu’un, sans doute vous, a demandé à couper un appareil perdu chez {sender}.\n\n"
            "Avec ce lien vous verrouillez, déconnectez ou videz vos appareils. Il ne montre aucun message. "
            "Il sert une fois, jusqu’au {until} :\n\n{url}\n\n"
            "Si ce n’était pas vous, vous n’avez rien à faire. Ne donnez ce lien à personne.\n"
        ),
        "{sender} : coupez ici un appareil perdu. {url}",
    ),
    "ended": (
        "Un appareil a été coupé chez {sender}",
        (
            "Un de vos appareils chez {sender} vient d’être verrouillé, déconnecté ou vidé, depuis un autre de vos appareils "
            "ou par un lien vers une de vos adresses.\n\nSi c’était vous, vous n’avez rien à faire.\n"
            "Sinon, prévenez tout de suite {sender}, par un moyen que vous connaissez.\n\nVotre boîte : {url}\n"
        ),
        "{sender} : un de vos appareils a été coupé. Pas vous ? Signalez-le. {url}",
    ),
}
