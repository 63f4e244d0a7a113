"""Engines that hear English (PocketSphinx) and speak it (Flite, eSpeak NG)."""

from engines import engine, main  # before numeric libraries: it limits their threads
from muster_model import output_path
from sources import SPHINX, need, sentences, spoken_words, vocabulary

import difflib
import math
import re
import subprocess
import tempfile
import wave
from collections import Counter
from pathlib import Path

import numpy

RATE = 16000  # what the acoustic model was trained on
DICTIONARY = SPHINX / "cmudict-en-us.dict"
LANGUAGE_MODEL = SPHINX / "en-us.lm.bin"
# How much is searched: states a frame, whether there is a second pass, how far behind the best.
CAREFUL = {"maxhmmpf": 2000}
QUICK = {"maxhmmpf": 2000, "fwdflat": False}
HASTY = {"maxhmmpf": 1000, "fwdflat": False, "beam": 1e-30, "wbeam": 1e-20}


def samples(path: str, silence: float = 0) -> bytes:
    """A WAV file as 16 kHz mono, with seconds of silence on both sides."""
    from scipy.signal import resample_poly

    with wave.open(path) as file:
        sound = numpy.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)
        sound = sound.reshape(-1, file.getnchannels()).mean(1)
        common = math.gcd(RATE, file.getframerate())
        if file.getframerate() != RATE:
            sound = resample_poly(sound, RATE // common, file.getframerate() // common)
    sound = numpy.pad(sound, int(silence * RATE))
    return numpy.clip(numpy.rint(sound), -32768, 32767).astype("<i2").tobytes()


class Listener:
    """A PocketSphinx decoder: options without their dash, paths as Path."""

    def __init__(self, **options):
        from pocketsphinx.pocketsphinx import Decoder

        need(SPHINX / "en-us", "pocketsphinx-en-us")
        config = Decoder.default_config()
        setters = {str: config.set_string, int: config.set_int, float: config.set_float,
                   bool: config.set_boolean}
        defaults = {"hmm": str(SPHINX / "en-us"), "dict": str(DICTIONARY), "logfn": "/dev/null"}
        for option, value in {**defaults, **options}.items():
            value = str(value) if isinstance(value, Path) else value
            setters[type(value)](f"-{option}", value)
        self.decoder = Decoder(config)

    def choose_from(self, phrases: list[str]) -> None:
        """From now on, one of these is what is heard."""
        grammar = f"#JSGF V1.0;\ngrammar g;\npublic <g> = {' | '.join(phrases)};\n"
        self.decoder.set_jsgf_string("choice", grammar)
        self.decoder.set_search("choice")

    def hear(self, sound: bytes) -> str:
        self.decoder.start_stream()  # forget the noise of what came before
        self.decoder.start_utt()
        self.decoder.process_raw(sound, False, True)
        self.decoder.end_utt()
        heard = self.decoder.hyp()
        return heard.hypstr if heard else ""


def transcriber(listener: Listener):
    return lambda request: listener.hear(samples(request["input"]["audio_file"]))


@engine("hear-general")
def hear_general():
    """The general language model of US English."""
    return transcriber(Listener(lm=LANGUAGE_MODEL, **CAREFUL))


@engine("hear-quick")
def hear_quick():
    return transcriber(Listener(lm=LANGUAGE_MODEL, **QUICK))


@engine("hear-hasty")
def hear_hasty():
    return transcriber(Listener(lm=LANGUAGE_MODEL, **HASTY))


@engine("hear-prompts")
def hear_prompts():
    """A language model of telephone prompts, made from those that are not in the test."""
    with tempfile.TemporaryDirectory() as folder:
        dictionary, model = Path(folder, "words.dict"), Path(folder, "prompts.arpa")
        texts = [text.split() for text, _ in sentences(test=False)]
        write_dictionary(dictionary, {word for text in texts for word in text})
        write_bigrams(model, texts)
        return transcriber(Listener(lm=model, dict=dictionary))


def write_dictionary(path: Path, wanted: set[str]) -> None:
    """The part of the pronouncing dictionary that is about these words: 'read' and 'read(2)'."""
    with open(need(DICTIONARY, "pocketsphinx-en-us")) as source, open(path, "w") as part:
        part.writelines(line for line in source
                        if re.sub(r"\(\d+\)$", "", line.partition(" ")[0]) in wanted)


def write_bigrams(path: Path, texts: list[list[str]], discount: float = 0.5) -> None:
    """A bigram model in ARPA form: absolute discounting, backing off to single words."""
    known = vocabulary()
    pairs: Counter = Counter()
    for text in texts:
        text = ["<s>", *(word for word in text if word in known), "</s>"]
        pairs.update(zip(text, text[1:]))
    after, before, kinds = Counter(), Counter(), Counter()
    for (first, second), count in pairs.items():
        before[first] += count
        after[second] += count
        kinds[first] += 1
    total = sum(after.values())
    covered: Counter = Counter()  # the share of single-word probability that pairs cover
    for first, second in pairs:
        covered[first] += after[second] / total

    def backoff(word: str) -> float:
        if word not in before or covered[word] >= 1:
            return 1
        return discount * kinds[word] / before[word] / (1 - covered[word])

    singles = sorted({"<s>", *after})
    with open(path, "w") as file:
        file.write(f"\\data\\\nngram 1={len(singles)}\nngram 2={len(pairs)}\n\n\\1-grams:\n")
        for word in singles:
            share = math.log10(after[word] / total) if after[word] else -99
            file.write(f"{share:.5f} {word} {math.log10(backoff(word)):.5f}\n")
        file.write("\n\\2-grams:\n")
        for (first, second), count in sorted(pairs.items()):
            file.write(f"{math.log10((count - discount) / before[first]):.5f} {first} {second}\n")
        file.write("\n\\end\\\n")


def chooser(hear):
    """An engine for multiple choice: the option most like what hear(sound, options) heard."""

    def answer(request: dict) -> str:
        options = request["input"]["options"]
        heard = hear(samples(request["input"]["audio_file"], silence=0.1), options)
        best = max(options, key=lambda word: difflib.SequenceMatcher(None, heard, word).ratio())
        return "ABCDEFGH"[options.index(best)]

    return answer


@engine("word-options")
def word_options():
    """Listens for the options only."""
    listener = Listener()

    def hear(sound: bytes, options: list[str]) -> str:
        listener.choose_from(options)
        return listener.hear(sound)

    return chooser(hear)


@engine("word-list")
def word_list():
    """Listens for any of the words that the prompts are made of, then compares the spelling."""
    listener = Listener()
    listener.choose_from(sorted({text for text, _ in spoken_words()}))
    return chooser(lambda sound, options: listener.hear(sound))


@engine("word-hasty")
def word_hasty():
    """Takes dictation, then compares the spelling."""
    listener = Listener(lm=LANGUAGE_MODEL, **HASTY)
    return chooser(lambda sound, options: listener.hear(sound))


def speaker(*command: str):
    """An engine of a program: FILE and TEXT stand for the file to write and the text to say."""

    def answer(request: dict):
        path = output_path(request, ".wav")
        parts = {"FILE": path, "TEXT": request["input"]["raw_text"]}
        subprocess.run([parts.get(word, word) for word in command], check=True)
        return path

    return answer


@engine("flite-slt")
def flite_slt():
    """A woman's voice, statistical synthesis (CLUSTERGEN)."""
    return speaker("flite", "-voice", "slt", "-o", "FILE", "-t", "TEXT")


@engine("flite-kal16")
def flite_kal16():
    """A man's voice, diphones at 16 kHz."""
    return speaker("flite", "-voice", "kal16", "-o", "FILE", "-t", "TEXT")


@engine("flite-rms")
def flite_rms():
    """A man's voice, statistical synthesis."""
    return speaker("flite", "-voice", "rms", "-o", "FILE", "-t", "TEXT")


@engine("espeak-ng")
def espeak_ng():
    """Formant synthesis."""
    return speaker("espeak-ng", "-v", "en-us", "-s", "140", "-w", "FILE", "TEXT")


if __name__ == "__main__":
    main()
