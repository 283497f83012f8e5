"""Changes to files: to their bytes, their text, or the parts that they are made of."""

import re
from random import Random

from fuzz import values
from fuzz.arrays import change_npy, change_onnx, change_parquet, change_safetensors
from fuzz.layouts import change_gzip, change_json, change_lines, change_png, change_tar, change_toml, change_zip

Files = dict[str, bytes]
"""What a reader is given: a folder of files, by path."""

LAYOUTS = [
    (re.compile(rb"PK\x03\x04"), change_zip),
    (re.compile(rb"\x1f\x8b"), change_gzip),
    (re.compile(rb"\x89PNG"), change_png),
    (re.compile(rb"\x93NUMPY"), change_npy),
    (re.compile(rb"PAR1"), change_parquet),
    (re.compile(rb"\x08"), change_onnx),
    (re.compile(rb".{8}\{\"", re.DOTALL), change_safetensors),
    (re.compile(rb".{257}ustar", re.DOTALL), change_tar),
    (re.compile(rb"\{.*\}\n\{.*\}\n", re.DOTALL), change_lines),
    (re.compile(rb"[{\[]"), change_json),
    (re.compile(rb"\[?[\w.]+(\]\n| = )"), change_toml),
]
"""How the content of each layout begins, and what changes it."""


def mutated(files: Files, random: Random) -> Files:
    """A copy with a few changes: to the content of a file, mostly."""
    files = dict(files)
    for _ in range(random.choice([1, 1, 1, 2, 4])):
        names = sorted(files)
        name = random.choice(names)
        action = random.randrange(40)
        if action == 0 and len(files) > 1:
            del files[name]
        elif action == 1:
            files[renamed(name, random)] = files.pop(name)
        elif action == 2:
            files[name] = files[random.choice(names)]
        else:
            files[name] = changed(files[name], random)
    return files


def renamed(path: str, random: Random) -> str:
    """Another name for one of the folders of a path, or for the file, whose ending stays."""
    *folders, file = path.split("/")
    if folders and random.randrange(2):
        folders[random.randrange(len(folders))] = values.odd_text(random)
    else:
        stem, dot, ending = file.rpartition(".")
        file = f"{values.odd_text(random)}{dot}{ending}" if stem else values.odd_text(random)
    return "/".join([*folders, file])


def changed(content: bytes, random: Random) -> bytes:
    """Change a part of what the content is made of, as far as that is known; or its text, or its bytes."""
    if random.randrange(5):
        for begins, change in LAYOUTS:
            if begins.match(content):
                try:
                    return change(content, random, changed)
                except Exception:  # the layout is broken, by an earlier change
                    break
        if text := _as_text(content):
            return changed_text(text, random).encode("utf-8", "surrogatepass")
    return changed_bytes(content, random)


def _as_text(content: bytes) -> str:
    """The content as text; empty if it is none."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return ""
    return "" if "\0" in text else text


def changed_text(text: str, random: Random) -> str:
    """Take a word or a line out, double it, or put an odd one in its place."""
    parts = re.split(r"(\n)" if random.randrange(3) == 0 else r"(\W)", text)
    at = random.randrange(len(parts))
    match random.randrange(5):
        case 0:
            parts[at] = values.odd_text(random)
        case 1:
            parts[at] = random.choice(parts)
        case 2:
            parts[at] += values.odd_text(random)
        case 3:
            del parts[at]
        case _:
            parts.insert(at, random.choice(parts))
    return "".join(parts)


def changed_bytes(content: bytes, random: Random) -> bytes:
    """Flip, cut, repeat, move or insert bytes, or write a number over them that is at the edge of what fits."""
    at = random.randrange(len(content) + 1)
    some = min(len(content) - at, random.choice([1, 1, 2, 4, 16, 64, 1024]))
    before, part, after = content[:at], content[at : at + some], content[at + some :]
    match random.randrange(8):
        case 0:
            return before
        case 1:
            return before + after
        case 2:
            return before + part * random.choice([2, 3, 100]) + after
        case 3:
            return before + values.odd_text(random).encode("utf-8", "surrogatepass") + part + after
        case 4:
            other = random.randrange(len(content) + 1)
            return before + content[other : other + some] + after
        case 5:
            return before + bytes(byte ^ (1 << random.randrange(8)) for byte in part[:4]) + part[4:] + after
        case _:
            width = random.choice([1, 2, 4, 4, 8])
            if random.randrange(2):  # where numbers of that width lie in most headers
                at = min(at // width * width, max(0, len(content) - width))
            return content[:at] + values.odd_number(width, random) + content[at + width :]
