"""Find a part of a listed name (a surname, a first name), where it is not part of a stranger's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .folding import normalise
from .given_names import other_forms
from .mentions import Mention, words_of
from .numerals import another_of_a_series
from .surnames import HALF_TELLING, TELLING
from .word_frequency import rarity

MIN_LETTERS = 3
# From this rarity on a part ("Perry" has 1.3, "Kravitz" 2.8) says all that it can beside other evidence.
FULL_RARITY = 3.0
# A work's people are in everybody's mouth: "Hermione" has 1.9.
FULL_CAST_RARITY = 2.0
# What stands for a person alone, whatever else is said: 0.26 times this is over the threshold.
ALONE = 2.4
HALF = (0.4, 1.0)
TOLD = 0.6
# After "Mrs" only the rarest name is somebody whom all know.
FORMAL = 0.6
# Words ask little time of their own, but a name may be listed by many.
MAX_OWNERS = 64


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
    def alone(self) -> bool:
        """Whether the part alone says who is meant."""
        return self.weight >= ALONE


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
        self._short_forms: dict[str, frozenset[str]] = {}
        for target_id, name in (*names, *self._cast):
            words = normalise(name)[0].split()
            self._add(target_id, words)
            known = self._short_forms.get(target_id, frozenset())
            self._short_forms[target_id] = known | (other_forms(words[0]) if words else frozenset())

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
            for part in word.folded:
                for target_id in self._owners.get(part, ()):
                    mention = mention or Mention(words, position)
                    weight = self._weight(mention, part, target_id, called)
                    other = another_of_a_series(text, word.start, word.end, self.words[target_id])
                    yield PartHit(
                        target_id, word.start, word.end, -min(1.0, abs(weight)) if other else weight
                    )

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
        if mention.named(own):
            called[key] = True
            return weight
        known = called.get(key)
        if key not in self._lone:
            return weight
        if known is False or mention.lower_strangers:
            return -weight
        if not mention.alone:
            return weight
        return max(weight, self._alone(mention, self._lone[key] - FORMAL * mention.formal, known is True))

    @staticmethod
    def _alone(mention: Mention, telling: float, named: bool) -> float:
        """What a surname says that stands alone, ``named`` where its full name stands before."""
        if telling >= TELLING or (named and mention.capital):
            return ALONE
        if telling < HALF_TELLING or not mention.capital:
            return 0.0
        least, most = HALF
        share = (telling - HALF_TELLING) / (TELLING - HALF_TELLING)
        return least + (most - least) * share + TOLD * mention.told
