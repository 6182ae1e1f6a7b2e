"""Folders of images with known defects, made of patches of photographs and of drawn shapes."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

EXAMPLES = Path(__file__).parents[2] / "examples"
PHOTOS = ("cat.jpg", "coffee.jpg", "eagle.jpg", "rocket.jpg")


def photographs(count: int, *, size: int = 96, seed: int = 0) -> list[Image.Image]:
    """Patches of photographs that do not overlap, each with a few shapes drawn on it.

    Args:
        count: of images; at most 144.
        size: of each side, in pixels.
        seed: of the shapes.
    """
    random = np.random.default_rng(seed)
    patches = []
    for name in PHOTOS:
        photo = Image.open(EXAMPLES / name).convert("RGB")
        width, height = photo.width // 6, photo.height // 6
        for k in range(36):
            left, top = k % 6 * width, k // 6 * height
            patch = photo.crop((left, top, left + width, top + height)).resize((size, size))
            pen = ImageDraw.Draw(patch)
            for _ in range(3):
                x, y = random.integers(0, size, 2).tolist()
                w, h = random.integers(size // 10, size // 2, 2).tolist()
                draw = pen.ellipse if random.random() < 0.5 else pen.rectangle
                draw((x, y, x + w, y + h), fill=tuple(random.integers(0, 256, 3).tolist()))
            patches.append(patch)
    assert count <= len(patches)
    order = np.random.default_rng(0).permutation(len(patches))
    return [patches[i] for i in order[:count].tolist()]


def jpeg(image: Image.Image, quality: int = 90, **options: object) -> bytes:
    """The bytes of a JPEG file."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, **options)
    return file.getvalue()


def shot(data: bytes) -> Image.Image:
    """Decode a file."""
    return Image.open(io.BytesIO(data)).convert("RGB")


def crop(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """A random window of 90 % of each side."""
    width, height = round(0.9 * image.width), round(0.9 * image.height)
    left = int(random.integers(0, image.width - width + 1))
    top = int(random.integers(0, image.height - height + 1))
    return image.crop((left, top, left + width, top + height))


def mirror(image: Image.Image) -> Image.Image:
    """Left for right."""
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def plant(root: Path) -> None:
    """Make a data set with every defect that a check has to find.

    Classes: apple 40, pear 40, plum 3, quince 30 (all of them grey), medlar without a usable image.
    """
    pictures = iter(photographs(144))
    for split, counts in (
        ("train", {"apple": 40, "pear": 30, "plum": 3, "quince": 25}),
        ("val", {"apple": 5, "pear": 5, "plum": 2}),
        ("test", {"apple": 5, "pear": 5, "plum": 2, "quince": 2}),
    ):
        for name, count in counts.items():
            folder = root / split / name
            folder.mkdir(parents=True)
            for i in range(count):
                picture = next(pictures)
                if split == "train" and name == "quince":
                    picture = picture.convert("L")
                (folder / f"{i:02}.jpg").write_bytes(jpeg(picture))
    (root / "train" / "medlar").mkdir()
    _plant_unusable(root / "train")
    _plant_odd(root / "train" / "pear", next(pictures))
    _plant_copies(root)
    _plant_strays(root)


def _plant_unusable(train: Path) -> None:
    good = (train / "apple" / "00.jpg").read_bytes()
    (train / "medlar" / "truncated.jpg").write_bytes(good[: len(good) // 2])
    apple = train / "apple"
    (apple / "truncated.jpg").write_bytes(good[: len(good) * 9 // 10])
    (apple / "zero.jpg").write_bytes(b"")
    (apple / "page.jpg").write_bytes(b"<!DOCTYPE html><html><body>404</body></html>")
    (apple / "pointer.jpg").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    (apple / "notes.png").write_bytes(b"Dear Sir or Madam")
    (apple / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    (apple / "damaged.png").write_bytes(_damaged_png())
    (apple / "bomb.png").write_bytes(_png_header(50_000, 50_000))
    Image.new("RGB", (5, 5), "red").save(apple / "pixel.png")
    Image.fromarray(np.linspace(0, 1, 1024, dtype=np.float32).reshape(32, 32)).save(apple / "float.tif")


def _plant_odd(folder: Path, picture: Image.Image) -> None:
    """Each odd one is another part of a picture, so that no two are copies."""
    parts = [picture.rotate(90 * k).crop((0, 0, 80, 60 + 2 * k)) for k in range(4)]
    exif = Image.Exif()
    exif[0x0112] = 6
    (folder / "lying.jpg").write_bytes(jpeg(parts[0], exif=exif))
    parts[1].save(folder / "wrong_name.jpg", "PNG")
    (folder / "print.jpg").write_bytes(jpeg(parts[2].convert("CMYK")))
    glass = parts[3].copy()
    glass.putalpha(Image.linear_gradient("L").resize(glass.size))
    glass.save(folder / "glass.png")
    deep = np.random.default_rng(3).integers(0, 65536, (60, 60), dtype=np.uint16)
    Image.fromarray(deep).save(folder / "deep.png")
    noise = np.random.default_rng(4).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    frames = [Image.fromarray(frame) for frame in noise]
    frames[0].save(folder / "film.gif", save_all=True, append_images=frames[1:])
    Image.fromarray(noise[1][:20, :20]).save(folder / "icon.png")
    big = Image.fromarray(np.random.default_rng(5).integers(0, 256, (26, 40, 3), dtype=np.uint8))
    (folder / "huge.jpg").write_bytes(jpeg(big.resize((4000, 2600))))


def _plant_copies(root: Path) -> None:
    random = np.random.default_rng(6)
    train = root / "train" / "apple"
    (train / "copy.jpg").write_bytes((train / "01.jpg").read_bytes())
    shot((train / "02.jpg").read_bytes()).save(train / "saved_again.bmp")
    (root / "train" / "pear" / "torn.jpg").write_bytes((train / "03.jpg").read_bytes())
    (root / "val" / "apple" / "leak.jpg").write_bytes((train / "04.jpg").read_bytes())
    (root / "test" / "apple" / "leak.png").write_bytes((train / "05.jpg").read_bytes())
    source = shot((train / "06.jpg").read_bytes())
    (root / "test" / "apple" / "cropped.jpg").write_bytes(jpeg(crop(source, random)))
    (train / "again.jpg").write_bytes(jpeg(mirror(shot((train / "07.jpg").read_bytes())), 40))
    (root / "train" / "pear" / "doubtful.jpg").write_bytes(
        jpeg(shot((train / "08.jpg").read_bytes()), 40)
    )


def _plant_strays(root: Path) -> None:
    good = (root / "train" / "apple" / "09.jpg").read_bytes()
    (root / "train" / ".hidden.jpg").write_bytes(good)
    (root / "train" / "apple" / "Thumbs.db").write_bytes(b"")
    (root / "train" / ".ipynb_checkpoints").mkdir()
    (root / "train" / ".ipynb_checkpoints" / "a.jpg").write_bytes(good)
    (root / "train" / "stray.jpg").write_bytes(good)
    (root / "train" / "apple" / "readme.txt").write_text("fruit")
    if os.name != "nt":
        (root / "train" / "apple" / "loop").symlink_to("..", target_is_directory=True)


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def _png_header(width: int, height: int) -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = _chunk(b"IDAT", zlib.compress(bytes(100)))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + _chunk(b"IEND", b"")


def _damaged_png() -> bytes:
    file = io.BytesIO()
    Image.effect_noise((64, 64), 50).convert("RGB").save(file, "PNG")
    data = bytearray(file.getvalue())
    data[len(data) // 2] ^= 0xFF
    return bytes(data)
