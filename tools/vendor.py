"""The runtime that the studio's pages run models with, from npm: `python tools/vendor.py`, or `make vendor`.

It is kept in the repository, so that the studio works with nothing fetched. Files that are those of `vendor.json` stay;
others are taken from the package of that version, whose integrity npm has published. `--check` only compares.
"""

import argparse
import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "src/digitsmith/studio/static/vendor/onnxruntime-web"


def main() -> None:
    """Compare, and fetch what is not there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="fetch nothing; fail if a file is another")
    arguments = parser.parse_args()
    told = json.loads((FOLDER / "vendor.json").read_text(encoding="utf-8"))
    package = f"{told['package']}@{told['version']}"
    if not (others := stale(told["files"])):
        print(f"{package} is there: {', '.join(told['files'])}.")
        return
    if arguments.check:
        sys.exit(f"{', '.join(others)}: not those of {package}. Run: make vendor")
    with tempfile.TemporaryDirectory() as scratch:
        command = ["npm", "pack", "--silent", "--pack-destination", scratch, package]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (archive,) = Path(scratch).iterdir()
        found = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if found != told["integrity"]:
            sys.exit(f"{package} has the integrity {found}, not {told['integrity']}.")
        with tarfile.open(archive) as files:
            for name in told["files"]:
                file = files.extractfile(f"package/dist/{name}")
                assert file is not None
                (FOLDER / name).write_bytes(file.read())
    if others := stale(told["files"]):
        sys.exit(f"{', '.join(others)} of {package}: not those of vendor.json. Look at what changed.")
    print(f"{package}: {', '.join(told['files'])}.")


def stale(files: dict[str, str]) -> list[str]:
    """The files that are not there, or others than those of these SHA-256."""
    return [
        name
        for name, sha256 in files.items()
        if not (path := FOLDER / name).is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256
    ]


if __name__ == "__main__":
    main()
