"""What went wrong once: inputs that ended in a traceback, a crash or a gigabyte. None of them may again."""

import io
import json
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq

from fuzz import corpus
from fuzz.arrays import Tensors, close_safetensors, open_safetensors
from fuzz.corpus import SIDE
from fuzz.mutations import Files

LONG, DEEP = "b" * 5000, "[" * 5000


def past(reader: str) -> dict[str, Files]:
    """Those of a reader, by what is wrong with them."""
    return _PAST[reader]() if reader in _PAST else {}


def _npz() -> dict[str, Files]:
    whole = zipfile.ZipFile(io.BytesIO(corpus.data_sets("npz")[0]["train.npz"]))
    members = {name: whole.read(name) for name in whole.namelist()}
    header = "{{'descr': '{}', 'fortran_order': False, 'shape': ({},)}}"
    damaged = bytearray(_zipped(members, zipfile.ZIP_LZMA))
    damaged[120] ^= 255
    changes = {
        "a header that is cut short": {"images": _npy("{'descr': '|u1', 'shape': (")},
        "a side of 10**30": {"images": _npy(header.format("|u1", 10**30))},
        "images of 256 GiB": {"images": _npy(header.format("|u1", 2**38))},
        "labels of 12 GiB": {"labels": _npy(header.format("|u1", 3 * 2**32))},
        "images that are no array": {"images": b"images"},
        "labels that are no array": {"labels": b"labels"},
        "classes that are no array": {"classes": b"classes"},
        "class names beyond Unicode": {"classes": _npy(header.format("<U1", 2), b"\xf0\xff\xff\xff" * 2)},
    }
    contents = {
        what: _zipped(members | {f"{name}.npy": content for name, content in change.items()})
        for what, change in changes.items()
    }
    contents |= {"damaged LZMA": bytes(damaged), "a long name": _zipped({f"{LONG}.npy": members["images.npy"]})}
    return {what: {"train.npz": content} for what, content in contents.items()}


