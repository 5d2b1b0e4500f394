"""Whether a narrative keeps to what FHIR allows in it (R4, txt-1: basic HTML formatting, nothing that acts), judged without parsing XML."""

import re

_ELEMENTS = """
    a abbr acronym address b big blockquote br caption center cite code col colgroup dd dfn div dl dt em font h1 h2 h3 h4 h5 h6 hr i img kbd li
    ol p pre q s samp small span strike strong sub sup table tbody td tfoot th thead tr tt u ul var
"""
ELEMENTS = frozenset(_ELEMENTS.split())
"""The elements that txt-1 allows."""

_TAG = re.compile(r"""<\s*/?\s*([^\s/>"']*)((?:"[^"]*"|'[^']*'|[^>"'])*+)(>?)""")
_ACTING = re.compile(
    r"""\bon[a-z]+\s*=|(?:href|src)\s*=\s*["']?\s*(?!\#|https?:|mailto:|tel:|data:image/|(?:[\w./?=%\#-]|&amp;)*["'\s>])""", re.IGNORECASE
)
_STYLE = re.compile(r"""style\s*=\s*(?:"[^"]*|'[^']*)(?:url\s*\(|expression|@import|javascript:|&)""", re.IGNORECASE)


def is_safe(div: str) -> bool:
    """True for a ``div`` of formatting elements only: no script, form, frame, object, comment, CDATA, handler or link that is more than an address."""
    if not div.lstrip().startswith("<div"):
        return False
    for match in _TAG.finditer(div):
        name, attributes, end = match.groups()
        if name not in ELEMENTS or not end or _ACTING.search(attributes) or _STYLE.search(attributes):
            return False
    return True
