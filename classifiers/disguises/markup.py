"""Markup that stands within a name: tags, comments, links, LaTeX commands, chat markers.

What is only punctuation (``**Stephen** _King_``) needs no reading of its own: names are searched
without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .edits import Edit, delete, drop_overlaps
from .plain_words import WORD, plain_words

# Bounded, so that signs which nothing closes take no more than linear time.
_COMMENT = re.compile(r"<!--.{0,400}?-->|<!\[CDATA\[|\]\]>", re.DOTALL)
_TAG = re.compile(
    r"</?(?P<name>[A-Za-z][\w-]{0,40})(?:\s(?:[^<>\"']|\"[^\"]{0,200}\"|'[^']{0,200}'){0,400}|/)?>(?!>)"
)
# Where one of these stands a line ends, or a cell of a table does.
_LINES = frozenset(
    """p div br hr li ul ol dl dt dd h1 h2 h3 h4 h5 h6 tr table thead tbody section article header footer
    blockquote pre main nav aside form option select title body html head""".split()  # noqa: SIM905
)
_CELLS = frozenset(("td", "th", "wbr"))
_BBCODE = re.compile(
    r"\[/?(?:b|i|u|s|url|color|colour|size|quote|code|font|center|left|right|sup|sub|img|spoiler|email)"
    r"(?:=[^\[\]\n]{0,200})?\]",
    re.IGNORECASE,
)
_LINK = re.compile(
    r"\]\((?:[^()\s]|\([^()\s]{0,100}\)){0,400}(?:\s{1,4}[\"'][^\"'\n]{0,200}[\"'])?\)"
    r"|(?<=[^\W\d_])\]\[[^\[\]\n]{0,80}\]|\[\^[\w-]{1,20}\]|(?<=[^\W\d_])\[\d{1,3}\](?=[^\W\d_]| [^\W\d_])"
)
_LATEX = re.compile(
    r"\\(?:text(?:bf|it|sc|tt|rm|sf|sl|up|md|normal|color|sub|superscript|)|math(?:bf|it|rm|sf|tt|bb|cal|frak|scr)"
    r"|emph|underline|uline|mbox|hbox|bfseries|itshape|scshape|ttfamily|boldsymbol|operatorname|bf|it|sc|tt|rm|sf|em"
    r"|sl|Large|LARGE|large|huge|Huge|small|tiny|relax)(?![A-Za-z])\*?(?:\s?\{|\s|(?=\W))"
)
_IN_WORD_BRACES = re.compile(r"(?<=[^\W\d_])(?:\{\}|[{}]|\$|\\[-/,!])(?=[^\W\d_])")
_ROLE = r"(?:user|assistant|system|model|tool|human)"
_CHAT = re.compile(
    rf"(?:\s{{0,4}}(?:<\|[\w ]{{1,40}}\|>(?:{_ROLE}(?=[\n<]))?|</?s>|<(?:bos|eos|pad|unk)>|\[/?INST\]"
    rf"|<</?SYS>>|<(?:start|end)_of_turn>(?:{_ROLE}\n)?|###? ?{_ROLE}:)){{1,8}}\s{{0,4}}",
    re.IGNORECASE,
)
_CHAT_SIGNS = ("<|", "s>", "_of_turn>", "INST]", "SYS>>", "## ", "os>", "unk>", "pad>", "##")
_SCRIPT_COMMENT = re.compile(r"(?<=[^\W\d_])\s?/\*[^*]{0,200}\*/\s?(?=[^\W\d_])")
_WORD_AT_END = re.compile(r"[^\W\d_]{1,40}\Z")


def markup(text: str) -> Iterator[Edit]:
    edits: list[Edit] = []
    if "<" in text and ">" in text:
        edits += map(delete, _COMMENT.finditer(text))
        edits += map(_replace_tag, _TAG.finditer(text))
    if "]" in text:
        edits += map(delete, _BBCODE.finditer(text))
        edits += map(delete, _LINK.finditer(text))
    if "\\" in text:
        edits += map(delete, _LATEX.finditer(text))
    if "}" in text or "\\" in text or "$" in text:
        edits += map(delete, _IN_WORD_BRACES.finditer(text))
    if "/*" in text:
        edits += map(delete, _SCRIPT_COMMENT.finditer(text))
    if any(sign in text for sign in _CHAT_SIGNS):
        edits = [*_markers_in_words(text), *edits]
    yield from drop_overlaps(edits)


def _replace_tag(tag: re.Match[str]) -> Edit:
    name = tag["name"].lower()
    if name in _LINES or name in _CELLS:
        return Edit(*tag.span(), "\n" if name in _LINES else " ")
    return delete(tag)


def _markers_in_words(text: str) -> Iterator[Edit]:
    """Chat markers that cut a word in two.

    Between two messages there are words on either side; before a user's there is seldom no full stop.
    """
    for match in _CHAT.finditer(text):
        before = _WORD_AT_END.search(text, max(0, match.start() - 40), match.start())
        after = WORD.match(text, match.end())
        if before and after:
            words = {before[0].lower(), after[0].lower()}
            if "user" in match[0].lower() or not words <= plain_words():
                yield delete(match)
