"""What each recipient of a chunk gets, in the two forms in which it is sealed: the live body, and the record's content.

Both are JSON of which most is the same for all, so what is the same is encoded once and joined with what is a recipient's own. The
bytes are those that `body.encode` and `record.encode` make of the same content (a test compares them): a record says nothing of how
it was sent. Drop it with the chunk.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from archive.flows import alike, record
from messaging.flows import body
from messaging.models import Campaign
from messaging.queries import profiles, templates
from messaging.rules import wording
from portal.kernel import clock, ids, tenancy

_quote: Callable[[Any], str] = json.encoder.encode_basestring  # in C where there is one; every character as it came


@dataclass(frozen=True, slots=True)
class _Text:
    """One text, encoded: the live body; the record up to the message's id, and from there to the recipient's; its words."""

    live: bytes
    head: str
    middle: str
    words: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    live: bytes
    content: bytes
    words: bytes


class Writer:
    """`text` of the campaign, parsed once, and its `files`. `now` is when it is sent."""

    def __init__(
        self, campaign: Campaign, text: wording.Compiled, now: datetime, files: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        self._text, self._files = text, list(files)
        self._is_personal = bool(wording.asked(text.wording))
        self._of_language: dict[str, _Text] = {}
        self._lists: dict[tuple[str, ...], str] = {}
        self._hashed = alike.Words(now)
        self.month = self._hashed.month
        firm = f'{{"by":{_quote(campaign.author)},"name":{_quote(tenancy.here().name)}}}'
        self._about = (
            f',"category":{_quote(campaign.category)},"format":{_quote(text.wording.format)},"from":{firm},"message":"'
        )
        self._sent_at = f'","sent_at":"{clock.text(now)}","subject":'

    def write(self, *, message: bytes, customer: bytes, profile: Mapping[str, object], language: str) -> Letter:
        """Ids by their 16 bytes. Refuses `missing_value`, `wrong_value`, and what the rendered text may not be."""
        text = self._of_language.get(language)
        if text is None:
            text = self._personal(profile, language) if self._is_personal else self._shared(language)
        person = (
            f'{ids.text_of(customer)}","email":{_quote(profile["email"])},"name":{_quote(profile["name"])},'
            f'"phone":{_quote(profile["phone"])},"reference":{_quote(profile["reference"])}}}}}'
        )
        content = f"{text.head}{ids.text_of(message)}{text.middle}{person}"
        return Letter(text.live, content.encode(), text.words)

    def _shared(self, language: str) -> _Text:
        made = self._text.render({}, language)
        text = self._of_language[language] = self._encoded(made)
        return text

    def _personal(self, profile: Mapping[str, object], language: str) -> _Text:
        values = templates.values_of(profiles.Profile(**profile), {})  # type: ignore[arg-type]
        return self._encoded(self._text.render(values, language))

    def _encoded(self, made: wording.Rendered) -> _Text:
        content: body.Content = {"subject": made.subject, "body": made.body, "attachments": self._files}
        if made.answers:
            content["answers"] = list(made.answers)
        return _Text(
            body.encode(content),
            f'{self._listed(made.answers)},"body":{_quote(made.body)}{self._about}',
            f'{self._sent_at}{_quote(made.subject)},"to":{{"customer":"',
            self._hashed.of(content),
        )

    def _listed(self, answers: tuple[str, ...]) -> str:
        """How a record begins: what stands before its body, the same for all of a language."""
        known = self._lists.get(answers)
        if known is None:
            lists: dict[str, object] = {"answers": list(answers)} if answers else {}
            known = self._lists[answers] = record.encode({**lists, "attachments": self._files})[:-1].decode()
        return known
