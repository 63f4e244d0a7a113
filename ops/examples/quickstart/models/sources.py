"""Real data in Debian packages, and which part of it is the test.

make_data.py makes the suite of what is held out; models may learn from the rest, and only from
the rest. Both call the same functions here, so they cannot disagree."""

import csv
import gettext
import gzip
import re
import sys
from pathlib import Path
from zlib import crc32

PYTHON = Path("/usr/lib/python3/dist-packages")
PICTURES = PYTHON / "skimage/data"
ASTERISK = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
SPHINX = Path("/usr/share/pocketsphinx/model/en-us")
TESSDATA = Path("/usr/share/tesseract-ocr/5/tessdata")
FONTS = Path("/usr/share/fonts/truetype/dejavu")
ZONES = Path("/usr/share/zoneinfo")

# Programs that every Debian machine has, and that are translated into most languages.
TRANSLATED = ("apt", "coreutils", "diffutils", "dpkg", "findutils", "grep", "sed", "tar")
LANGUAGES = {"de": "german", "es": "spanish", "fr": "french", "it": "italian",
             "nl": "dutch", "pl": "polish", "pt_BR": "portuguese", "sv": "swedish"}


def need(path: Path, package: str) -> Path:
    """`path`, or a message that says what to install."""
    if path.exists():
        return path
    hint = f"install the Debian package {package} (all of them: packages.txt)"
    if path.is_relative_to("/usr/share/doc") or path.is_relative_to("/usr/share/locale"):
        hint += "; if it is installed, this system leaves such files out: see 'path-exclude' in" \
                " /etc/dpkg/dpkg.cfg.d, and install it again without that"
    sys.exit(f"{path} is missing: {hint}")


def held_out(text: str, one_in: int) -> bool:
    """Whether `text` belongs to the test: one in `one_in` does, always the same."""
    return crc32(text.encode()) % one_in == 0


def digits(test: bool):
    """Handwritten digits: arrays of 8x8 images (0..16) and of labels."""
    import numpy

    path = need(PYTHON / "sklearn/datasets/data/digits.csv.gz", "python3-sklearn")
    with gzip.open(path, "rt") as file:
        rows = numpy.array([row for row in csv.reader(file)], dtype=float)
    rows = rows[(numpy.arange(len(rows)) % 10 == 0) == test]
    return rows[:, :64].reshape(-1, 8, 8), rows[:, 64].astype(int)


def faces(test: bool):
    """25x25 crops (0..1) of Labeled Faces in the Wild; the labels say which are faces."""
    import numpy

    images = numpy.load(need(PICTURES / "lfw_subset.npy", "python3-skimage"))
    index = numpy.arange(len(images))
    chosen = (index % 10 < 3) == test
    return images[chosen], index[chosen] < 100


def words(text: str) -> list[str]:
    """The words of English text as a speech recogniser writes them."""
    return re.findall(r"[a-z']+", text.lower())


def prompts() -> list[tuple[str, Path]]:
    """Transcripts and recordings of telephone prompts; those with words only."""
    path = Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
    found = []
    with gzip.open(need(path, "asterisk-core-sounds-en"), "rt") as file:
        for line in file:
            name, _, transcript = line.strip().partition(": ")
            wav = ASTERISK / f"{name}.wav"
            if transcript and not re.search(r"[\[(\d;]", line) and wav.exists():
                found.append((transcript.strip(), wav))
    if not found:
        need(ASTERISK / "activated.wav", "asterisk-core-sounds-en-wav")
    return sorted(found)


def sentences(test: bool) -> list[tuple[str, Path]]:
    """Prompts of several words (the words joined by spaces)."""
    joined = [(" ".join(words(text)), wav) for text, wav in prompts()]
    return [(text, wav) for text, wav in joined
            if " " in text and held_out(text, 3) == test]


def spoken_words() -> list[tuple[str, Path]]:
    """Single words: numbers, days, months, the phonetic alphabet. All of them are test."""
    known = vocabulary()
    return [(text.lower(), wav) for text, wav in prompts()
            if wav.parent.name in ("digits", "phonetic") and text.lower() in known]


def vocabulary() -> set[str]:
    """The words that the speech recogniser can pronounce."""
    path = need(SPHINX / "cmudict-en-us.dict", "pocketsphinx-en-us")
    with open(path, encoding="utf-8") as file:
        return {line.split()[0] for line in file if line.strip()}


def translations(language: str, test: bool, one_in: int = 6) -> list[tuple[str, str]]:
    """English messages of TRANSLATED programs and their translations by people."""
    pairs = set()
    for program in TRANSLATED:
        path = Path(f"/usr/share/locale/{language}/LC_MESSAGES/{program}.mo")
        with open(need(path, program), "rb") as file:
            catalogue = gettext.GNUTranslations(file)._catalog
        pairs.update((english, other) for english, other in catalogue.items()
                     if isinstance(english, str) and english != other
                     and re.fullmatch(r"[A-Za-z][A-Za-z ,.']{14,69}", english)
                     and re.fullmatch(r"[^\W\d_][\w ,.'-]{9,89}", other))
    kept = [pair for pair in sorted(pairs) if held_out(_plain(pair[0]), one_in)]
    if test:
        return kept
    tested = {_plain(text) for pair in kept for text in pair}
    return [pair for pair in sorted(pairs) if tested.isdisjoint(map(_plain, pair))]


def _plain(text: str) -> str:
    """Only its words: messages come with and without a full stop, or a capital letter."""
    return " ".join(re.findall(r"\w+", text.lower()))


def quiz(name: str) -> list[list[str]]:
    """The questions of a file of the game `quiz`: a list of fields each, where the first of
    several alternatives stands, and nothing optional."""
    path = need(Path("/usr/share/games/bsdgames/quiz") / name, "bsdgames")
    text = path.read_text(encoding="latin-1").replace("\\\n", "")
    return [[_first(field) for field in re.split(r"(?<!\\):", line)]
            for line in text.splitlines() if line.strip()]


def _first(field: str) -> str:
    """'Cal{if{ornia}}|CA' -> 'Cal', 'V[ell|iej]a' -> 'Vella'."""
    before = None
    while field != before:
        before = field
        field = re.sub(r"\{[^{}]*\}", "", field)
        field = re.sub(r"\[([^\[\]|]*)(?:\|[^\[\]]*)?\]", r"\1", field)
    return field.split("|")[0].replace("\\", "").strip()
