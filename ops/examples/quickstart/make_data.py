#!/usr/bin/python3
"""Makes a small General-Bench from Debian packages: make_data.py FOLDER

The same packages give the same bytes. A folder that is up to date is left as it is; otherwise the
new suite is built beside it and put in its place, so that nobody ever sees half of one."""

import fcntl
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy
from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "models"))

import sources  # noqa: E402
from solids import SHAPES, make_solid, noisy_solid  # noqa: E402

STAMP = ".built-from"
PHOTOGRAPHS = ("astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "coins.png",
               "grass.png", "gravel.png", "ihc.png", "motorcycle_left.png", "retina.jpg",
               "rocket.jpg")
TYPEFACES = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "DejaVuSansMono-Bold",
             "DejaVuSerif", "DejaVuSerif-Bold")


class Task:
    """One task's folder: media files as they come, annotation.json at the end."""

    def __init__(self, suite: Path, path: str, name: str, *, source: str, type: str, takes: str,
                 gives: str, metric: str, capability: str, domain: str = "General"):
        self.folder = suite / path
        self.folder.mkdir(parents=True)
        self.annotation = {
            "task": name, "data_source": source, "type": type,
            "modality": {"in": takes.split(), "out": gives.split()}, "skill": name,
            "domain": domain, "general_capability": capability, "version": "1.0",
            "set_type": "open", "metric": metric, "data": []}

    def add(self, given: dict, wanted: dict) -> None:
        data = self.annotation["data"]
        data.append({"id": str(len(data)), "input": given, "output": wanted})

    def file(self, name: str) -> tuple[str, Path]:
        """The name of a media file in the annotation, and where it lies."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        return name, path

    def picture(self, name: str, pixels: numpy.ndarray) -> str:
        name, path = self.file(name)
        to_image(pixels).save(path)
        return name

    def film(self, name: str, frames: list[numpy.ndarray]) -> str:
        name, path = self.file(name)
        first, *rest = [to_image(frame) for frame in frames]
        first.save(path, save_all=True, append_images=rest, duration=100, loop=0)
        return name

    def recording(self, name: str, wav: Path) -> str:
        name, path = self.file(name)
        shutil.copyfile(wav, path)
        return name

    def points(self, name: str, points: numpy.ndarray) -> str:
        name, path = self.file(name)
        numpy.savetxt(path, points, fmt="%.5f")
        return name

    def close(self) -> None:
        text = json.dumps(self.annotation, indent=1, ensure_ascii=False)
        (self.folder / "annotation.json").write_text(text + "\n", encoding="utf-8")


def to_image(pixels: numpy.ndarray) -> Image.Image:
    """Brightness 0..255 as a picture."""
    return Image.fromarray(numpy.clip(numpy.rint(pixels), 0, 255).astype("uint8"))


def noise(seed: int, shape: tuple, deviation: float) -> numpy.ndarray:
    return numpy.random.RandomState(seed).normal(0, deviation, shape)


def photograph(name: str) -> Image.Image:
    return Image.open(sources.need(sources.PICTURES / name, "python3-skimage")).convert("L")


def some(items: list, count: int, seed: str) -> list:
    """`count` of the items, chosen and ordered by the seed."""
    return random.Random(seed).sample(items, count)


def choices(right: str, wrong: list[str]) -> tuple[list[str], str]:
    """Options in a fixed disorder, and the letter of the right one."""
    options = sorted([right, *wrong], key=lambda option: hashlib.md5(option.encode()).digest())
    return options, "ABCDEFGH"[options.index(right)]


# Image

def text_lines(suite: Path) -> None:
    task = Task(suite, "image/comprehension/TextLineOCR", "Text Line OCR", type="OCR",
                takes="image text", gives="text", metric="ANLS", domain="Literature",
                capability="Content Recognition",
                source="Shakespeare and poetry of bsdgames' quiz, rendered with noise")
    fields = [field for name in ("bard", "poetry") for row in sources.quiz(name)
              for field in row[:2]]
    lines = [field for field in fields if 18 <= len(field) <= 46]
    for index, line in enumerate(some(lines, 40, "lines")):
        chance = random.Random(index)
        size = chance.choice((15, 18, 22, 26))
        path = sources.FONTS / f"{TYPEFACES[index % len(TYPEFACES)]}.ttf"
        font = ImageFont.truetype(str(sources.need(path, "fonts-dejavu-core")), size)
        page = Image.new("L", (int(font.getlength(line)) + 30, 2 * size), 255)
        ImageDraw.Draw(page).text((15, 0.4 * size), line, chance.choice((0, 60, 110)), font)
        page = page.rotate(chance.uniform(-1.2, 1.2), Image.BICUBIC, fillcolor=255)
        pixels = numpy.asarray(page, float)
        pixels = pixels + noise(index, pixels.shape, chance.choice((10, 30, 50)))
        task.add({"image_file": task.picture(f"images/{index}.png", pixels),
                  "prompt": "Read the line of text."}, {"text": line})
    task.close()


def handwritten_digits(suite: Path) -> None:
    task = Task(suite, "image/comprehension/HandwrittenDigits", "Handwritten Digits",
                type="image classification", takes="image text", gives="text", metric="ACC",
                capability="Content Recognition",
                source="UCI optical recognition of handwritten digits (python3-sklearn)")
    images, labels = sources.digits(test=True)
    for index in range(100):
        pixels = numpy.kron(images[index] / 16 * 255, numpy.ones((8, 8)))
        task.add({"image_file": task.picture(f"images/{index}.png", pixels),
                  "prompt": "Which digit is this?"}, {"text": str(labels[index])})
    task.close()


def face_or_not(suite: Path) -> None:
    task = Task(suite, "image/comprehension/FaceOrNot", "Face or Not",
                type="image classification", takes="image text", gives="text", metric="ACC",
                capability="Content Recognition",
                source="Labeled Faces in the Wild, subset of python3-skimage")
    images, labels = sources.faces(test=True)
    for index, (image, face) in enumerate(zip(images, labels)):
        task.add({"image_file": task.picture(f"images/{index}.png", image * 255),
                  "prompt": "Is this a face? Answer yes or no."},
                 {"text": "yes" if face else "no"})
    task.close()


def denoising(suite: Path) -> None:
    task = Task(suite, "image/generation/Denoising", "Image Denoising", type="image restoration",
                takes="image text", gives="image", metric="PSNR", capability="Creativity",
                source="photographs of python3-skimage with Gaussian noise added")
    for index in range(16):
        chance, size = random.Random(f"denoise {index}"), 96
        photo = photograph(PHOTOGRAPHS[index % len(PHOTOGRAPHS)])
        x, y = chance.randrange(photo.width - size), chance.randrange(photo.height - size)
        clean = numpy.asarray(photo.crop((x, y, x + size, y + size)), float)
        noisy = clean + noise(index, clean.shape, chance.choice((10, 20, 30)))
        task.add({"image_file": task.picture(f"images/{index}-noisy.png", noisy),
                  "prompt": "Remove the noise."},
                 {"image_file": task.picture(f"images/{index}-clean.png", clean)})
    task.close()


def digit_drawing(suite: Path) -> None:
    task = Task(suite, "image/generation/DigitDrawing", "Digit Drawing",
                type="text-to-image generation", takes="text", gives="image", metric="ACC",
                capability="Creativity",
                source="prompts made here; judged by a classifier of the UCI digits")
    for index in range(40):
        task.add({"prompt": f"Draw a handwritten {index % 10}: variant {'ABCD'[index // 10]}."},
                 {"text": str(index % 10)})
    task.close()


# Video

def pan(seed: str, kind: int, count: int, noise_level: float) -> list[numpy.ndarray]:
    """A camera over a photograph: what it shows moves left, right, up or down, grows or shrinks."""
    chance, size = random.Random(seed), 96
    photo = photograph(chance.choice(PHOTOGRAPHS))
    speed, margin = chance.uniform(0.6, 2.2), size / 2 + 2.2 * (count + 1) + 40
    x = chance.uniform(margin, photo.width - margin)
    y = chance.uniform(margin, photo.height - margin)
    film = []
    for time in range(count):
        right, down = [(1, 0), (-1, 0), (0, 1), (0, -1), (0, 0), (0, 0)][kind]
        zoom = [0, 0, 0, 0, -1, 1][kind] * 0.01 * speed * (time - count / 2)
        at_x, at_y, half = x + right * speed * time, y + down * speed * time, size / 2 * (1 + zoom)
        box = (at_x - half, at_y - half, at_x + half, at_y + half)
        pixels = numpy.asarray(photo.resize((size, size), Image.BICUBIC, box), float)
        film.append(pixels + noise(chance.randrange(2**31), pixels.shape, noise_level))
    return film


def camera_motion(suite: Path) -> None:
    task = Task(suite, "video/comprehension/CameraMotion", "Camera Motion",
                type="video question answering", takes="video text", gives="text", metric="Acc",
                capability="Reasoning",
                source="synthetic camera moves over photographs of python3-skimage, with noise")
    kinds = ("left", "right", "up", "down", "in", "out")
    for index in range(30):
        film = pan(f"motion {index}", index % 6, count=8, noise_level=10)
        task.add({"video_file": task.film(f"videos/{index}.gif", film),
                  "prompt": "Which way does the content move? Answer left, right, up, down,"
                            " in (it grows) or out (it shrinks)."}, {"text": kinds[index % 6]})
    task.close()


def frame_interpolation(suite: Path) -> None:
    task = Task(suite, "video/generation/FrameInterpolation", "Video Frame Interpolation",
                type="video restoration", takes="video text", gives="image", metric="PSNR",
                capability="Creativity",
                source="synthetic camera moves over photographs of python3-skimage")
    for index in range(16):
        before, middle, after = pan(f"between {index}", index % 6, count=7, noise_level=2)[::3]
        task.add({"video_file": task.film(f"videos/{index}.gif", [before, after]),
                  "prompt": "Draw the frame in the middle."},
                 {"image_file": task.picture(f"images/{index}.png", middle)})
    task.close()


# Audio

def short_sentences() -> list[tuple[str, Path]]:
    known = sources.vocabulary()
    return [(text, wav) for text, wav in sources.sentences(test=True)
            if 4 <= len(text.split()) <= 9 and known.issuperset(text.split())]


def prompt_transcription(suite: Path) -> None:
    task = Task(suite, "audio/comprehension/PromptTranscription", "Prompt Transcription",
                type="speech recognition", takes="audio text", gives="text", metric="WER",
                domain="Telephony", capability="Content Recognition",
                source="Asterisk's English prompts (asterisk-core-sounds-en-wav), 8 kHz")
    for index, (text, wav) in enumerate(some(short_sentences(), 20, "transcribe")):
        task.add({"audio_file": task.recording(f"audios/{index}.wav", wav),
                  "prompt": "Write down what is said, in lower case, without punctuation."},
                 {"text": text})
    task.close()


def spoken_words(suite: Path) -> None:
    task = Task(suite, "audio/comprehension/SpokenWords", "Spoken Words",
                type="MultipleChoiceQA", takes="audio text", gives="text", metric="ACC",
                domain="Telephony", capability="Content Recognition",
                source="numbers, days, months and letters of Asterisk's English prompts")
    recordings = sources.spoken_words()
    everything = sorted({text for text, _ in recordings})
    for index, (text, wav) in enumerate(some(recordings, 40, "words")):
        others = [word for word in everything if word != text]
        alike = sorted(others, key=lambda word: (-len(set(word) & set(text)), word))[:8]
        options, letter = choices(text, some(alike, 3, text))
        task.add({"audio_file": task.recording(f"audios/{index}.wav", wav),
                  "question": "Which word is said?", "options": options}, {"answer": letter})
    task.close()


def text_to_speech(suite: Path) -> None:
    task = Task(suite, "audio/generation/TextToSpeech", "Text to Speech", type="speech synthesis",
                takes="text", gives="audio", metric="WER", domain="Telephony",
                capability="Creativity",
                source="transcripts of Asterisk's prompts; judged by a speech recogniser")
    used = {text for text, _ in some(short_sentences(), 20, "transcribe")}
    texts = sorted({text for text, _ in short_sentences()} - used)
    for text in some(texts, 10, "speak"):
        task.add({"raw_text": text, "prompt": "Say this: <<<raw_text>>>"}, {"text": text})
    task.close()


# 3D

def solid_shapes(suite: Path) -> None:
    task = Task(suite, "3d/comprehension/SolidShapes", "Solid Shapes",
                type="point cloud classification", takes="3d text", gives="text", metric="Acc",
                capability="Content Recognition",
                source="synthetic: points on stretched, turned solids, with noise")
    for index in range(50):
        shape = SHAPES[index % len(SHAPES)]
        task.add({"pointcloud_file": task.points(f"pointclouds/{index}.xyz",
                                                 noisy_solid(shape, seed=index)),
                  "prompt": f"Which solid is this: {', '.join(SHAPES)}?"}, {"text": shape})
    task.close()


def point_cloud_denoising(suite: Path) -> None:
    task = Task(suite, "3d/generation/PointCloudDenoising", "Point Cloud Denoising",
                type="point cloud restoration", takes="3d text", gives="3d",
                metric="CD (Chamfer Distance)", capability="Creativity",
                source="synthetic: points on stretched, turned solids, with noise")
    for index in range(16):
        shape = SHAPES[index % len(SHAPES)]
        clean = make_solid(shape, numpy.random.RandomState(1000 + index), 400)
        noisy = clean + noise(index, clean.shape, 0.1)
        task.add({"pointcloud_file": task.points(f"pointclouds/{index}-noisy.xyz", noisy),
                  "prompt": "Put the points back on the surface."},
                 {"pointcloud_file": task.points(f"pointclouds/{index}-clean.xyz", clean)})
    task.close()


# Text

def translation(suite: Path) -> None:
    task = Task(suite, "nlp/Translation", "English-Spanish Translation", type="Translation",
                takes="text", gives="text", metric="ROUGE-1", domain="Software",
                capability="Multilingual",
                source="messages of Debian's basic programs, translated by people")
    for english, spanish in some(sources.translations("es", test=True), 25, "translate"):
        task.add({"raw_text": english, "prompt": "Translate into Spanish: <<<raw_text>>>"},
                 {"translation": spanish})
    task.close()


def language_identification(suite: Path) -> None:
    task = Task(suite, "nlp/LanguageIdentification", "Language Identification",
                type="classification", takes="text", gives="text", metric="Micro-F1",
                domain="Software", capability="Multilingual",
                source="messages of Debian's basic programs, translated by people")
    names = ", ".join(sorted(sources.LANGUAGES.values()))
    for code, name in sources.LANGUAGES.items():
        for _, text in some(sources.translations(code, test=True), 10, name):
            task.add({"raw_text": " ".join(text.split()[:3]),
                      "prompt": f"Which language is this: {names}? <<<raw_text>>>"},
                     {"category": name})
    task.close()


def capitals(suite: Path) -> None:
    task = Task(suite, "nlp/Capitals", "Capitals", type="MultipleChoiceQA", takes="text",
                gives="text", metric="ACC", domain="Geography", capability="Commonsense",
                source="bsdgames' quiz: africa, america, asia, europe")
    known = {name: [(row[0], row[1]) for row in sources.quiz(name) if row[0] and row[1]]
             for name in ("africa", "america", "asia", "europe")}
    for continent, pairs in known.items():
        cities = sorted({city for _, city in pairs})
        for country, city in some(pairs, 12, continent):
            wrong = some([other for other in cities if other != city], 3, country)
            options, letter = choices(city, wrong)
            task.add({"question": f"What is the capital of {country}?", "options": options},
                     {"answer": letter})
    task.close()


def number_sequences(suite: Path) -> None:
    task = Task(suite, "nlp/NumberSequences", "Number Sequences", type="Number Sequence",
                takes="text", gives="text", metric="ACC", domain="Mathematics",
                capability="Reasoning", source="bsdgames' quiz: seq-easy, seq-hard")
    for numbers, following, *_ in sources.quiz("seq-easy") + sources.quiz("seq-hard"):
        task.add({"question": f"{numbers.replace(',', ', ')}: which number comes next?"},
                 {"answer": following})
    task.close()


TASKS = (text_lines, handwritten_digits, face_or_not, denoising, digit_drawing, camera_motion,
         frame_interpolation, prompt_transcription, spoken_words, text_to_speech, solid_shapes,
         point_cloud_denoising, translation, language_identification, capitals, number_sequences)


def origin() -> str:
    """A digest of all that decides the suite's bytes: these programs and the packages."""
    lines = (HERE / "packages.txt").read_text().splitlines()
    packages = [line for line in lines if line and not line.startswith("#")]
    versions = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${Version} ${Status}\n",
         *packages, *sources.TRANSLATED], capture_output=True, check=False).stdout
    code = b"".join(path.read_bytes() for path in (
        Path(__file__), HERE / "models/sources.py", HERE / "models/solids.py"))
    return hashlib.sha256(versions + code).hexdigest() + "\n"


def make(folder: Path) -> bool:
    """Whether the suite had to be built."""
    stamp, wanted = folder / STAMP, origin()
    if stamp.exists() and stamp.read_text() == wanted:
        return False
    if folder.exists() and not stamp.exists() and any(folder.iterdir()):
        sys.exit(f"{folder} holds something that {Path(__file__).name} did not make: name another"
                 " folder, or remove it")
    new, old = (folder.with_name(f".{folder.name}.{word}") for word in ("new", "old"))
    for left in (new, old):
        shutil.rmtree(left, ignore_errors=True)
    new.mkdir()
    for build in TASKS:
        build(new)
    (new / STAMP).write_text(wanted)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
    return True


def main() -> None:
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    folder = Path(sys.argv[1]).resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder.parent, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)  # one at a time; the end of the process unlocks
    built = make(folder)
    print(f"{folder}: {'built' if built else 'up to date'}, {len(TASKS)} tasks")


if __name__ == "__main__":
    main()
