"""Engines that read and draw handwritten digits, learnt from the training part of the set."""

from engines import engine, main  # before numeric libraries: it limits their threads
from muster_model import output_path
from sources import FONTS, digits, need

import re
from zlib import crc32

import numpy
from PIL import Image, ImageDraw, ImageFont


def to_array(path: str) -> numpy.ndarray:
    """A picture of a digit (ink is white) as the data set has it: 8x8, 0..16."""
    return numpy.asarray(Image.open(path).convert("L").resize((8, 8), Image.BOX)) / 255 * 16


def classifier(model):
    images, labels = digits(test=False)
    model.fit(images.reshape(len(images), -1), labels)

    def read(request: dict) -> str:
        image = to_array(request["input"]["image_file"])
        return str(model.predict(image.reshape(1, -1))[0])

    return read


@engine("digits-svm")
def digits_svm():
    from sklearn.svm import SVC

    return classifier(SVC(gamma=0.001, C=10))


@engine("digits-nearest")
def digits_nearest():
    from sklearn.neighbors import KNeighborsClassifier

    return classifier(KNeighborsClassifier(1))


@engine("digits-bayes")
def digits_bayes():
    from sklearn.naive_bayes import GaussianNB

    return classifier(GaussianNB())


@engine("digits-centroid")
def digits_centroid():
    from sklearn.neighbors import NearestCentroid

    return classifier(NearestCentroid())


def artist(draw):
    """An engine that draws: draw(digit, random) -> 8x8, 0..16."""

    def answer(request: dict):
        prompt = request["input"]["prompt"]
        digit = int(re.search(r"\d", prompt).group())
        image = draw(digit, numpy.random.RandomState(crc32(prompt.encode())))
        pixels = numpy.clip(numpy.rint(image / 16 * 255), 0, 255).astype("uint8")
        path = output_path(request, ".png")
        Image.fromarray(pixels).resize((64, 64), Image.NEAREST).save(path)
        return path

    return answer


def gaussian_artist(spread: float):
    """Each pixel from its distribution in the training images of the digit."""
    images, labels = digits(test=False)
    mean = [images[labels == digit].mean(0) for digit in range(10)]
    deviation = [images[labels == digit].std(0) for digit in range(10)]
    return artist(lambda digit, random:
                  mean[digit] + spread * deviation[digit] * random.normal(size=(8, 8)))


@engine("draw-gaussian")
def draw_gaussian():
    return gaussian_artist(spread=1.0)


@engine("draw-wild")
def draw_wild():
    return gaussian_artist(spread=2.5)


@engine("draw-blend")
def draw_blend():
    """A random blend of three training images of the digit."""
    images, labels = digits(test=False)

    def draw(digit: int, random) -> numpy.ndarray:
        own = images[labels == digit]
        return numpy.tensordot(random.dirichlet((1, 1, 1)), own[random.choice(len(own), 3)], 1)

    return artist(draw)


@engine("draw-font")
def draw_font():
    """The digit of a typeface, tilted a little."""
    font = ImageFont.truetype(str(need(FONTS / "DejaVuSans.ttf", "fonts-dejavu-core")), 40)

    def draw(digit: int, random) -> numpy.ndarray:
        canvas = Image.new("L", (40, 40))
        ImageDraw.Draw(canvas).text((20, 20), str(digit), 255, font, anchor="mm")
        tilted = canvas.rotate(random.uniform(-15, 15), Image.BILINEAR)
        return numpy.asarray(tilted.resize((8, 8), Image.BOX)) / 255 * 16

    return artist(draw)


if __name__ == "__main__":
    main()
