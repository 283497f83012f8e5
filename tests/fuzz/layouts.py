"""Files made of parts: opened, changed in one part, and put together again so that the rest is right."""

import gzip
import io
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable
from random import Random

from fuzz import values

Change = Callable[[bytes, Random], bytes]
"""Changes a part, whatever it is made of."""


def change_zip(content: bytes, random: Random, change: Change) -> bytes:
    """Change a member, or its name; take it out, or have it twice; and pack all of them in some way."""
    with zipfile.ZipFile(io.BytesIO(content)) as whole:
        members = [(info.filename, whole.read(info)) for info in whole.infolist()]
    at = random.randrange(len(members))
    name, inner = members[at]
    match random.randrange(12):
        case 0:
            del members[at]
        case 1:
            members[at] = (values.odd_text(random), inner)
        case 2:
            members.append((name, change(inner, random)))
        case 3:
            members[at] = (name, random.choice(members)[1])
        case _:
            members[at] = (name, change(inner, random))
    packed = random.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", packed) as whole, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # two members of one name
        for name, inner in members:
            whole.writestr(zipfile.ZipInfo(name), inner, packed)
    return made.getvalue()


def change_gzip(content: bytes, random: Random, change: Change) -> bytes:
    """Change what is packed, or put something behind it."""
    if random.randrange(20) == 0:
        return content + random.choice([content, b"\0", b"garbage", content[:20]])
    return gzip.compress(change(gzip.decompress(content), random), 1, mtime=0)


def change_tar(content: bytes, random: Random, change: Change) -> bytes:
    """Change a member, its name, its type or its place."""
    with tarfile.open(fileobj=io.BytesIO(content)) as whole:
        members = [(info, file.read()) for info in whole if (file := whole.extractfile(info)) is not None]
    at = random.randrange(len(members))
    info, inner = members[at]
    match random.randrange(8):
        case 0:
            del members[at]
        case 1:
            info.name = random.choice(
                [values.odd_text(random), f"a/{info.name}", f"{info.name}.png", f"../{info.name}"]
            )
        case 2:
            info.type = random.choice([tarfile.SYMTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, b"S", b"?"])
        case 3:
            other = random.randrange(len(members))
            members[at], members[other] = members[other], members[at]
        case _:
            members[at] = (info, change(inner, random))
    made = io.BytesIO()
    with tarfile.open(
        fileobj=made, mode="w", format=random.choice([tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT])
    ) as whole:
        for info, inner in members:
            info.size = len(inner)
            whole.addfile(info, io.BytesIO(inner))
    return made.getvalue()


_SIDES = [0, 1, 8, 28, 1024, 2**16, 2**31 - 1, 2**32 - 1]
_CHUNKS = [b"tRNS", b"PLTE", b"iCCP", b"zTXt", b"iTXt", b"tEXt", b"eXIf", b"acTL", b"fcTL", b"gAMA", b"pHYs", b"cHRM"]


def change_png(content: bytes, random: Random, change: Change) -> bytes:
    """Change a chunk, whose checksum is right; of pixels, what is packed in it."""
    chunks, at = [], 8
    while at < len(content):
        (size,) = struct.unpack(">I", content[at : at + 4])
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + size]))
        at += 12 + size
    at = random.randrange(len(chunks))
    kind, inner = chunks[at]
    match random.randrange(8), kind:
        case 0, _:
            del chunks[at]
        case 1, _:
            chunks.insert(at, random.choice(chunks))
        case 2, _:
            some = random.choice([b"", b"\0", b"a\0\0" + zlib.compress(b"x"), inner])
            chunks.insert(1, (random.choice(_CHUNKS), change(some, random)))
        case 3 | 4, b"IHDR":
            chunks[at] = (kind, struct.pack(">II", random.choice(_SIDES), random.choice(_SIDES)) + inner[8:])
        case 5 | 6, b"IHDR":
            chunks[at] = (kind, inner[:8] + bytes([random.choice([1, 2, 4, 8, 16]), random.randrange(8)]) + inner[10:])
        case 3 | 4 | 5, b"IDAT":
            chunks[at] = (kind, zlib.compress(change(zlib.decompress(inner), random), 1))
        case _:
            chunks[at] = (kind, change(inner, random))
    return content[:8] + b"".join(
        struct.pack(">I", len(inner)) + kind + inner + struct.pack(">I", zlib.crc32(kind + inner))
        for kind, inner in chunks
    )


def change_lines(content: bytes, random: Random, change: Change) -> bytes:
    """Change one of several lines, take it out, or have it twice."""
    lines = content.splitlines(keepends=True)
    at = random.randrange(len(lines))
    match random.randrange(6):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, random.choice(lines))
        case _:
            lines[at] = change(lines[at].rstrip(b"\n"), random) + b"\n"
    return b"".join(lines)


def change_json(content: bytes, random: Random, _change: Change) -> bytes:
    """Change a value or a key."""
    return values.changed_json(content.decode(), random).encode("utf-8", "surrogatepass")


def change_toml(content: bytes, random: Random, _change: Change) -> bytes:
    """Change a value or a key."""
    return values.changed_toml(content.decode(), random).encode("utf-8", "surrogatepass")
