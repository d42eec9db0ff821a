"""What the server itself says to a customer, in their language: a page of the inbox before its script runs or without one, and
what went wrong.

Most of it stands in the books that the page's own script reads (static/js/inbox/words/<language>.js), so that there is one text;
what no script ever says stands here.
"""

import json
import re
from datetime import date
from functools import cache

from babel.dates import format_date
from django.http import HttpRequest
from django.utils.translation import trans_real

from portal.kernel import tongues
from portal.kernel.errors import Kind, Refusal
from portal.web import statics

COOKIE = "__Host-ebb-language"  # set by the page's own script, see words.js
_WORD = re.compile(r"^  \"?([\w-]+)\"?: (\"(?:[^\"\\]|\\.)*\"),$", re.MULTILINE)
_VALUE = re.compile(r"\{(\w+)\}")


def tongue(request: HttpRequest) -> str:
    """What this browser was last told to use, else what it asks for."""
    asked = trans_real.parse_accept_lang_header(request.headers.get("Accept-Language", "").lower())
    tags = [request.COOKIES.get(COOKIE, ""), *(tag.split("-")[0] for tag, _ in asked)]
    return next((tag for tag in tags if tag in tongues.NAMES), tongues.ELSE)


@cache
def book(language: str) -> dict[str, str]:
    text = (statics.HOUSE / "js" / "inbox" / "words" / f"{language}.js").read_text(encoding="utf-8")
    return {key: json.loads(words) for key, words in _WORD.findall(text)} | PLAIN[language]


def say(language: str, key: str, **values: object) -> str:
    """A sentence; a value that is a date is written as that language writes it."""

    def value(found: re.Match[str]) -> str:
        one = values.get(found[1], "")
        words = format_date(one, "long", locale=language) if isinstance(one, date) else str(one)
        return tongues.apart(words, language)

    return _VALUE.sub(value, book(language)[key])


def refused(language: str, refusal: Refusal) -> dict[str, str]:
    """As `pages.words`. What a refusal says beside its kind is English and meant for a program, so a customer is told the
    kind; but for an address where there is no business, or none any more."""
    stem = _OF_CODE.get(refusal.code) or _OF_KIND.get(refusal.kind, "wrong")
    business = refusal.fields.get("business", "")
    return {"title": say(language, f"{stem}_title"), "message": say(language, f"{stem}_text", business=business)}


_OF_CODE = {"unknown_business": "nobody", "business_closed": "closed"}

