"""Find a part of a listed name (a surname, a first name), where it is not part of a stranger's."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ..text.folding import normalise
from ..text.numerals import another_of_a_series
from ..text.word_cache import MEBIBYTE, WordCache
from ..text.word_frequency import rarity
from .after_names import part_of_another
from .endings import MOST_LETTERS, languages, own_word, stems
from .given_names import other_forms
from .mentions import Mention, Word, words_of
from .surnames import HALF_TELLING, TELLING

MIN_LETTERS = 3
# From this rarity on a part ("Perry" has 1.3, "Kravitz" 2.8) says all that it can beside other evidence.
FULL_RARITY = 3.0
# A work's people are in everybody's mouth: "Hermione" has 1.9.
FULL_CAST_RARITY = 2.0
# What stands for a person alone, whatever else is said: 0.26 times this is over the threshold.
ALONE = 2.4
HALF = (0.4, 1.0)
TOLD = 0.6
# Even a word or everybody's surname ("Short", "Smith") is somebody of whom so much is told at once.
MUCH = 1.4
MUCH_TOLD = 2
# After "Mrs" only the rarest name is somebody whom all know.
FORMAL = 0.6
# Words ask little time of their own, but a name may be listed by many.
MAX_OWNERS = 64
# A shorter surname with an ending is too often another word.
DECLINED_LETTERS = 5
# One that is commoner is a word ("welche" for Welch).
RARE_FORM = 1.0
FORMS_BYTES = 4 * MEBIBYTE


@dataclass(frozen=True, slots=True)
class PartHit:
    """A part of the name of ``target_id`` in ``text[start:end]``.

    ``weight`` is 0 to 1, higher for rarer words; a little more for a surname where a life is told, ``ALONE``
    for one that says by itself who is meant; negative where the words beside it, or a name before in the
    text, make it somebody else's ("Elle Fanning" for Dakota Fanning).
    """

    target_id: str
    start: int
    end: int
    weight: float

    @property
    def stands_alone(self) -> bool:
        """Whether the part alone says who is meant."""
        return self.weight >= ALONE


class _Declined:
    """Which surname, if any, a word is a form of: "Зеленского"."""

    def __init__(self, surnames: Collection[str]) -> None:
        self._stems: dict[str, list[str]] = {}
        for surname in surnames:
            for stem in stems(surname):
                self._stems.setdefault(stem, []).append(surname)
        self.forms = WordCache(self._surname, FORMS_BYTES)

    def _surname(self, word: str) -> str:
        """The surname, "" for none; a word that is known by itself is none."""
        for cut in range(min(len(word), MOST_LETTERS + 1)):
            for surname in self._stems.get(word[: len(word) - cut], ()):
                ending = word == surname + "s" or languages(surname, word) != 0
                known = own_word(word) or rarity(word) < RARE_FORM
                if ending and len(surname) >= DECLINED_LETTERS and not known:
                    return surname
        return ""


class NameParts:
    """The words of all names; time linear in the text."""

    def __init__(
        self,
        names: Iterable[tuple[str, str]],
        cast: Iterable[tuple[str, str]] = (),
        lone: Mapping[tuple[str, str], float] = MappingProxyType({}),
    ) -> None:
        """``names`` are (target id, name) pairs, aliases among them; ``cast`` (target id, word) pairs of who
        recurs in a work, whatever name may stand around; ``lone`` how telling a surname is, by target id and
        word (``surnames.lone_words``)."""
        self.words: dict[str, frozenset[str]] = {}
        self._owners: dict[str, list[str]] = {}
        self._cast = frozenset(cast)
        self._lone = dict(lone)
        self._declined = _Declined({word for (_, word), telling in lone.items() if telling >= TELLING})
        self._short_forms: dict[str, frozenset[str]] = {}
        for target_id, name in (*names, *self._cast):
            words = normalise(name)[0].split()
            self._add(target_id, words)
            known = self._short_forms.get(target_id, frozenset())
            self._short_forms[target_id] = known | (other_forms(words[0]) if words else frozenset())

    @property
    def lone_words(self) -> Iterable[tuple[str, str]]:
        """Target ids, and words of their names that may stand for them alone."""
        return [key for key, telling in self._lone.items() if telling > 0]

    @property
    def declined_words(self) -> Iterable[str]:
        """Surnames that stand alone with an ending, too."""
        telling = {word for (_, word), telling in self._lone.items() if telling >= TELLING}
        return [word for word in telling if len(word) >= DECLINED_LETTERS]

    def surnames(self, text: str, target_ids: Collection[str]) -> Iterator[PartHit]:
        """The surnames of ``target_ids`` that are as good as their names, whatever stands beside them."""
        for word in words_of(text) if target_ids else ():
            for part in self._parts(word):
                for target_id in self._owners.get(part, ()):
                    if target_id in target_ids and self._lone.get((target_id, part), 0.0) >= TELLING:
                        yield PartHit(target_id, word.start, word.end, ALONE)

    def _add(self, target_id: str, words: list[str]) -> None:
        self.words[target_id] = self.words.get(target_id, frozenset()) | frozenset(words)
        for word in words:
            if len(word) >= MIN_LETTERS and rarity(word) > 0:
                owners = self._owners.setdefault(word, [])
                if target_id not in owners and len(owners) < MAX_OWNERS:
                    owners.append(target_id)

    def find(self, text: str) -> Iterator[PartHit]:
        """Every part of a listed name in ``text``, in order."""
        words = list(words_of(text))
        called: dict[tuple[str, str], bool] = {}
        for position, word in enumerate(words):
            mention: Mention | None = None
            for part in self._parts(word):
                for target_id in self._owners.get(part, ()):
                    mention = mention or Mention(words, position)
                    weight = self._weight(mention, part, target_id, called)
                    other = another_of_a_series(text, word.start, word.end, self.words[target_id])
                    other = other or part_of_another(text, word.start, word.end, self.words[target_id])
                    weight = -min(1.0, abs(weight)) if other else weight
                    yield PartHit(
                        target_id, mention.start if weight >= ALONE else word.start, word.end, weight
                    )

    def _parts(self, word: Word) -> Iterator[str]:
        """The words of names that a word holds, or is a form of."""
        for part in word.folded:
            if part in self._owners:
                yield part
            elif word.capital and (surname := self._declined.forms[part]):
                yield surname

    def _weight(
        self, mention: Mention, part: str, target_id: str, called: dict[tuple[str, str], bool]
    ) -> float:
        """``called`` says of whom the part was last the name: the target's (True) or somebody else's."""
        key = target_id, part
        if key in self._cast:
            return min(1.0, rarity(part) / FULL_CAST_RARITY)
        weight = min(1.0, rarity(part) / FULL_RARITY)
        own = self.words[target_id]
        if mention.strangers(own | self._short_forms[target_id]):
            called[key] = False
            return -weight
        if mention.stands_beside(own):
            called[key] = True
            if not mention.after_initials or self._lone.get(key, 0.0) < TELLING:
                return weight
        known, telling = called.get(key), self._lone.get(key)
        if telling is None:
            return weight
        if mention.is_blank and mention.life_words:
            return HALF[1] + TOLD
        if known is False or mention.lower_strangers:
            return -weight
        if mention.is_fiction and not known and telling < TELLING:
            return 0.0
        if not mention.stands_alone or telling < 0:
            return weight
        return max(weight, self._alone(mention, telling - FORMAL * mention.formal, known is True))

    @staticmethod
    def _alone(mention: Mention, telling: float, named: bool) -> float:
        """What a surname says that stands alone, ``named`` where its full name stands before."""
        if telling >= TELLING or (named and mention.capital):
            return ALONE
        if not mention.capital:
            return 0.0
        if telling < HALF_TELLING:
            much = mention.life_words >= MUCH_TOLD and (telling > 0 or mention.does) and not mention.formal
            return MUCH if much else 0.0
        least, most = HALF
        share = (telling - HALF_TELLING) / (TELLING - HALF_TELLING)
        return least + (most - least) * share + TOLD * bool(mention.life_words)
