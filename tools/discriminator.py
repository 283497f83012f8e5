"""The discriminator beside the model in the box: `python tools/discriminator.py RUN`.

Trainings that start from the model take both. It is that of a run of `tools/model.py`, rounded to float16.
"""

import hashlib
import sys
from pathlib import Path

import torch
from safetensors.torch import save

from digitsmith.files import staged_file
from digitsmith.records.run import Run
from digitsmith.training.checkpoint import load_pair

_, weights = load_pair(Run(Path(sys.argv[1])))
content = save({name: tensor.to(torch.float16).contiguous() for name, tensor in sorted(weights.items())})
place = Path(__file__).parent.parent / "src/digitsmith/models/zoo/mnist-discriminator.safetensors"
with staged_file(place) as staged:
    staged.write_bytes(content)
print(f"{place}: {len(content):,} bytes, sha256 {hashlib.sha256(content).hexdigest()}")
