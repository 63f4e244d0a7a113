"""The floor: a model that guesses, and that hands its input back where a file is wanted.

Its answers are drawn by the instance, so they are the same in every run."""

from muster_model import output_path, serve  # before numeric libraries: it limits their threads
from solids import SHAPES
from sources import LANGUAGES

import random
import re
import wave

import numpy
from PIL import Image, ImageSequence

GUESSES = {
    "HandwrittenDigits": [str(digit) for digit in range(10)],
    "FaceOrNot": ["yes", "no"],
    "CameraMotion": ["left", "right", "up", "down", "in", "out"],
    "SolidShapes": list(SHAPES),
    "LanguageIdentification": sorted(LANGUAGES.values()),
}


def guess(task: str, given: dict, chance: random.Random) -> str:
    if task in GUESSES:
        return chance.choice(GUESSES[task])
    if "options" in given:
        return "ABCDEFGH"[chance.randrange(len(given["options"]))]
    if task == "NumberSequences":
        return re.findall(r"\d+", given["question"])[-1]
    return given.get("raw_text", "")


def generate(task: str, given: dict, request: dict, chance: random.Random):
    """Noise for a drawing, silence for speech, the (first) input for the rest."""
    if task == "TextToSpeech":
        path = output_path(request, ".wav")
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", ""))
            file.writeframes(bytes(2 * 16000))
    elif task == "PointCloudDenoising":
        path = output_path(request, ".xyz")
        with open(given["pointcloud_file"]) as source, open(path, "w") as copy:
            copy.write(source.read())
    elif task == "DigitDrawing":
        path = output_path(request, ".png")
        noise = [chance.randrange(256) for _ in range(64)]
        Image.fromarray(numpy.array(noise, "uint8").reshape(8, 8)).resize((64, 64), 0).save(path)
    else:
        path = output_path(request, ".png")
        with Image.open(given.get("image_file") or given["video_file"]) as source:
            next(ImageSequence.Iterator(source)).convert("L").save(path)
    return path


def answer(request: dict):
    given, task = request["input"], request["task"].rsplit("/", 1)[-1]
    files = sorted(value for key, value in given.items() if key.endswith("_file"))
    name = [re.sub(r".*/", "", file) for file in files]
    chance = random.Random(f"{task} {name} {given.get('question')} {given.get('raw_text')}"
                           f" {given.get('prompt')}")
    if request["paradigm"] == "Generation":
        return generate(task, given, request, chance)
    return guess(task, given, chance)


if __name__ == "__main__":
    serve("chance", answer)
