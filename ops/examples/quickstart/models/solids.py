"""Engines for point clouds: which solid is it, and put noisy points back on the surface."""

from engines import engine, main  # before numeric libraries: it limits their threads
from muster_model import output_path

import numpy

SHAPES = ("sphere", "cube", "cylinder", "cone", "torus")


def make_solid(shape: str, random: numpy.random.RandomState, count: int) -> numpy.ndarray:
    """`count` points on the surface of a solid, stretched and turned at random."""
    turn, tube = random.uniform(0, 2 * numpy.pi, (2, count))
    x, y, height = random.uniform(-1, 1, (3, count))
    if shape == "cube":
        points = numpy.stack([x, y, height], 1)
        points[numpy.arange(count), random.randint(0, 3, count)] = random.choice([-1, 1], count)
    else:
        cone = numpy.sqrt((1 + height) / 2)
        radius, height = {"sphere": (numpy.sqrt(1 - height * height), height),
                          "cylinder": (numpy.ones(count), height),
                          "cone": (cone, 1 - 2 * cone),
                          "torus": (1 + 0.35 * numpy.cos(tube), 0.35 * numpy.sin(tube))}[shape]
        points = numpy.stack([radius * numpy.cos(turn), radius * numpy.sin(turn), height], 1)
    rotation, _ = numpy.linalg.qr(random.normal(size=(3, 3)))
    return (points * random.uniform(0.7, 1.3, 3)) @ rotation


def noisy_solid(shape: str, seed: int, count: int = 300, noise: float = 0.06) -> numpy.ndarray:
    random = numpy.random.RandomState(seed)
    return make_solid(shape, random, count) + random.normal(0, noise, (count, 3))


def distances(points: numpy.ndarray) -> numpy.ndarray:
    """D2, a histogram of the distances of random pairs of points (Osada and others)."""
    one, other = numpy.random.RandomState(0).randint(0, len(points), (2, 3000))
    lengths = numpy.linalg.norm(points[one] - points[other], axis=1)
    return numpy.histogram(lengths / lengths.mean(), 24, (0, 3))[0] / 3000


def main_axes(points: numpy.ndarray) -> numpy.ndarray:
    """How long the main axes are, and how the distance from the middle varies."""
    centred = points - points.mean(0)
    axes = numpy.linalg.eigvalsh(numpy.cov(centred.T))
    radius = numpy.linalg.norm(centred, axis=1)
    return numpy.array([axes[0] / axes[2], axes[1] / axes[2],
                        radius.std() / radius.mean(), radius.min() / radius.max()])


def unstretched(points: numpy.ndarray) -> numpy.ndarray:
    """Histograms after stretching the cloud to equal variance along its main axes."""
    centred = points - points.mean(0)
    variance, axes = numpy.linalg.eigh(numpy.cov(centred.T))
    white = centred @ axes / numpy.sqrt(variance)
    radius = numpy.histogram(numpy.linalg.norm(white, axis=1), 16, (0, 3))[0] / len(points)
    return numpy.concatenate([radius, distances(white)])


def classifier(describe):
    """The five nearest of 250 solids made here (with seeds that no test uses)."""
    from sklearn.neighbors import KNeighborsClassifier

    names = [SHAPES[index % 5] for index in range(250)]
    known = [describe(noisy_solid(name, 10_000 + index)) for index, name in enumerate(names)]
    model = KNeighborsClassifier(5).fit(known, names)
    return lambda request: str(model.predict(
        [describe(numpy.loadtxt(request["input"]["pointcloud_file"]))])[0])


@engine("solid-unstretched")
def solid_unstretched():
    return classifier(unstretched)


@engine("solid-distances")
def solid_distances():
    return classifier(distances)


@engine("solid-axes")
def solid_axes():
    return classifier(main_axes)


def smoother(smooth, k: int):
    """An engine of smooth(points, neighbours): neighbours[i] are the `k` nearest of points[i]."""
    from scipy.spatial import cKDTree

    def answer(request: dict):
        points = numpy.loadtxt(request["input"]["pointcloud_file"])
        neighbours = points[cKDTree(points).query(points, k)[1]]
        path = output_path(request, ".xyz")
        numpy.savetxt(path, smooth(points, neighbours), fmt="%.5f")
        return path

    return answer


def to_mean(points: numpy.ndarray, neighbours: numpy.ndarray) -> numpy.ndarray:
    return neighbours.mean(1)


def to_plane(points: numpy.ndarray, neighbours: numpy.ndarray) -> numpy.ndarray:
    """Onto the plane through the neighbours."""
    middle = neighbours.mean(1)
    offsets = neighbours - middle[:, None]
    _, axes = numpy.linalg.eigh(numpy.einsum("nki,nkj->nij", offsets, offsets))
    normal = axes[:, :, 0]
    return points - ((points - middle) * normal).sum(1, keepdims=True) * normal


@engine("cloud-plane")
def cloud_plane():
    return smoother(to_plane, 12)


@engine("cloud-mean")
def cloud_mean():
    return smoother(to_mean, 8)


@engine("cloud-blur")
def cloud_blur():
    return smoother(to_mean, 24)


if __name__ == "__main__":
    main()
