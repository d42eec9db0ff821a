"""Pictures, drawn anew: what comes out shows the same and holds nothing else of what came in. Pure but for memory.

A file is looked at before anything of it is unpacked: how large the picture claims to be, how many frames, scans and parts it
has. What would take more than a fair picture does is refused by that alone (a bomb of a few kilobytes can ask for
gigabytes, or for a minute of work). Then it is decoded to pixels and encoded from them: no EXIF, no place, no comment, no
thumbnail, no colour profile, nothing behind its end. It stands upright, and its colours are sRGB.

One at a time in a process: a large picture is 160 MB of pixels for a moment.
"""

import io
import struct
import threading
import warnings

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from portal.kernel.errors import Kind, Refusal

MOST_PIXELS = 40_000_000  # of all frames together
LONGEST_SIDE = 16_000
MOST_FRAMES = 300
MOST_PARTS = 20_000  # of a PNG, a GIF
MOST_BLOCKS = 200_000  # of one frame of a GIF; 10 MB are 41,000 full ones
MOST_SEGMENTS = 2_000  # of a JPEG, before its picture
MOST_SCANNED = 400_000_000  # pixels times scans of a progressive JPEG
QUALITY = 90
FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP", "image/gif": "GIF"}

_turn = threading.Lock()
_PNG_HEAD = struct.Struct(">I4s")


def redraw(data: bytes, kind: str) -> bytes:
    """The picture anew, of the same type. Refuses `bad_picture` and `picture_too_large`."""
    _look(data, kind)
    with _turn, warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(data), formats=[FORMATS[kind]]) as picture:
                _check_size(picture)
                return _animated(picture) if _is_animated(picture, kind) else _still(picture, kind)
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            raise too_large() from error
        except (
            OSError,
            ValueError,
            SyntaxError,
            TypeError,
            KeyError,
            IndexError,
            struct.error,
            UnidentifiedImageError,
        ) as error:
            raise bad() from error


def bad() -> Refusal:
    return Refusal(
        "bad_picture", "That picture cannot be opened. It may be damaged; save it anew and try again.", field="file"
    )


def too_large() -> Refusal:
    return Refusal(
        "picture_too_large", "That picture is larger than 40 megapixels, or has too many frames. Make it smaller.", Kind.TOO_LARGE,
        field="file", pixels=MOST_PIXELS, frames=MOST_FRAMES,
    )  # fmt: skip


def _check_size(picture: Image.Image) -> None:
    frames = getattr(picture, "n_frames", 1) if picture.format == "WEBP" else 1  # a GIF's were counted, a PNG shows one
    if (
        max(picture.size) > LONGEST_SIDE
        or frames > MOST_FRAMES
        or picture.width * picture.height * frames > MOST_PIXELS
    ):
        raise too_large()


def _is_animated(picture: Image.Image, kind: str) -> bool:
    return kind in {"image/gif", "image/webp"} and bool(getattr(picture, "is_animated", False))


def _still(picture: Image.Image, kind: str) -> bytes:
    upright = ImageOps.exif_transpose(_in_srgb(picture))
    if kind == "image/jpeg":
        return _saved(
            upright if upright.mode in {"L", "RGB"} else upright.convert("RGB"), kind, quality=QUALITY, optimize=True
        )
    if kind == "image/webp":
        return _saved(_plain(upright), kind, quality=QUALITY)
    return _saved(_plain(upright), kind, **({"optimize": True} if kind == "image/gif" else {}))


def _animated(picture: Image.Image) -> bytes:
    frames, lasts = [], []
    for number in range(int(getattr(picture, "n_frames", 1))):
        picture.seek(number)
        lasts.append(int(picture.info.get("duration", 100)) or 100)
        frames.append(_anew(picture.convert("RGBA")))
    kind = Image.MIME[str(picture.format)]
    more: dict[str, object] = {"quality": QUALITY} if kind == "image/webp" else {"disposal": 2}
    again = picture.info.get("loop")
    loop = {} if again is None else {"loop": int(again)}
    return _saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=lasts, **loop, **more)