def _zipped(members: dict[str, bytes], packed: int = zipfile.ZIP_STORED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", packed) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return made.getvalue()


def _npy(header: str, data: bytes = bytes(64)) -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def _parquet() -> dict[str, Files]:
    table = pq.read_table(io.BytesIO(corpus.data_sets("parquet")[0]["train.parquet"]))

    def written(table: pa.Table) -> Files:
        made = io.BytesIO()
        pq.write_table(table, made)
        return {"train.parquet": made.getvalue()}

    n = len(table)
    kinds = {
        "numbers": pa.array([1.5] * n), "lists": pa.array([[1]] * n), "nothing": pa.nulls(n),
        "texts": pa.array(["x"] * n),
        "huge numbers": pa.array([2**63] * n, pa.uint64()), "times": pa.array([0] * n, pa.timestamp("s")),
        "structs": pa.array([{"bytes": 5}] * n), "empty structs": pa.array([{"bytes": None}] * n),
    }  # fmt: skip
    odd = {f"{column}s that are {kind}": written(table.set_column(at, column, values))
           for kind, values in kinds.items() for at, column in enumerate(("image", "label"))}  # fmt: skip
    return odd | {
        "deep metadata": written(table.replace_schema_metadata({b"huggingface": DEEP.encode()})),
        "a long name in place of image": written(table.rename_columns([LONG, "label"])),
    }


def _picture() -> dict[str, Files]:
    entries = [(256, 4, SIDE), (257, 4, SIDE), (259, 3, 1), (262, 3, 1), (273, 5, 110), (278, 4, SIDE), (279, 4, 64)]
    table = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    header = b"II*\0" + struct.pack("<IH", 8, len(entries)) + table + bytes(4)
    return {f"{kind} of two pages": files for kind, files in corpus.pages().items()} | {
        "a TIFF whose pixels lie at a fraction": {
            "image": header.ljust(110, b"\0") + struct.pack("<II", 7, 2) + bytes(64)
        }
    }


def _generated() -> dict[str, Files]:
    files = corpus.generated()[0]
    record = json.loads(files["dataset.json"])
    sources = (LONG, "a\0b", "/dev/zero", "\ud800")
    made = {source[:10]: record | {"generated": record["generated"] | {"trained_on": source}} for source in sources}
    found = {f"trained on {what!a}": json.dumps(record).encode() for what, record in made.items()}
    return {what: files | {"dataset.json": content} for what, content in (found | {"deep": DEEP.encode()}).items()}


def _config() -> dict[str, Files]:
    text = corpus.configs()[0]["config.toml"].decode()
    changes = {
        "5,000 digits": text.replace("seed = 0", f"seed = {'9' * 5000}"),
        "a long key": f"{text}\n[{LONG}]\n",
        "a long value": text.replace('"normal"', f'"{LONG}"'),
        "deep lists": f"x = {DEEP}",
    }
    return {what: {"config.toml": change.encode()} for what, change in changes.items()}


def _change() -> dict[str, Files]:
    texts = ["epochs=" + "9" * 5000, f"{LONG}=1", LONG, f"epochs={LONG}", f"epochs={DEEP}", "epochs='\ud800'"]
    return {f"{text[:20]!a}": {"change": text.encode("utf-8", "surrogatepass")} for text in texts}


def _words() -> dict[str, Files]:
    return {
        repr(text[:10]): {"words": text.encode()}
        for text in (LONG, "1" * 5000, "1/" + "9" * 5000, "a\0b", "²/³", "²x²")
    }


def _metrics() -> dict[str, Files]:
    first = corpus.of_run("metrics.jsonl")["metrics.jsonl"].splitlines()[0]
    changes: list[dict[str, Any]] = [
        {"step": [1]},
        {"step": 10**30},
        {"epoch": 2 * 10**9},
        {"epoch": -1},
        {"epoch": 10**30},
    ]
    changes += [{"seconds": 1e300}, {"step": 0}, {"frechet_distance": 1, "frechet_floor": 5e-324}]
    lines = {str(change): json.dumps(json.loads(first) | change).encode() for change in changes}
    lines |= {"no step": b"{}", "no table": b"5", "deep lists": DEEP.encode(), "no UTF-8": b"\xff"}
    return {what: {"metrics.jsonl": first + b"\n" + line + b"\n"} for what, line in lines.items()}


def _checkpoint() -> dict[str, Files]:
    folder, file = corpus.checkpoints()[0], "checkpoint/state.safetensors"
    metadata, tensors = open_safetensors(folder[file])
    moment, position = "generator-optimizer.exp_avg", json.loads(metadata["position"])
    n = len(tensors[moment][2]) // 4
    changes: dict[str, Tensors] = {
        "a short moment": {moment: ("F32", [1], bytes(4))},
        "a moment of float16": {moment: ("F16", [n], bytes(2 * n))},
        "two counts of steps": {"generator-optimizer.step": ("F32", [2], bytes(8))},
        "bounds of one class": {"styles.bounds": ("F32", [1, 1], bytes(4))},
        "styles of few images": {"styles.of_images": ("I64", [8], bytes(64))},
        "styles that are not there": {"styles.of_images": ("I64", [16], b"\x7f" * 128)},
        "a long name": {LONG: ("F32", [1], bytes(4))},
    }
    found = {what: close_safetensors(metadata, tensors | change) for what, change in changes.items()}
    found["no moment"] = close_safetensors(metadata, {name: of for name, of in tensors.items() if name != moment})
    texts = {str(odd): json.dumps(position | odd) for odd in _POSITIONS} | {"deep lists": DEEP}
    found |= {what: close_safetensors(metadata | {"position": text}, tensors) for what, text in texts.items()}
    return {what: folder | {file: content} for what, content in found.items()}


_POSITIONS: list[dict[str, Any]] = [
    *({"epoch": "x"}, {"epoch_step": 10**9}, {"step": -5}, {"step": 10**30}, {"seconds": None}, {"seconds": 1e300}),
    *({"best_epoch": -1}, {"best_distance": None}, {"summed_steps": 10**9}),
]


def _model() -> dict[str, Files]:
    tiny, exported = (onnx.ModelProto.FromString(files["model.onnx"]) for files in corpus.models()[:2])
    for node in exported.graph.node:
        if node.op_type == "Unsqueeze":
            node.op_type = "CenterCropPad"
    weight = tiny.graph.initializer[0]
    array = np.full(list(weight.dims), np.nan, np.float32)
    weight.CopyFrom(onnx.numpy_helper.from_array(array, weight.name))
    found = {"an operator whose inference crashes": exported, "weights that are no numbers": tiny}
    return {what: {"model.onnx": proto.SerializeToString()} for what, proto in found.items()}


def _metadata() -> dict[str, Files]:
    record = json.loads(corpus.metadata()[0]["metadata.json"])
    training = record["training"]
    changes = {
        "trained on a long name": {"training": training | {"data": training["data"] | {"source": LONG}}},
        "trained on a device": {"training": training | {"data": training["data"] | {"source": "/dev/zero"}}},
        "a number that is none": {"training": training | {"validation_distance": float("nan")}},
        "a config of other types": {"training": training | {"config": {"networks": 5}}},
    }
    made = {what: {"metadata.json": json.dumps(record | change).encode()} for what, change in changes.items()}
    return made | {"deep lists": {"metadata.json": DEEP.encode()}}


def _result() -> dict[str, Files]:
    whole = _content(corpus.results()[0])
    confusion = whole["confusion"]
    changes = {
        "no counts": {"counts": []},
        "no agreement": {"agreement": []},
        "no agreement of real images": {"real_agreement": []},
        "a label more": {"labels": [*confusion["labels"], "x"]},
        "a digit less": {"digits": confusion["digits"][1:]},
        "long rows": {"counts": [[1] * 50] * 10},
        "negative counts": {"counts": [[-5] * 10] * 10},
        "counts of nothing": {"counts": [[0] * 10] * 10},
        "huge counts": {"counts": [[10**400] * 10] * 10},
    }
    made = {what: whole | {"confusion": confusion | change} for what, change in changes.items()}
    made["huge measures"] = whole | {
        "measures": [measure | {"value": 1.7e308, "real": 5e-324} for measure in whole["measures"]]
    }
    study = next(result for result in map(_content, corpus.results()) if result["kind"] == "classifiers")
    row = study["rows"][0] | {"difference": 0.1, "low": 0.0, "high": None}
    made["an interval of one end"] = study | {"rows": [row]}
    return {what: {"result.json": json.dumps(result).encode()} for what, result in made.items()}


def _content(files: Files) -> Any:
    return json.loads(files["result.json"])


def _download() -> dict[str, Files]:
    heads = {
        "elsewhere": "302 Found\r\nLocation: /there",
        "away": "404 Not Found\r\nContent-Length: 0",
        "nothing is missing of nothing": "416 Range Not Satisfiable\r\nContent-Length: 0",
        "a length that is no number": "200 OK\r\nContent-Length: abc",
        "a length below zero": "200 OK\r\nContent-Length: -1",
        "elsewhere, but nowhere": "302 Found\r\nLocation: http://[",
        "much to say": f"404 {LONG}",
        "an endless list of redirections": "302 Found\r\nLocation: /",
        "elsewhere, in no encoding": "302 Found\r\nLocation: /\udce8",
    }
    return {
        what: {"response": f"HTTP/1.1 {head}\r\n\r\n".encode("utf-8", "surrogateescape")}
        for what, head in heads.items()
    }


_PAST: dict[str, Callable[[], dict[str, Files]]] = {
    "picture": _picture,
    "npz": _npz,
    "parquet": _parquet,
    "generated": _generated,
    "config": _config,
    "change": _change,
    "words": _words,
    "metrics": _metrics,
    "checkpoint": _checkpoint,
    "weights": _checkpoint,
    "start": _checkpoint,
    "model": _model,
    "metadata": _metadata,
    "result": _result,
    "download": _download,
}
