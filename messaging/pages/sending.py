"""A file of a message as an answer. Pictures may be shown by the browser, a PDF only kept."""

from itertools import chain
from typing import Any

from django.http import HttpResponseBase

from archive.flows import blob
from messaging.flows import download
from messaging.rules import files
from portal.sealing import errors
from portal.web import streams


def answer(request: Any, file: download.File) -> HttpResponseBase:
    """The first piece is drawn before anything is promised: a file that cannot be opened is a refusal, not half an answer."""
    try:
        first = next(file.parts)
    except errors.Unsealable as error:
        raise blob.lost() from error
    return streams.download(
        request, chain([first], file.parts), name=file.name, size=file.size, content_type=file.type,
        is_shown=files.is_picture(file.type),
    )  # fmt: skip
