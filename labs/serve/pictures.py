"""A picture that somebody has sent: checked before it is unpacked, since a small file may hold a huge picture."""

import io

from PIL import Image

from common.errors import InputError

FORMATS = ("PNG", "JPEG", "GIF", "WEBP")  # told by the content, never by a name; the others of PIL stay closed
MOST = 25  # million pixels; a telephone's photograph has 12
MOST_SCANS = 100  # of a progressive JPEG, which has about ten; each is as much work as a whole picture
ORIENTATION, ON_ITS_SIDE = 0x0112, (5, 6, 7, 8)  # Exif's tag, and the values under which width is height


def check_picture(content: bytes) -> tuple[int, int]:
    """Width and height of the picture, held upright. Only its head is read.

    Raises InputError for what is no picture of one of FORMATS, or one that would take too much memory or time.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            width, height = picture.size
            # Not the PNG class's own getexif: it unpacks the picture.
            turned = Image.Image.getexif(picture).get(ORIENTATION) in ON_ITS_SIDE
    except Image.DecompressionBombError:
        raise InputError(f"the picture has more than {MOST} million pixels; send a smaller one") from None
    except Exception as error:  # decoders raise all kinds of errors on damaged files
        raise InputError(f"that is no picture that can be read; send one of {', '.join(FORMATS)}") from error
    if width * height > MOST * 1_000_000:
        raise InputError(f"the picture has {width}×{height} pixels; at most {MOST} million: send a smaller one")
    if content.startswith(b"\xff\xd8") and content.count(b"\xff\xda") > MOST_SCANS:
        raise InputError(f"the JPEG has more than {MOST_SCANS} scans; save it anew")
    return (height, width) if turned else (width, height)
