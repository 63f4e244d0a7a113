"""Scores a picture: peak signal-to-noise ratio to the reference, in decibels."""

from models import serve  # first: it says where the modules of models are

import numpy
from PIL import Image

BEST = 100.0  # of equal pictures, where the ratio has no limit


def score(request: dict) -> float:
    wanted = Image.open(request["references"][0]).convert("L")
    made = Image.open(request["file"]).convert("L")
    if made.size != wanted.size:
        made = made.resize(wanted.size)
    error = numpy.square(numpy.asarray(made, float) - numpy.asarray(wanted, float)).mean()
    return min(BEST, 10 * numpy.log10(255**2 / error)) if error else BEST


serve("psnr", score)
