"""Engines that read a line of text: Tesseract (its English LSTM) with different preparation."""

from engines import engine, main  # before numeric libraries: it limits their threads
from sources import TESSDATA, need

from PIL import Image, ImageFilter


def reader(page_segmentation: int, prepare=lambda image: image):
    import tesserocr

    need(TESSDATA / "eng.traineddata", "tesseract-ocr-eng")
    tesseract = tesserocr.PyTessBaseAPI(path=str(TESSDATA), lang="eng", psm=page_segmentation)

    def read(request: dict) -> str:
        image = Image.open(request["input"]["image_file"]).convert("L")
        tesseract.SetImage(prepare(image))
        return " ".join(tesseract.GetUTF8Text().split())

    return read


def smooth_and_double(image: Image.Image) -> Image.Image:
    size = (2 * image.width, 2 * image.height)
    return image.filter(ImageFilter.GaussianBlur(0.7)).resize(size, Image.BICUBIC)


@engine("tesseract-smooth")
def tesseract_smooth():
    return reader(7, smooth_and_double)


@engine("tesseract-line")
def tesseract_line():
    return reader(7)


@engine("tesseract-block")
def tesseract_block():
    return reader(6)


@engine("tesseract-sparse")
def tesseract_sparse():
    return reader(11)


if __name__ == "__main__":
    main()
