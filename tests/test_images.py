"""Image files as people have them: each kind is decoded to what a viewer shows, or refused with what is wrong."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digitsmith.data import limits
from digitsmith.data.images.decoding import decode, decode_picture, encode
from digitsmith.data.images.many import decode_all
from digitsmith.data.reading import Reading
from digitsmith.data.sources import load_dataset
from digitsmith.errors import DataError
from digitsmith.records.base import ReadOptions

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (10, 12), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (10, 12, 3), dtype=np.uint8)


def saved(image: Image.Image | np.ndarray, kind: str, **options) -> bytes:
    content = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(content, kind, **options)
    return content.getvalue()


def clear(colour: tuple[int, int, int, int], ink: tuple[int, int, int, int]) -> Image.Image:
    image = Image.new("RGBA", (8, 8), colour)
    image.paste(ink, (2, 2, 5, 5))
    return image


class TestModes:
    @pytest.mark.parametrize(
        ("content", "mode"),
        [
            (saved(GREY, "PNG"), "grey"),
            (saved(GREY, "BMP"), "palette"),
            (saved(GREY, "TIFF", compression="tiff_lzw"), "grey"),
            (saved(GREY, "GIF"), "palette"),
            (saved(Image.fromarray(GREY).convert("RGB"), "PNG"), "colour"),
            (saved(GREY, "WEBP", lossless=True), "colour"),
            (saved(GREY.astype(np.uint16) * 257, "PNG"), "16-bit grey"),
            (saved(GREY.astype(np.uint16) * 257, "TIFF"), "16-bit grey"),
            (saved(GREY.astype(np.int32) * 257, "TIFF"), "32-bit grey"),
            (saved(GREY.astype(np.float32) / 255, "TIFF"), "grey of floats"),
            (saved(GREY.astype(np.float32), "TIFF"), "grey of floats"),
            (saved(Image.fromarray(GREY).convert("LA"), "PNG"), "grey, transparent"),
            (saved(Image.fromarray(GREY).convert("RGBA"), "PNG"), "colour, transparent"),
        ],
    )
    def test_grey_is_read_to_the_level(self, content, mode) -> None:
        picture = decode_picture(content)
        assert np.array_equal(picture.pixels, GREY)
        assert picture.mode == mode or (mode == "palette" and picture.mode == "grey")
        assert not picture.changes

    @pytest.mark.parametrize(
        "content",
        [
            saved(COLOUR, "PNG"),
            saved(COLOUR, "WEBP", lossless=True),
            saved(Image.fromarray(COLOUR).convert("CMYK"), "TIFF"),
            saved(Image.fromarray(COLOUR).convert("RGBA"), "TIFF"),
        ],
    )
    def test_colour_is_read_to_the_level(self, content) -> None:
        assert np.array_equal(decode(content, "it"), COLOUR)

    @pytest.mark.parametrize("mode", ["YCbCr", "CMYK"])
    def test_jpeg_of_other_colours(self, mode) -> None:
        smooth = np.asarray(Image.fromarray(COLOUR[:2, :2]).resize((16, 16)))
        read = decode(saved(Image.fromarray(smooth).convert(mode), "JPEG", quality=95), "it")
        assert np.abs(read.astype(int) - smooth).mean() < 4

    @pytest.mark.parametrize("bits", [8, 10, 12])
    def test_fewer_bits_in_sixteen_are_not_made_black(self, bits) -> None:
        levels = (GREY.astype(np.uint16) << (bits - 8)) + (GREY >> (16 - bits))
        picture = decode_picture(saved(levels.astype(np.uint16), "PNG"))
        assert np.array_equal(picture.pixels, GREY)
        assert picture.changes == ("few levels",)

    @pytest.mark.parametrize("levels", [[-1.0, 0.5], [0, 300.0], [np.nan, 1.0], [np.inf, 0.0]])
    def test_floats_of_another_range_are_refused(self, levels) -> None:
        with pytest.raises(DataError, match="its levels run from"):
            decode(saved(np.array([levels], np.float32), "TIFF"), "it")


class TestAlpha:
    @pytest.mark.parametrize(("ink", "paper", "change"), [(20, 255, "white"), (230, 0, "black")])
    @pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "GIF"])
    def test_the_paper_is_what_the_ink_is_not(self, ink, paper, change, kind) -> None:
        image = clear((7, 7, 7, 0), (ink, ink, ink, 255))
        options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
        picture = decode_picture(saved(image, kind, **options))
        assert picture.pixels.shape == (8, 8)
        assert picture.pixels[0, 0] == paper
        assert abs(int(picture.pixels[3, 3]) - ink) <= 1
        assert picture.changes == (change,)

    def test_half_transparent_ink_is_mixed(self) -> None:
        picture = decode_picture(saved(clear((0, 0, 0, 0), (0, 0, 0, 127)), "PNG"))
        assert picture.pixels[3, 3] == 128

    def test_a_scan_with_clear_corners_keeps_its_paper(self) -> None:
        scan = np.full((20, 20, 4), (200, 190, 180, 255), np.uint8)
        scan[5:15, 9:11, :3] = 20
        scan[:4, :4] = scan[-4:, -4:] = 0
        picture = decode_picture(saved(Image.fromarray(scan), "PNG"))
        assert picture.pixels[0, 0].tolist() == [200, 190, 180]
        assert picture.changes == ("own",)

    @pytest.mark.parametrize(("mode", "clear"), [("L", 250), ("RGB", (250, 250, 250))])
    def test_one_colour_that_is_called_transparent_stays(self, mode, clear) -> None:
        image = Image.new(mode, (8, 8), clear)
        image.paste(0, (2, 2, 5, 5)) if mode == "L" else image.paste((0, 0, 0), (2, 2, 5, 5))
        picture = decode_picture(saved(image, "PNG", transparency=clear))
        assert picture.pixels[0, 0] == 250
        assert picture.pixels[3, 3] == 0
        assert picture.changes == ("opaque",)

    def test_a_transparent_palette(self) -> None:
        image = Image.new("P", (8, 8), 0)
        image.putpalette([9, 9, 9, 30, 30, 30])
        image.paste(1, (2, 2, 5, 5))
        pixels = decode(saved(image, "PNG", transparency=0), "it")
        assert pixels[0, 0] == 255
        assert pixels[3, 3] == 30


class TestOrientation:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
    def test_every_turn_of_exif(self, orientation, kind) -> None:
        upright = np.kron([[0, 80, 160], [240, 200, 40]], np.ones((16, 16))).astype(np.uint8)
        turns: dict[int, Callable[[np.ndarray], np.ndarray]] = {
            1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud, 5: np.transpose,
            6: lambda a: np.rot90(a, 1), 7: lambda a: np.rot90(a, 2).T, 8: lambda a: np.rot90(a, -1),
        }  # fmt: skip
        exif = Image.Exif()
        exif[0x0112] = orientation
        options = {"lossless": True} if kind == "WEBP" else {}
        picture = decode_picture(saved(np.ascontiguousarray(turns[orientation](upright)), kind, exif=exif, **options))
        assert np.abs(picture.pixels.astype(int) - upright).max() <= 3
        assert picture.changes == (("turned",) if orientation > 1 else ())


class TestPages:
    @pytest.mark.parametrize("kind", ["TIFF", "GIF", "WEBP", "PNG"])
    def test_several_are_refused_with_their_number(self, kind) -> None:
        others = [Image.fromarray(np.roll(GREY, turn)) for turn in (1, 2)]
        with pytest.raises(DataError, match="it has 3 pages"):
            decode(saved(GREY, kind, save_all=True, append_images=others), "it")

    def test_very_many_are_not_counted(self) -> None:
        others = [Image.new("L", (8, 8), level) for level in range(1, 150)]
        with pytest.raises(DataError, match="100 pages or more"):
            decode(saved(Image.new("L", (8, 8)), "TIFF", save_all=True, append_images=others), "it")

    def test_the_second_picture_of_a_phone_is_none(self) -> None:
        photo = np.full((40, 30), 200, np.uint8)
        content = saved(photo, "MPO", save_all=True, append_images=[Image.new("L", (10, 10))])
        assert (decode(content, "it") == photo).all()


class TestLargePhotos:
    @pytest.mark.parametrize("options", [{}, {"progressive": True}])
    def test_a_jpeg_of_a_phone_is_read_smaller(self, options) -> None:
        picture = decode_picture(saved(Image.new("L", (4000, 3000), 77), "JPEG", **options))
        assert picture.pixels.shape == (375, 500)
        assert (picture.pixels == 77).all()
        assert picture.changes == ("reduced",)

    @pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
    def test_others_are_refused_with_the_mend(self, kind) -> None:
        with pytest.raises(DataError, match=r"1200 x 1000 pixels are too large for a digit: scale it to"):
            decode(saved(Image.new("L", (1200, 1000)), kind), "it")

    def test_the_scans_of_a_large_one_are_bounded(self) -> None:
        content = saved(Image.new("L", (4000, 3000)), "JPEG")
        with pytest.raises(DataError, match="more than 89 scans"):
            decode(content + b"\xff\xda" * 100, "it")

    @pytest.mark.parametrize("kind", [b"VP8X", b"VP8L", b"VP8 "])
    def test_a_webp_that_claims_to_be_huge_takes_no_memory(self, kind) -> None:
        with pytest.raises(DataError, match="too large for a digit"):
            decode(b"RIFF\xff\0\0\0WEBP" + kind + b"\xff" * 30, "it")


class TestMany:
    def items(self, *bad: int, count: int = 10) -> list[tuple[str, bytes | Path | None]]:
        return [(f"{i}.png", b"no image" if i in bad else encode(np.full((8, 8), i, np.uint8))) for i in range(count)]

    def test_modes_sizes_and_places(self) -> None:
        reading = Reading()
        decoded = decode_all([*self.items(), ("colour", encode(COLOUR))], "it", reading, 10**4)
        assert [image.shape for image in decoded.images[8:]] == [(8, 8), (8, 8), (10, 12, 3)]
        assert decoded.kept.tolist() == list(range(11))
        assert reading.modes == {"grey": 10, "colour": 1}
        assert reading.sizes == {(8, 8): 10, (10, 12): 1}

    def test_all_that_cannot_be_read_are_counted_and_named(self) -> None:
        with pytest.raises(DataError) as caught:
            decode_all([*self.items(3, 7), ("empty", None)], "it", Reading(), 10**4)
        assert caught.value.parameter == "skip_bad"
        assert caught.value.message == (
            "3 of 11 images cannot be read: 3.png (it is no image of a format that is known), "
            "7.png (it is no image of a format that is known), empty (it is empty): replace them, or take them out."
        )

    def test_they_can_be_left_out_which_is_noted(self) -> None:
        reading = Reading(ReadOptions(skip_bad=True))
        decoded = decode_all(self.items(3, 7), "it", reading, 10**4)
        assert decoded.kept.tolist() == [0, 1, 2, 4, 5, 6, 8, 9]
        assert [int(image[0, 0]) for image in decoded.images] == decoded.kept.tolist()
        assert "2 of 10 images were left out" in reading.notes[0]
        assert "3.png (" in reading.notes[0]
        with pytest.raises(DataError, match="2 of 2 images cannot be read"):
            decode_all(self.items(0, 1, count=2), "it", reading, 10**4)

    def test_labels_go_with_the_images_that_are_left_out(self, tmp_path) -> None:
        for label in "abc":
            (tmp_path / label).mkdir()
            for i in range(3):
                (tmp_path / label / f"{i}.png").write_bytes(encode(np.full((8, 8), 9 * ord(label) % 256, np.uint8)))
        (tmp_path / "b" / "0.png").write_bytes(b"no image")
        with pytest.raises(DataError, match=r"1 of 9 images cannot be read: .*b/0\.png"):
            load_dataset(tmp_path, progress=False)
        data = load_dataset(tmp_path, skip_bad=True, progress=False)
        assert data.labels is not None
        assert data.labels.tolist() == [0, 0, 0, 1, 1, 2, 2, 2]
        assert data.images[3, 0, 0] == 9 * ord("b") % 256
        for i in range(3):
            (tmp_path / "b" / f"{i}.png").write_bytes(b"no image")
        with pytest.raises(DataError, match="of class b no image can be read: replace one"):
            load_dataset(tmp_path, skip_bad=True, progress=False)

    def test_what_is_done_is_said_once_with_how_many(self) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        reading = Reading()
        decode_all([(str(i), saved(GREY, "PNG", exif=exif)) for i in range(3)], "photos", reading, 10**4)
        assert reading.notes == ["photos: 3 of 3 images were turned upright, as their EXIF tag says."]

    def test_all_together_are_bounded(self, monkeypatch) -> None:
        monkeypatch.setattr(limits, "FREE_BYTES", 2**9)
        with pytest.raises(DataError, match="claims 9 images of 576 bytes"):
            decode_all(self.items(), "it", Reading(), 1)


class TestSizes:
    @pytest.fixture
    def mixed(self, tmp_path) -> Path:
        for i, side in enumerate((8, 8, 40)):
            image = np.zeros((side, side), np.uint8)
            image[side // 4 : side // 2, side // 4 : side // 2] = 255
            (tmp_path / f"{i}.png").write_bytes(encode(image))
        return tmp_path

    def test_two_are_refused_with_counts_and_mend(self, mixed) -> None:
        with pytest.raises(DataError, match=r"two sizes: 2 of 8x8 \(such as .*0\.png\), 1 of 40x40") as caught:
            load_dataset(mixed, progress=False)
        assert caught.value.parameter == "frame"

    def test_each_is_scaled_from_its_own_pixels(self, mixed) -> None:
        images = load_dataset(mixed, resize=(16, 16), progress=False).images
        assert images.shape == (3, 16, 16)
        assert np.abs(images[0].astype(int) - images[2]).mean() < 12

    def test_each_is_framed(self, mixed) -> None:
        images = load_dataset(mixed, frame="mnist", progress=False).images
        assert images.shape == (3, 28, 28)
        assert (images[0] == images[2]).all()
