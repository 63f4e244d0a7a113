"""Engines for photographs: is this a face, and take the noise away."""

from engines import engine, main  # before numeric libraries: it limits their threads
from muster_model import output_path
from sources import PICTURES, faces, need

import numpy
from PIL import Image


def gray(path: str) -> numpy.ndarray:
    """A picture's brightness, 0..1."""
    return numpy.asarray(Image.open(path).convert("L")) / 255


def save(pixels: numpy.ndarray, request: dict):
    path = output_path(request, ".png")
    Image.fromarray(numpy.clip(numpy.rint(pixels * 255), 0, 255).astype("uint8")).save(path)
    return path


def yes_or_no(is_face):
    return lambda request: "yes" if is_face(gray(request["input"]["image_file"])) else "no"


@engine("face-hog-svm")
def face_hog_svm():
    """Histograms of oriented gradients and a support vector machine."""
    from skimage.feature import hog
    from sklearn.svm import SVC

    def describe(image: numpy.ndarray) -> numpy.ndarray:
        return hog(image, 8, (5, 5), (2, 2))

    images, labels = faces(test=False)
    model = SVC(C=10).fit([describe(image) for image in images], labels)
    return yes_or_no(lambda image: model.predict([describe(image)])[0])


@engine("face-lbp-cascade")
def face_lbp_cascade():
    """The cascade of local binary patterns that OpenCV trained."""
    from skimage.feature import Cascade

    cascade = Cascade(str(need(PICTURES / "lbpcascade_frontalface_opencv.xml", "python3-skimage")))

    def is_face(image: numpy.ndarray) -> bool:
        large = Image.fromarray((image * 255).astype("uint8")).resize((100, 100), Image.BICUBIC)
        framed = numpy.pad(numpy.asarray(large), 30, mode="edge")
        return bool(cascade.detect_multi_scale(framed, 1.1, 1, (60, 60), (160, 160)))

    return yes_or_no(is_face)


@engine("face-pixel-svm")
def face_pixel_svm():
    """A support vector machine on the pixels themselves."""
    from sklearn.svm import SVC

    images, labels = faces(test=False)
    model = SVC(C=10).fit([standardised(image).ravel() for image in images], labels)
    return yes_or_no(lambda image: model.predict([standardised(image).ravel()])[0])


@engine("face-template")
def face_template():
    """Likeness to the mean face."""
    images, labels = faces(test=False)
    standard = [standardised(image) for image in images]
    template = numpy.mean([image for image, face in zip(standard, labels) if face], axis=0)
    likeness = numpy.array([(image * template).sum() for image in standard])
    threshold = (numpy.median(likeness[labels]) + numpy.median(likeness[~labels])) / 2
    return yes_or_no(lambda image: (standardised(image) * template).sum() > threshold)


def standardised(image: numpy.ndarray) -> numpy.ndarray:
    return (image - image.mean()) / max(image.std(), 1e-6)


def denoiser(clean):
    return lambda request: save(clean(gray(request["input"]["image_file"])), request)


def noise_level(image: numpy.ndarray) -> float:
    """The deviation of the noise, from the finest diagonal detail (Immerkaer)."""
    from scipy.signal import convolve2d

    mask = numpy.outer((1, -2, 1), (1, -2, 1))
    return numpy.sqrt(numpy.pi / 2) / 6 * numpy.abs(convolve2d(image, mask, "valid")).mean()


@engine("denoise-dct")
def denoise_dct():
    """Thresholds the cosine transform of every 8x8 block (Yu and Sapiro)."""
    from scipy.fft import dctn, idctn

    size = 8

    def clean(image: numpy.ndarray) -> numpy.ndarray:
        padded = numpy.pad(image, size - 1, mode="reflect")
        blocks = numpy.lib.stride_tricks.sliding_window_view(padded, (size, size))
        spectrum = dctn(blocks, axes=(2, 3), norm="ortho")
        kept = numpy.abs(spectrum) >= 2.8 * noise_level(image)
        kept[..., 0, 0] = True
        weight = 1 / kept.sum((2, 3))
        blocks = idctn(spectrum * kept, axes=(2, 3), norm="ortho") * weight[..., None, None]
        total, weights = numpy.zeros_like(padded), numpy.zeros_like(padded)
        height, width = weight.shape
        for y in range(size):
            for x in range(size):
                total[y:y + height, x:x + width] += blocks[..., y, x]
                weights[y:y + height, x:x + width] += weight
        inner = slice(size - 1, 1 - size)
        return (total / weights)[inner, inner]

    return denoiser(clean)


@engine("denoise-nlm")
def denoise_nlm():
    """Non-local means."""
    from skimage.restoration import denoise_nl_means

    def clean(image: numpy.ndarray) -> numpy.ndarray:
        sigma = noise_level(image)
        return denoise_nl_means(image, 5, 6, h=0.8 * sigma, sigma=sigma, fast_mode=True)

    return denoiser(clean)


@engine("denoise-tv")
def denoise_tv():
    """Total variation (Chambolle)."""
    from skimage.restoration import denoise_tv_chambolle

    return denoiser(lambda image: denoise_tv_chambolle(image, weight=0.1))


@engine("denoise-median")
def denoise_median():
    from scipy.ndimage import median_filter

    return denoiser(lambda image: median_filter(image, 3))


if __name__ == "__main__":
    main()