_OF_KIND = {
    Kind.NOT_FOUND: "absent",
    Kind.GONE: "absent",
    Kind.TOO_MANY: "many",
    Kind.UNAVAILABLE: "away",
}
PLAIN = {
    "en": {
        "script_needed": (
            "This page works with a key in your browser, and that takes JavaScript. "
            "Please switch it on for this address."
        ),
        "script_or_call": "This takes JavaScript. Please switch it on for this address, or call {business}.",
        "absent_title": "There is nothing here",
        "absent_text": "This address leads nowhere, or what stood here is over. Check the link, or go on from your messages.",
        "many_title": "Too many tries",
        "many_text": "Wait a few minutes and try again.",
        "away_title": "Not right now",
        "away_text": "Nothing was lost. Try again in a moment.",
        "wrong_title": "That did not work",
        "wrong_text": "Nothing was changed. Go back, load the page again and try once more.",
        "nobody_title": "Nobody lives at this address",
        "nobody_text": "No business writes under this address. Check the spelling of the link that you were given.",
        "closed_title": "This inbox is closed",
        "closed_text": (
            "{business} has closed its inbox. Nothing can be read or written here any more. Ask {business} "
            "by the ways that you know for what it keeps of you."
        ),
        "go_back": "Back",
        "reference": "Reference",
    },
    "de": {
        "script_needed": (
            "Diese Seite arbeitet mit einem Schlüssel in Ihrem Browser, und das braucht JavaScript. "
            "Bitte erlauben Sie es für diese Adresse."
        ),
        "script_or_call": "Das braucht JavaScript. Bitte erlauben Sie es für diese Adresse, oder rufen Sie {business} an.",
        "absent_title": "Hier ist nichts",
        "absent_text": (
            "Diese Adresse führt nirgendwohin, oder was hier stand, ist vorbei. "
            "Prüfen Sie den Link, oder gehen Sie zu Ihren Nachrichten."
        ),
        "many_title": "Zu viele Versuche",
        "many_text": "Warten Sie ein paar Minuten und versuchen Sie es noch einmal.",
        "away_title": "Gerade nicht",
        "away_text": "Nichts ging verloren. Versuchen Sie es gleich noch einmal.",
        "wrong_title": "Das hat nicht geklappt",
        "wrong_text": "Nichts wurde geändert. Gehen Sie zurück, laden Sie die Seite neu und versuchen Sie es noch einmal.",
        "nobody_title": "Unter dieser Adresse ist niemand",
        "nobody_text": "Kein Unternehmen schreibt unter dieser Adresse. Prüfen Sie, wie der Link geschrieben ist.",
        "closed_title": "Dieses Postfach ist geschlossen",
        "closed_text": (
            "{business} hat sein Postfach geschlossen. Hier kann nichts mehr gelesen oder geschrieben "
            "werden. Was noch über Sie aufbewahrt wird, sagt Ihnen {business} auf den Wegen, die Sie kennen."
        ),
        "go_back": "Zurück",
        "reference": "Kennung",
    },
    "es": {
        "script_needed": (
            "Esta página usa una clave en su navegador, y para eso hace falta JavaScript. Actívelo para esta dirección."
        ),
        "script_or_call": "Para esto hace falta JavaScript. Actívelo para esta dirección o llame a {business}.",
        "absent_title": "Aquí no hay nada",
        "absent_text": (
            "Esta dirección no lleva a ninguna parte, o lo que había aquí terminó. "
            "Compruebe el enlace o vaya a sus mensajes."
        ),
        "many_title": "Demasiados intentos",
        "many_text": "Espere unos minutos e inténtelo de nuevo.",
        "away_title": "Ahora no",
        "away_text": "No se perdió nada. Inténtelo de nuevo en un momento.",
        "wrong_title": "Eso no funcionó",
        "wrong_text": "No se cambió nada. Vuelva atrás, cargue la página otra vez e inténtelo de nuevo.",
        "nobody_title": "Nadie vive en esta dirección",
        "nobody_text": "Ninguna empresa escribe bajo esta dirección. Compruebe cómo está escrito el enlace.",
        "closed_title": "Este buzón está cerrado",
        "closed_text": (
            "{business} ha cerrado su buzón. Aquí ya no se puede leer ni escribir nada. Pregunte a "
            "{business} por las vías que conoce qué conserva de usted."
        ),
        "go_back": "Volver",
        "reference": "Referencia",
    },
    "fr": {
        "script_needed": (
            "Cette page utilise une clé dans votre navigateur, ce qui demande JavaScript. "
            "Activez-le pour cette adresse."
        ),
        "script_or_call": "Cela demande JavaScript. Activez-le pour cette adresse, ou appelez {business}.",
        "absent_title": "Il n’y a rien ici",
        "absent_text": (
            "Cette adresse ne mène nulle part, ou ce qui s’y trouvait est terminé. "
            "Vérifiez le lien, ou allez à vos messages."
        ),
        "many_title": "Trop d’essais",
        "many_text": "Attendez quelques minutes et réessayez.",
        "away_title": "Pas maintenant",
        "away_text": "Rien n’a été perdu. Réessayez dans un instant.",
        "wrong_title": "Cela n’a pas marché",
        "wrong_text": "Rien n’a été modifié. Revenez en arrière, rechargez la page et réessayez.",
        "nobody_title": "Personne n’habite à cette adresse",
        "nobody_text": "Aucune entreprise n’écrit sous cette adresse. Vérifiez l’orthographe du lien.",
        "closed_title": "Cette boîte est fermée",
        "closed_text": (
            "{business} a fermé sa boîte. Plus rien ne peut être lu ni écrit ici. Demandez à {business}, "
            "par les moyens que vous connaissez, ce qui est conservé sur vous."
        ),
        "go_back": "Retour",
        "reference": "Référence",
    },
    "nl": {
        "script_needed": (
            "Deze pagina werkt met een sleutel in uw browser, en daarvoor is JavaScript nodig. "
            "Zet het aan voor dit adres."
        ),
        "script_or_call": "Hiervoor is JavaScript nodig. Zet het aan voor dit adres, of bel {business}.",
        "absent_title": "Hier is niets",
        "absent_text": "Dit adres leidt nergens heen, of wat hier stond is voorbij. Controleer de link, of ga naar uw berichten.",
        "many_title": "Te veel pogingen",
        "many_text": "Wacht een paar minuten en probeer het opnieuw.",
        "away_title": "Nu even niet",
        "away_text": "Er ging niets verloren. Probeer het zo meteen opnieuw.",
        "wrong_title": "Dat lukte niet",
        "wrong_text": "Er is niets veranderd. Ga terug, laad de pagina opnieuw en probeer het nog eens.",
        "nobody_title": "Op dit adres woont niemand",
        "nobody_text": "Geen bedrijf schrijft onder dit adres. Controleer hoe de link geschreven is.",
        "closed_title": "Deze inbox is gesloten",
        "closed_text": (
            "{business} heeft zijn inbox gesloten. Hier kan niets meer gelezen of geschreven worden. Vraag "
            "{business} langs de wegen die u kent wat er van u bewaard wordt."
        ),
        "go_back": "Terug",
        "reference": "Kenmerk",
    },
    "ar": {
        "script_needed": "تعمل هذه الصفحة بمفتاح في متصفحك، ويتطلب ذلك JavaScript. يُرجى تفعيله لهذا العنوان.",
        "script_or_call": "يتطلب هذا JavaScript. يُرجى تفعيله لهذا العنوان أو الاتصال بـ {business}.",
        "absent_title": "لا يوجد شيء هنا",
        "absent_text": "هذا العنوان لا يقود إلى شيء، أو أن ما كان هنا قد انتهى. تحقق من الرابط أو انتقل إلى رسائلك.",
        "many_title": "محاولات كثيرة",
        "many_text": "انتظر بضع دقائق ثم حاول مرة أخرى.",
        "away_title": "ليس الآن",
        "away_text": "لم يضِع شيء. حاول مرة أخرى بعد لحظة.",
        "wrong_title": "لم ينجح ذلك",
        "wrong_text": "لم يتغير شيء. ارجع وأعد تحميل الصفحة وحاول مرة أخرى.",
        "nobody_title": "لا أحد في هذا العنوان",
        "nobody_text": "لا تكتب أي شركة من هذا العنوان. تحقق من كتابة الرابط الذي حصلت عليه.",
        "closed_title": "صندوق الرسائل هذا مغلق",
        "closed_text": (
            "أغلقت {business} صندوق رسائلها. لم يعد بالإمكان قراءة أي شيء أو كتابته هنا. اسأل {business} "
            "بالطرق التي تعرفها عمّا تحتفظ به عنك."
        ),
        "go_back": "رجوع",
        "reference": "المرجع",
    },
}
