_NOT_HERE = "El mensaje desaparece por sí solo cuando termina su tiempo; por eso no está en este correo."
_LINK = (
    "Abra su buzón con este enlace. Sirve una vez, hasta el {until}:\n\n{url}\n\n"
    "{sender} nunca le pedirá aquí una contraseña.\nSi no lo esperaba, no tiene que hacer nada."
)
_INBOX = "Abra su buzón en el navegador que usa para ello:\n\n{url}\n\n"

SAYINGS = {
    "arrived": (
        "{sender} tiene un mensaje para usted",
        f"{{sender}} tiene un mensaje privado para usted.\n\n{_INBOX}{_NOT_HERE}\n",
        "{sender}: tiene un mensaje. {url}",
    ),
    "arrived_link": (
        "{sender} tiene un mensaje para usted",
        f"{{sender}} tiene un mensaje privado para usted.\n\n{_LINK}\n\n{_NOT_HERE}\n",
        "{sender}: tiene un mensaje. {url}",
    ),
    "reminder": (
        "Un mensaje de {sender} desaparecerá pronto",
        f"Un mensaje privado de {{sender}} sigue sin leer y desaparecerá pronto.\n\n{_INBOX}{_NOT_HERE}\n",
        "{sender}: un mensaje sin leer termina pronto. {url}",
    ),
    "reminder_link": (
        "Un mensaje de {sender} desaparecerá pronto",
        f"Un mensaje privado de {{sender}} sigue sin leer y desaparecerá pronto.\n\n{_LINK}\n\n{_NOT_HERE}\n",
        "{sender}: un mensaje sin leer termina pronto. {url}",
    ),
    "invite": (
        "Su buzón en {sender}",
        f"{{sender}} le escribe en un buzón privado.\n\n{_LINK}\n",
        "{sender}: su bandeja de mensajes. {url}",
    ),
    "recover": (
        "Volver a entrar en su buzón de {sender}",
        (
            "Alguien, seguramente usted, pidió abrir de nuevo su buzón en {sender}.\n\n"
            "Este enlace sirve una vez, hasta el {until}:\n\n{url}\n\n"
            "Si no fue usted, no tiene que hacer nada: sin este enlace no entra nadie.\n"
        ),
        "{sender}: su enlace para volver a entrar. {url}",
    ),
    "code": (
        "Su código para {sender}",
        (
            "Su código para {sender} es {code}. Vale 15 minutos.\n\n"
            "Si no acaba de abrir un enlace de {sender}, no dé este código a nadie.\n"
        ),
        "{sender}: su clave es {code}. Vale 15 minutos. No la comparta.",
    ),
    "device": (
        "Un nuevo dispositivo en {sender}",
        (
            "Un nuevo dispositivo puede leer ahora sus mensajes en {sender}.\n\nSi fue usted, no tiene que hacer nada.\n"
            "Si no, avise enseguida a {sender} por una vía que conozca. Pueden bloquear o vaciar ese dispositivo.\n\n"
            "Su buzón: {url}\n"
        ),
        "{sender}: un nuevo dispositivo lee sus mensajes. No es suyo? Avise. {url}",
    ),
    "lost": (
        "Su dispositivo perdido y {sender}",
        (
            "Alguien, probablemente usted, quiere cerrar un dispositivo perdido en {sender}.\n\n"
            "Con este enlace puede bloquear, cerrar o vaciar sus dispositivos. No muestra ningún mensaje. "
            "Vale una vez, hasta {until}:\n\n{url}\n\n"
            "Si no fue usted, no tiene que hacer nada. No dé este enlace a nadie.\n"
        ),
        "{sender}: enlace para su dispositivo perdido. {url}",
    ),
    "ended": (
        "Se cerró un dispositivo en {sender}",
        (
            "Uno de sus dispositivos en {sender} acaba de bloquearse, cerrarse o vaciarse, desde otro de sus dispositivos "
            "o con un enlace a una de sus direcciones.\n\nSi fue usted, no tiene que hacer nada.\n"
            "Si no, avise enseguida a {sender} por una vía que conozca.\n\nSu buzón: {url}\n"
        ),
        "{sender}: uno de sus dispositivos fue cerrado. No fue usted? Avise. {url}",
    ),
}
