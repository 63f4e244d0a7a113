"""Scores a drawn digit: 100 if a classifier sees the digit that was asked for, else 0."""

from models import serve  # first: it says where the modules of models are
from digits import digits_svm

read = digits_svm()


def score(request: dict) -> float:
    seen = read({"input": {"image_file": request["file"]}})
    return 100.0 if seen == request["references"][0] else 0.0


serve("digits-svm", score)
