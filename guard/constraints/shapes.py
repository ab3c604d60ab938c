"""Words that a pattern takes once letters of it gave way to others, and the client's own in their place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .automaton import Automaton
from .cipher import Cipher

# So many ways through a word are followed; a client's pattern may have as many as it has characters.
_WAYS = 64


@dataclass(frozen=True, slots=True)
class _Way:
    """A way through the letters of a word so far, which ends with the atom ``atom``."""

    atom: int
    # How many of the letters were not left open, and whether any was exchanged.
    told: int
    exchanged: bool
    before: _Way | None


@dataclass(frozen=True, slots=True)
class Shaped:
    """A word in the client's own letters, of which the pattern ``told`` so many."""

    text: str
    told: int


class Shape:
    """The words of one pattern. What a model wrote where any letter may stand stays; each other letter is
    read back by the atom that wrote it, so the pattern as it was takes the word that is made."""

    def __init__(self, automaton: Automaton, flagged: set[tuple[int, int]], cipher: Cipher) -> None:
        """``flagged`` are the places of the source at which ``cipher`` exchanged the letters."""
        self._automaton, self._cipher = automaton, cipher
        self._exchanged = {
            n for n, atom in enumerate(automaton.atoms) if atom.narrow and (atom.start, atom.end) in flagged
        }
        self._letters = [
            frozenset(map(cipher.replace, atom.letters))
            if n in self._exchanged and atom.letters
            else atom.letters
            for n, atom in enumerate(automaton.atoms)
        ]
        self._leading = self._lead_to_exchanged()
        self._begin = self._by_letter(n for n in automaton.beginnings() if n in self._leading)
        self._next: dict[int, dict[str, list[int]]] = {}

    def _lead_to_exchanged(self) -> set[int]:
        """The atoms from which the same word comes to letters that were exchanged."""
        # Many atoms have the same atoms after them; what holds an atom are the numbers of such sets.
        before: dict[int, list[int]] = defaultdict(list)
        nears = {}
        for n, atom in enumerate(self._automaton.atoms):
            near = self._automaton.near(atom.after)
            nears[id(near)] = near
            before[id(near)].append(n)
        holding: dict[int, list[int]] = defaultdict(list)
        for key, near in nears.items():
            for n in near.atoms:
                holding[n].append(key)
        leading, waiting = set(self._exchanged), list(self._exchanged)
        while waiting:
            for key in holding[waiting.pop()]:
                fresh = [
                    n for n in before.pop(key, ()) if n not in leading and self._letters[n] != frozenset()
                ]
                leading.update(fresh)
                waiting += fresh
        return leading

    def _by_letter(self, atoms: Iterable[int]) -> dict[str, list[int]]:
        """``atoms`` by the letters that they write; under no letter those that write any."""
        found: dict[str, list[int]] = defaultdict(list)
        for n in atoms:
            letters = self._letters[n]
            for letter in [""] if letters is None else letters:
                found[letter].append(n)
        return dict(found)

    def whole(self, word: str) -> Shaped | None:
        """``word`` in the client's letters, if it is one of the pattern's."""
        ended = (way for way in self._read(word) if self._automaton.near(self._after(way)).parted)
        return self._best(word, ended)

    def begun(self, word: str) -> Shaped | None:
        """As ``whole``, of a word that more letters may come to."""
        return self._best(word, self._read(word), begun=True)

    def _after(self, way: _Way) -> int:
        return self._automaton.atoms[way.atom].after

    def _best(self, word: str, ways: Iterable[_Way], begun: bool = False) -> Shaped | None:
        found = [way for way in ways if way.exchanged or begun]
        if not found:
            return None
        best = max(found, key=lambda way: way.told)
        return Shaped("".join(reversed(list(self._own(word, best)))), best.told)

    def _own(self, word: str, way: _Way) -> Iterator[str]:
        """The letters of the client's own word, from the last to the first."""
        step: _Way | None = way
        for letter in reversed(word):
            assert step
            yield self._cipher.restore(letter) if step.atom in self._exchanged else letter
            step = step.before

    def _read(self, word: str) -> list[_Way]:
        ways: list[_Way] = []
        for place, letter in enumerate(word.lower()):
            read: dict[tuple[int, bool], _Way] = {}
            for before in ways if place else (None,):
                for n in self._following(before, letter):
                    way = self._on(n, before)
                    key = n, way.exchanged
                    if key not in read or read[key].told < way.told:
                        read[key] = way
            ways = [way for way in read.values() if way.exchanged or way.atom in self._leading][:_WAYS]
            if not ways:
                break
        return ways

    def _following(self, way: _Way | None, letter: str) -> list[int]:
        if way is None:
            by_letter = self._begin
        elif (known := self._next.get(way.atom)) is not None:
            by_letter = known
        else:
            atoms = self._automaton.near(self._after(way)).atoms
            by_letter = self._next[way.atom] = self._by_letter(atoms)
        return [*by_letter.get(letter, ())[:_WAYS], *by_letter.get("", ())[:_WAYS]]

    def _on(self, atom: int, before: _Way | None) -> _Way:
        told = (before.told if before else 0) + self._automaton.atoms[atom].narrow
        exchanged = atom in self._exchanged or (before is not None and before.exchanged)
        return _Way(atom, told, exchanged, before)
