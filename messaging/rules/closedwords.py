"""What an automatic answer says where the business has written no text of its own. Pure."""

from portal.kernel import tongues

WORDS = {
    "en": "Thank you for your message. We are closed now and will read it when we are open again.",
    "de": "Danke für Ihre Nachricht. Wir haben gerade geschlossen und lesen sie, sobald wir wieder geöffnet haben.",
    "es": "Gracias por su mensaje. Ahora estamos cerrados y lo leeremos cuando volvamos a abrir.",
    "fr": "Merci pour votre message. Nous sommes fermés et le lirons dès que nous serons de nouveau ouverts.",
    "ar": "شكرًا على رسالتك. نحن مغلقون الآن وسنقرؤها عندما نفتح من جديد.",
    "nl": "Dank u voor uw bericht. We zijn nu gesloten en lezen het zodra we weer open zijn.",
}
EMERGENCY = {
    "en": "This is not for emergencies. In an emergency call {number}.",
    "de": "Dies ist nicht für Notfälle. Rufen Sie im Notfall {number} an.",
    "es": "Esto no es para emergencias. En una emergencia llame al {number}.",
    "fr": "Ceci n'est pas pour les urgences. En cas d'urgence, appelez le {number}.",
    "ar": "هذه القناة ليست لحالات الطوارئ. في حالة الطوارئ اتصل بـ {number}.",
    "nl": "Dit is niet voor noodgevallen. Bel in een noodgeval {number}.",
}


def answer(own: str, language: str, emergency_number: str) -> str:
    """`own` is the business's text, in whatever language it wrote it."""
    tongue = tongues.of(language)
    lines = [own or WORDS[tongue]]
    if emergency_number:
        lines.append(EMERGENCY[tongue].replace("{number}", tongues.apart(emergency_number, tongue)))
    return "\n\n".join(lines)
