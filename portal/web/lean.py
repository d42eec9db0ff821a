"""What only people read, taken out of scripts and stylesheets before they are sent: lines that are all comment, empty lines,
indentation. A phone pays for each byte, and whoever writes code shall not have to.

It knows lines and no grammar, and so can hardly be wrong: no string and no pattern (a regular expression) goes over the end of a
line, and every line break between two pieces of code stays. What could be harmed is a template of several lines, and a comment
that begins behind code and ends on a later line; a test reads each of the house's files before and after, token by token, with
somebody else's reader. Only they come here.
"""

import re

_FOR_PEOPLE = re.compile(
    r"""
      ^[ \t]*//.*\n                                 # a line of comment
    | ^[ \t]*/\*(?:[^*]|\*(?!/))*\*/[ \t]*\n?       # one or several lines of it
    | ^[ \t]*\n                                     # an empty line
    | ^[ \t]+                                       # indentation
    """,
    re.MULTILINE | re.VERBOSE,
)


def lean(text: str) -> str:
    """→ the same program, or the same style, in fewer bytes."""
    return _FOR_PEOPLE.sub("", text)