def _in_srgb(picture: Image.Image) -> Image.Image:
    """By the profile that it carries, if that one can be read; what cannot is shown as every viewer without it would."""
    profile = picture.info.get("icc_profile")
    if not profile or picture.mode not in {"RGB", "CMYK"}:
        return picture
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        made = ImageCms.profileToProfile(picture, given, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return picture
    if made is None:
        return picture
    made.info["exif"] = picture.info.get("exif", b"")  # which way is up; it goes right after
    return made


def _plain(picture: Image.Image) -> Image.Image:
    """A mode that PNG and WebP write, transparency kept."""
    if picture.mode in {"L", "LA", "RGB", "RGBA"} and "transparency" not in picture.info:
        return picture
    has_alpha = "A" in picture.getbands() or "transparency" in picture.info
    return picture.convert("RGBA" if has_alpha else "RGB")


def _anew(picture: Image.Image) -> Image.Image:
    """The pixels and nothing that the file said beside them."""
    made = Image.new(picture.mode, picture.size)
    made.paste(picture)
    return made


def _saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    _anew(picture).save(out, format=FORMATS[kind], **options)
    return out.getvalue()


# ── before anything is unpacked ───────────────────────────────────────────────────────────────────────────────────────────────
def _look(data: bytes, kind: str) -> None:
    try:
        {"image/png": _look_at_png, "image/jpeg": _look_at_jpeg, "image/gif": _look_at_gif}.get(kind, _nothing)(data)
    except (IndexError, struct.error) as error:
        raise bad() from error


def _nothing(data: bytes) -> None:
    """WebP says its size and its frames at its head, and its parts are read in C."""


def _check(width: int, height: int, frames: int = 1) -> None:
    if not (width and height):
        raise bad()
    if max(width, height) > LONGEST_SIDE or width * height * frames > MOST_PIXELS or frames > MOST_FRAMES:
        raise too_large()


def _look_at_png(data: bytes) -> None:
    _check(*struct.unpack_from(">II", data, 16))
    at = 8
    for _ in range(MOST_PARTS):
        length, name = _PNG_HEAD.unpack_from(data, at)
        if name == b"IEND":
            return
        at += 12 + length
    raise bad()


def _look_at_jpeg(data: bytes) -> None:
    at, size = 2, (0, 0)
    for _ in range(MOST_SEGMENTS):
        while data[at] == 0xFF and data[at + 1] == 0xFF:
            at += 1
        marker = data[at + 1]
        if data[at] != 0xFF:
            raise bad()
        if marker == 0xDA:
            _check(*size)
            if size[0] * size[1] * data.count(b"\xff\xda", at) > MOST_SCANNED:
                raise too_large()
            return
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            height, width = struct.unpack_from(">HH", data, at + 5)
            size = (width, height)
        at += 2 + (0 if 0xD0 <= marker <= 0xD9 or marker == 0x01 else struct.unpack_from(">H", data, at + 2)[0])
    raise bad()


def _look_at_gif(data: bytes) -> None:
    """Frames are counted by walking over their blocks: Pillow would draw each to find the next."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at, frames = 13 + _table(flags), 0
    for _ in range(MOST_PARTS):
        if data[at] == 0x3B:
            break
        if data[at] == 0x2C:
            frames += 1
            left, top, wide, high = struct.unpack_from("<4H", data, at + 1)
            width, height = max(width, left + wide), max(height, top + high)
            _check(width, height, frames)
            at = _after_blocks(data, at + 11 + _table(data[at + 9]))
        elif data[at] == 0x21:
            at = _after_blocks(data, at + 2)
        else:
            raise bad()
    else:
        raise bad()
    _check(width, height, frames)


def _table(flags: int) -> int:
    """Bytes of a colour table."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    for _ in range(MOST_BLOCKS):
        if not data[at]:
            return at + 1
        at += data[at] + 1
    raise bad()
