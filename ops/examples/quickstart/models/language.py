"""Engines for text: translate, name the language, know capitals, continue a sequence."""

import difflib
import math
import re
import subprocess
import tempfile
from collections import Counter, defaultdict
from fractions import Fraction
from pathlib import Path
from typing import Optional

from engines import engine, main
from sources import LANGUAGES, ZONES, need, translations


# Translation from English into Spanish

@engine("translate-apertium")
def translate_apertium():
    """Apertium: rules and dictionaries, a process a sentence."""

    def answer(request: dict) -> str:
        text = request["input"]["raw_text"]
        return subprocess.run(["apertium", "-u", "-n", "eng-spa"], input=text, text=True,
                              check=True, capture_output=True).stdout.strip()

    return answer


@engine("translate-memory")
def translate_memory():
    """The translation of the training sentence that shares the most words."""
    known = [(set(tokens(english)), spanish)
             for english, spanish in translations("es", test=False)]

    def answer(request: dict) -> str:
        asked = set(tokens(request["input"]["raw_text"]))
        return max(known, key=lambda pair: (len(asked & pair[0]) / len(asked | pair[0]), pair))[1]

    return answer


def word_for_word(rounds: int):
    """A lexicon learnt by rounds of expectation maximisation (IBM model 1)."""
    pairs = [(["", *tokens(english)], tokens(spanish))
             for english, spanish in translations("es", test=False)]
    chance = defaultdict(lambda: 1.0)
    for _ in range(rounds):
        together, alone = defaultdict(float), defaultdict(float)
        for english, spanish in pairs:
            for target in spanish:
                total = sum(chance[word, target] for word in english)
                for word in english:
                    share = chance[word, target] / total
                    together[word, target] += share
                    alone[word] += share
        chance = defaultdict(float, {pair: share / alone[pair[0]]
                                     for pair, share in together.items()})
    lexicon = {}
    for (word, target), _ in sorted(chance.items(), key=lambda entry: (entry[1], entry[0])):
        lexicon[word] = target  # the likeliest comes last

    return lambda request: " ".join(lexicon.get(word, word)
                                    for word in tokens(request["input"]["raw_text"]))


@engine("translate-lexicon")
def translate_lexicon():
    return word_for_word(rounds=6)


@engine("translate-cooccurrence")
def translate_cooccurrence():
    """The word that is most often there when the other is."""
    return word_for_word(rounds=1)


def tokens(text: str) -> list[str]:
    return re.findall(r"[\w']+|[.,]", text.lower())


# Which language is it?

def language_examples() -> list[tuple[str, str]]:
    return [(name, other) for code, name in LANGUAGES.items()
            for _, other in translations(code, test=False)]


def language_bayes(features):
    """Naive Bayes over features(text)."""
    counts = defaultdict(Counter)
    for name, text in language_examples():
        counts[name].update(features(text))
    kinds = len({feature for count in counts.values() for feature in count})
    totals = {name: sum(count.values()) for name, count in counts.items()}

    def answer(request: dict) -> str:
        asked = features(request["input"]["raw_text"])
        return max(counts, key=lambda name: sum(
            math.log((counts[name][feature] + 0.3) / (totals[name] + 0.3 * kinds))
            for feature in asked))

    return answer


@engine("language-trigrams")
def language_trigrams():
    def trigrams(text: str) -> list[str]:
        text = f" {text.lower()} "
        return [text[at:at + 3] for at in range(len(text) - 2)]

    return language_bayes(trigrams)


@engine("language-letters")
def language_letters():
    return language_bayes(lambda text: list(text.lower()))


@engine("language-words")
def language_words():
    return language_bayes(lambda text: re.findall(r"\w+", text.lower()))


@engine("language-fasttext")
def language_fasttext():
    """fastText: a linear model over words and their parts."""
    import fasttext

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "examples")
        path.write_text("".join(f"__label__{name} {text.lower()}\n"
                                for name, text in language_examples()), encoding="utf-8")
        model = fasttext.train_supervised(str(path), dim=16, minn=2, maxn=4, bucket=20000,
                                          epoch=25, lr=0.5, thread=1, verbose=0)

    def answer(request: dict) -> str:
        text = request["input"]["raw_text"].lower() + "\n"
        return model.f.predict(text, 1, 0.0, "strict")[0][1].removeprefix("__label__")

    return answer


