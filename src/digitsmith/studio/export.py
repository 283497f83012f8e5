"""The studio as a folder of static files, for any web server."""

import shutil
from pathlib import Path

from digitsmith.files import staged_folder
from digitsmith.studio.catalogue import STATIC, Studio


def export_site(studio: Studio, folder: str | Path) -> Path:
    """Write the studio into a new folder, whole or not at all. It works below any path, without a network.

    Raises:
        OutputError: the folder holds something already, or cannot be written.
    """
    with staged_folder(Path(folder)) as staged:
        shutil.copytree(STATIC, staged, dirs_exist_ok=True)
        studio.catalogue.save(staged / "studio.json")
        (staged / "models").mkdir()
        for key, content in studio.contents.items():
            (staged / "models" / f"{key}.onnx").write_bytes(content)
    return Path(folder)
