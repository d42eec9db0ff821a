"""From a template and a recipient to the words that are sent. Part of a send: each template is opened once a call."""

from dataclasses import replace
from uuid import UUID

from messaging.queries import customers, templates
from messaging.rules import compose, wording


class Writer:
    """Holds the templates of one call. Drop it with the call."""

    def __init__(self) -> None:
        self._known: dict[UUID, wording.Compiled] = {}

    def write(self, asked: compose.Compose, to: customers.Recipient) -> compose.Compose:
        """With the words of its template, if it has one; a subject and answers that were given stay. Refuses `unknown_template`,
        `missing_value`, `wrong_value`, and what the text then may not be."""
        if asked.template is None:
            return asked
        text = self._known.get(asked.template)
        if text is None:
            text = self._known[asked.template] = templates.compiled(asked.template)
        made = text.render(templates.values_of(to.profile, asked.variables), to.language)
        return replace(
            asked, body=made.body, subject=asked.subject or made.subject, format=text.wording.format,
            answers=asked.answers or made.answers,
        )  # fmt: skip
