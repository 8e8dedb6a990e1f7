"""Text from outside (names, errors, log lines, scenario text) made harmless for terminals and Markdown.

HTML needs nothing from here: the template escapes everything itself.
"""

import re
import unicodedata

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|~!&$])")
_AUTOMATIC = re.compile(r"://|(?<=www)\.|@|#", re.IGNORECASE)  # links, mentions and issue numbers of code hosts
_LEADING = re.compile(r"^(?:\d+(?=[.)](?:\s|$))|(?=[-+](?:\s|$))|(?=[-=]+$))")  # lists, rules, underlined headings
_PLAIN = re.compile(r"[\w ./='\":,-]+", re.ASCII)  # nothing of which ends code or a cell
_REPLACEMENT = "\ufffd"


def printable(text: str) -> str:
    """``text`` without control, format and surrogate characters; newlines and tabs stay."""
    if text.isprintable():
        return text  # nearly always, and the data of a figure's paths are long
    return "".join(character if _harmless(character) else _REPLACEMENT for character in text)


def _harmless(character: str) -> bool:
    return character in "\n\t" or not unicodedata.category(character).startswith("C")


def one_line(text: str) -> str:
    """``printable`` with every run of white space as one space."""
    return " ".join(printable(text).split())


def markdown(text: str) -> str:
    """``text`` as one line of literal Markdown: nothing in it is a table border, a list, a link, markup or HTML."""
    literal = _MARKDOWN.sub(r"\\\1", one_line(text))
    literal = _AUTOMATIC.sub(lambda match: "".join(f"&#{ord(character)};" for character in match[0]), literal)
    return _LEADING.sub(r"\g<0>\\", literal)


def markdown_command(text: str) -> str:
    """As ``markdown``, but what a shell would take as it is stands as code: it can be copied without a backslash."""
    line = one_line(text)
    return f"`{line}`" if _PLAIN.fullmatch(line) else markdown(text)


def markdown_code(text: str) -> str:
    """``text`` as a fenced block whose fence is longer than any run of backticks inside."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{printable(text)}\n{fence}"
