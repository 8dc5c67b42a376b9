"""HTML in which whatever is not markup already is escaped: what a run says of itself is data, never tags."""

import html
from typing import Any

LONGEST = 400
"""Characters of one text that are shown; of a longer one the middle is left out."""

VOID = ("meta", "img", "input", "br")
"""Elements without an end."""


class Html(str):
    """Text that is markup, and goes into other markup as it is. Only this package makes it."""

    __slots__ = ()


def tag(name: str, /, *children: Any, **attributes: Any) -> Html:
    """Return an element. Its children are joined; those that are no :class:`Html` are escaped, None is left out.

    ``class_`` gives ``class`` and ``data_value`` gives ``data-value``; an attribute that is None or False is left out.
    """
    given = [
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{html.escape(_as_it_is(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    ]
    inner = "" if name in VOID else f"{joined(children)}</{name}>"
    return Html(f"<{name}{''.join(given)}>{inner}")


def _as_it_is(value: Any) -> str:
    """Return an attribute's text: cleaned, unless it is markup, whose line ends and spaces are its own."""
    return value if isinstance(value, Html) else printable(str(value))


def joined(children: Any) -> Html:
    """Return markup, text, or any nesting of lists of them as one piece of markup."""
    if children is None:
        return Html("")
    if isinstance(children, Html):
        return children
    if isinstance(children, list | tuple):
        return Html("".join(joined(child) for child in children))
    return Html(html.escape(printable(str(children))))


def clean(value: Any, limit: int = LONGEST) -> str:
    """Return a value's text on one printable line; of a long one the middle is left out."""
    line = " ".join(str(value).split())
    return printable(line if len(line) <= limit else f"{line[: limit // 2].rstrip()} … {line[-limit // 2 :].lstrip()}")


def printable(text: str) -> str:
    """Return text without what could hide in it: control characters, turned writing, halves of characters.

    A NUL, a bidirectional override or half of a surrogate pair becomes a replacement character, a line end a space.
    """
    return "".join(c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text)
