"""What stands before a surname and is no part of the name: "Chancellor Merkel", "Frau Merkel"."""

from __future__ import annotations

from collections.abc import Collection

from nameparser.config.titles import TITLES

from ..text.folding import normalise
from .given_names import other_forms


def _set(words: str) -> frozenset[str]:
    return frozenset(normalise(words)[0].split())


# Nobody famous is called so for long.
PLAIN_TITLES = _set(
    """mr mrs ms miss mx madam aunt uncle coach frau fräulein herr herrn monsieur madame mme mlle señor señora
    señorita sr sra srta senhor senhora signor signora signorina pan pani paní meneer mevrouw fru fröken herra
    bay bayan пан пані г-н г-жа господин госпожа"""
)
_USUAL = _set(
    """dr doctor prof professor sir lord lady king queen prince princess president senator judge captain
    general actor actress singer author writer director"""
)
# Capitals after a name that are no other name.
AFTER_NAMES = _USUAL | _set("mr mrs ms miss mx madam")
# Titles that nameparser has not.
_OTHERS = _set(
    """chairman chairwoman marshal congressman congresswoman pm mp kanzler kanzlerin bundeskanzler
    bundeskanzlerin bundespräsident präsident präsidentin ministerpräsident presidente presidenta président
    présidente ministre ministro ministra premierminister prezydent premier presidentti statsminister
    cumhurbaşkanı başbakan президент премьер министр профессор академик писатель поэт"""
)
# Of nameparser's, what is a name as often, or stands before things too ("Air Jordan", "Rock Hudson").
_NAMES_TOO = _set(
    """ab abbot bard baron bishop burgess cardinal deacon field forester goodman graf knight lama merchant
    nanny pir printer ra ranger ritter sailor prin timi
    air analytics army ballet baseball bench blues burlesque classical computer credit customs discovery
    division docket family film financial flag flying grand group high information intelligence kingdom
    knowledge law legal literary marketing mathematics me met model mystery national navy opera operating
    personality petty right risk rock royal security soccer social software special staff state states
    strategy tax technical television theater theatre travel uk united us wing her"""
)


def _package_titles() -> frozenset[str]:
    titles: set[str] = set()
    for title in TITLES:
        words = normalise(title)[0].split() if " " not in title and title[0].isalpha() else []
        if len(words) == 1 and len(words[0]) > 1 and not other_forms(words[0]):
            titles.add(words[0])
    return frozenset(titles - _NAMES_TOO)


_TITLES = _package_titles() | _USUAL | PLAIN_TITLES | _OTHERS


def is_title(words: Collection[str]) -> bool:
    """Whether a word, folded, is a title before a name."""
    return not _TITLES.isdisjoint(words)
