"""Scores a point cloud: its Chamfer distance to the reference (the mean way to the nearest point,
from each side, added). Lower is better."""

from models import serve  # first: it says where the modules of models are

import numpy
from scipy.spatial import cKDTree


def score(request: dict) -> float:
    made, wanted = numpy.loadtxt(request["file"]), numpy.loadtxt(request["references"][0])
    there, _ = cKDTree(wanted).query(made)
    back, _ = cKDTree(made).query(wanted)
    return there.mean() + back.mean()


serve("chamfer", score)