# What is the capital of ...?

def likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one.lower(), other.lower()).ratio()


def capital_chooser(choose):
    """An engine of choose(country, options)."""

    def answer(request: dict) -> str:
        options = request["input"]["options"]
        country = re.search(r"capital of (.+)\?", request["input"]["question"]).group(1)
        return "ABCDEFGH"[options.index(choose(country, options))]

    return answer


def most_alike(country: str, options: list[str]) -> str:
    """The option whose spelling is most like the country's."""
    return max(options, key=lambda option: likeness(country, option))


@engine("capital-lookalike")
def capital_lookalike():
    return capital_chooser(most_alike)


@engine("capital-timezones")
def capital_timezones():
    """A country's time zones are named after its large cities."""
    cities = zone_cities()

    def choose(country: str, options: list[str]) -> str:
        nearest = max(cities, key=lambda name: likeness(country, name))
        if likeness(country, nearest) < 0.6:
            return most_alike(country, options)
        return max(options, key=lambda option: max(likeness(option, city)
                                                   for city in cities[nearest]))

    return capital_chooser(choose)


@engine("capital-recall")
def capital_recall():
    """Time zones again, but only what is spelt the same; else the first option."""
    cities = zone_cities()

    def choose(country: str, options: list[str]) -> str:
        known = cities.get(country, [])
        return next((option for option in options if option in known), options[0])

    return capital_chooser(choose)


def zone_cities() -> dict[str, list[str]]:
    """Countries and the cities that their time zones are named after."""

    def table(name: str) -> list[list[str]]:
        lines = need(ZONES / name, "tzdata").read_text(encoding="utf-8").splitlines()
        return [line.split("\t") for line in lines if not line.startswith("#")]

    countries = dict(table("iso3166.tab"))
    cities = defaultdict(list)
    for code, _, zone, *_ in table("zone.tab"):
        cities[countries[code]].append(zone.rsplit("/", 1)[-1].replace("_", " "))
    return cities


# Which number comes next?

def continuer(*laws):
    """An engine of laws: the first that explains the sequence continues it, else equal steps."""

    def answer(request: dict) -> str:
        given = re.findall(r"-?\d+", request["input"]["question"])
        sequence = [Fraction(number) for number in given]
        for law in laws:
            following = law(sequence)
            if following is not None and following.denominator == 1:
                return str(following)
        return str(2 * sequence[-1] - sequence[-2])

    return answer


def by_differences(sequence: list[Fraction]) -> Optional[Fraction]:
    """Polynomials: differences of differences become constant."""
    last = Fraction(0)
    while len(sequence) > 1:
        last += sequence[-1]
        if len(set(sequence)) == 1:
            return last
        sequence = [after - before for before, after in zip(sequence, sequence[1:])]
    return None


def by_ratios(sequence: list[Fraction]) -> Optional[Fraction]:
    """Powers and factorials: the quotients are a polynomial."""
    if 0 in sequence or len(sequence) < 3:
        return None
    ratio = by_differences([after / before for before, after in zip(sequence, sequence[1:])])
    return None if ratio is None else sequence[-1] * ratio


def by_recurrence(sequence: list[Fraction]) -> Optional[Fraction]:
    """Fibonacci and the like: a[n] = p a[n-2] + q a[n-1]."""
    if len(sequence) < 5:
        return None
    a, b, c, d = sequence[:4]
    determinant = a * c - b * b
    if determinant == 0:
        return None
    p, q = (c * c - b * d) / determinant, (a * d - b * c) / determinant
    if any(p * x + q * y != z for x, y, z in zip(sequence, sequence[1:], sequence[2:])):
        return None
    return p * sequence[-2] + q * sequence[-1]


@engine("sequence-laws")
def sequence_laws():
    return continuer(by_recurrence, by_differences, by_ratios)


@engine("sequence-differences")
def sequence_differences():
    return continuer(by_differences)


@engine("sequence-steps")
def sequence_steps():
    return continuer()


if __name__ == "__main__":
    main()
