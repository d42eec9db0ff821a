_NOT_HERE = "Het bericht verdwijnt vanzelf als zijn tijd om is; daarom staat het niet in deze e-mail."
_LINK = (
    "Open uw inbox met deze link. Hij werkt één keer, tot {until}:\n\n{url}\n\n"
    "{sender} vraagt hier nooit om een wachtwoord.\nAls u dit niet verwachtte, hoeft u niets te doen."
)
_INBOX = "Open uw inbox in de browser die u daarvoor gebruikt:\n\n{url}\n\n"

SAYINGS = {
    "arrived": (
        "{sender} heeft een bericht voor u",
        f"{{sender}} heeft een vertrouwelijk bericht voor u.\n\n{_INBOX}{_NOT_HERE}\n",
        "{sender}: u hebt een bericht. {url}",
    ),
    "arrived_link": (
        "{sender} heeft een bericht voor u",
        f"{{sender}} heeft een vertrouwelijk bericht voor u.\n\n{_LINK}\n\n{_NOT_HERE}\n",
        "{sender}: u hebt een bericht. {url}",
    ),
    "reminder": (
        "Een bericht van {sender} verdwijnt binnenkort",
        f"Een vertrouwelijk bericht van {{sender}} is nog ongelezen en verdwijnt binnenkort.\n\n{_INBOX}{_NOT_HERE}\n",
        "{sender}: een ongelezen bericht verdwijnt binnenkort. {url}",
    ),
    "reminder_link": (
        "Een bericht van {sender} verdwijnt binnenkort",
        f"Een vertrouwelijk bericht van {{sender}} is nog ongelezen en verdwijnt binnenkort.\n\n{_LINK}\n\n{_NOT_HERE}\n",
        "{sender}: een ongelezen bericht verdwijnt binnenkort. {url}",
    ),
    "invite": (
        "Uw inbox bij {sender}",
        f"{{sender}} schrijft u in een vertrouwelijke inbox.\n\n{_LINK}\n",
        "{sender}: uw inbox. {url}",
    ),
    "recover": (
        "Weer in uw inbox bij {sender}",
        (
            "Iemand, waarschijnlijk u, vroeg om uw inbox bij {sender} weer te openen.\n\n"
            "Deze link werkt één keer, tot {until}:\n\n{url}\n\n"
            "Was u het niet, dan hoeft u niets te doen: zonder deze link komt niemand binnen.\n"
        ),
        "{sender}: uw link naar de inbox. {url}",
    ),
    "code": (
        "Uw code voor {sender}",
        (
            "Uw code voor {sender} is {code}. Hij geldt 15 minuten.\n\n"
            "Hebt u niet net een link van {sender} geopend, geef deze code dan aan niemand.\n"
        ),
        "{sender}: uw code is {code}. Geldig 15 minuten. Geef hem aan niemand.",
    ),
    "device": (
        "Een nieuw apparaat bij {sender}",
        (
            "Een nieuw apparaat kan nu uw berichten bij {sender} lezen.\n\nWas u dat, dan hoeft u niets te doen.\n"
            "Zo niet, meld het dan meteen aan {sender}, op een manier die u kent. "
            "Het apparaat kan worden vergrendeld of gewist.\n\nUw inbox: {url}\n"
        ),
        "{sender}: een nieuw apparaat leest uw berichten. Niet u? Meld het. {url}",
    ),
    "lost": (
        "Uw verloren apparaat en {sender}",
        (
            "Iemand, waarschijnlijk u, wil bij {sender} een verloren apparaat afsluiten.\n\n"
            "Met deze link vergrendelt, wist of meldt u uw apparaten af. Hij toont geen bericht. "
            "Hij werkt één keer, tot {until}:\n\n{url}\n\n"
            "Was u het niet, dan hoeft u niets te doen. Geef deze link aan niemand.\n"
        ),
        "{sender}: sluit hier een verloren apparaat af. {url}",
    ),
    "ended": (
        "Een apparaat is afgesloten bij {sender}",
        (
            "Een van uw apparaten bij {sender} is zojuist vergrendeld, afgemeld of gewist, vanaf een ander apparaat van u "
            "of via een link naar een van uw adressen.\n\nWas u dat, dan hoeft u niets te doen.\n"
            "Zo niet, meld het dan meteen aan {sender}, op een manier die u kent.\n\nUw inbox: {url}\n"
        ),
        "{sender}: een apparaat van u is afgesloten. Niet u? Meld het. {url}",
    ),
}
