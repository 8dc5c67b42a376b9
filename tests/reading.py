"""A page as a browser takes it apart: elements, texts, and every address in it."""

from html.parser import HTMLParser

VOID = {"meta", "img", "input", "br", "path", "use"}
ADDRESSES = ("src", "href", "xlink:href", "srcset", "action", "formaction", "poster", "data", "background", "srcdoc")


class Page(HTMLParser):
    """``elements`` in their order, ``texts`` outside of style and script, ``unclosed`` what was never ended."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.styles: list[str] = []
        self.wrong: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        self.wrong += self._open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if len(dict(attrs)) < len(attrs):
            self.wrong.append(f"{tag} has an attribute twice")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self._open or self._open.pop() != tag:
            self.wrong.append(f"{tag} is ended where it was not begun")

    def handle_data(self, data):
        if self._open and self._open[-1] in ("style", "script"):
            self.styles.append(data)
        elif data.strip():
            self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of each element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        """All that is read on it."""
        return " ".join(self.texts)

    @property
    def addresses(self) -> list[str]:
        """Whatever could make a browser fetch or go."""
        return [value or "" for _, given in self.elements for name, value in given.items() if name in ADDRESSES]
