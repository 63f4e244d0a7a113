"""Engines for short films: how does the camera move, and what was between two frames."""

from engines import engine, main  # before numeric libraries: it limits their threads
from muster_model import output_path

import numpy
from PIL import Image, ImageSequence


def frames(request: dict) -> list[numpy.ndarray]:
    with Image.open(request["input"]["video_file"]) as film:
        return [numpy.asarray(frame.convert("L")) / 255 for frame in ImageSequence.Iterator(film)]


def grid(size: int):
    """Row and column of each pixel."""
    return numpy.mgrid[0:size, 0:size].astype(float)


def name_motion(right: float, down: float, growth: float) -> str:
    """The word for the largest part of a motion of the picture's content."""
    strength = {"left": -right, "right": right, "up": -down, "down": down,
                "in": growth, "out": -growth}
    return max(strength, key=strength.get)


@engine("motion-affine")
def motion_affine():
    """One affine motion for the whole picture by least squares (Lucas and Kanade)."""
    from scipy.ndimage import gaussian_filter

    def answer(request: dict) -> str:
        film = frames(request)
        before, after = (gaussian_filter(film[index], 2) for index in (0, 2))
        down, right = numpy.gradient((before + after) / 2)
        size = len(before)
        y, x = grid(size) - (size - 1) / 2
        system = numpy.stack([right.ravel(), down.ravel(), (right * x + down * y).ravel()], 1)
        motion = numpy.linalg.lstsq(system, (before - after).ravel(), rcond=None)[0]
        return name_motion(motion[0], motion[1], motion[2] * size / 4)

    return answer


def by_flow(flow):
    """An engine of dense optical flow: its median and its divergence."""
    from scipy.ndimage import gaussian_filter

    def answer(request: dict) -> str:
        film = frames(request)
        down, right = flow(*(gaussian_filter(film[index], 1) for index in (2, 4)))
        size = len(down)
        y, x = grid(size) - (size - 1) / 2
        growth = (right * x + down * y).sum() / (x * x + y * y).sum()
        return name_motion(numpy.median(right), numpy.median(down), growth * size / 4)

    return answer


@engine("motion-ilk")
def motion_ilk():
    """Flow by iterative Lucas-Kanade."""
    from skimage.registration import optical_flow_ilk

    return by_flow(optical_flow_ilk)


@engine("motion-tvl1")
def motion_tvl1():
    """Flow by total variation."""
    from skimage.registration import optical_flow_tvl1

    return by_flow(optical_flow_tvl1)


def displacement(before: numpy.ndarray, after: numpy.ndarray) -> numpy.ndarray:
    """How far the content moved (down, right), by phase correlation."""
    from skimage.registration import phase_cross_correlation

    return phase_cross_correlation(after, before, upsample_factor=10)[0]


@engine("motion-phase")
def motion_phase():
    """Phase correlation: sees shifts only."""

    def answer(request: dict) -> str:
        film = frames(request)
        down, right = displacement(film[3], film[4])
        return name_motion(right, down, 0)

    return answer


def interpolator(between):
    def answer(request: dict):
        before, after = frames(request)
        pixels = numpy.clip(numpy.rint(between(before, after) * 255), 0, 255).astype("uint8")
        path = output_path(request, ".png")
        Image.fromarray(pixels).save(path)
        return path

    return answer


def flow_interpolator(flow):
    """Follow the flow from both sides to the middle."""
    from scipy.ndimage import map_coordinates

    def between(before: numpy.ndarray, after: numpy.ndarray) -> numpy.ndarray:
        half = flow(before, after) / 2
        place = grid(len(before))
        return (map_coordinates(before, place - half, order=1, mode="nearest")
                + map_coordinates(after, place + half, order=1, mode="nearest")) / 2

    return interpolator(between)


@engine("between-ilk")
def between_ilk():
    from skimage.registration import optical_flow_ilk

    return flow_interpolator(optical_flow_ilk)


@engine("between-tvl1")
def between_tvl1():
    from skimage.registration import optical_flow_tvl1

    return flow_interpolator(optical_flow_tvl1)


@engine("between-phase")
def between_phase():
    """One shift for the whole picture."""
    return flow_interpolator(lambda before, after: numpy.broadcast_to(
        displacement(before, after)[:, None, None], (2, *before.shape)))


@engine("between-average")
def between_average():
    return interpolator(lambda before, after: (before + after) / 2)


if __name__ == "__main__":
    main()
