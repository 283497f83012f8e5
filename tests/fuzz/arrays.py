"""Files of arrays and tables: changed in one value, type, shape or name, and written so that the rest is right."""

import ast
import io
import json
import struct
from random import Random
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
from onnx import numpy_helper

from fuzz import values
from fuzz.layouts import Change

_DESCRIPTIONS = [
    *("|u1", "<i8", "<f4", "<f8", "|b1", "<U1", "<U99999999", "<U0", "|O", "|S3", "|V1", "<c16", "<M8[s]", ">u2"),
    *("|u1,<f4", "", [("a", "|u1")], None, 5),
]
_SHAPES = [(), (0,), (-1,), (2**62,), (2**31, 28, 28), (2**40, 0), (1,) * 70, (1.5,), (True,), (10**30,), "x", None]
_FILL = [np.nan, np.inf, -np.inf, 1e30, -1.0, 0.0, 1e9, -(2.0**40), 2.0**62]


def change_npy(content: bytes, random: Random, change: Change) -> bytes:
    """Change the header of an array: its type, its shape, or any of its text; or the values."""
    (size,) = struct.unpack("<H", content[8:10])
    header, data = ast.literal_eval(content[10 : 10 + size].decode("latin1")), content[10 + size :]
    match random.randrange(6):
        case 0:
            header["descr"] = random.choice(_DESCRIPTIONS)
        case 1:
            header["shape"] = random.choice(_SHAPES)
        case 2:
            sides = list(header["shape"])
            sides[random.randrange(len(sides))] = random.choice([0, 1, -1, 3, 10**6, 2**31, 2**63])
            header["shape"] = tuple(sides)
        case 3:
            header["fortran_order"] = random.choice([True, 1, None, "x"])
        case _:
            return content[: 10 + size] + change(data, random)
    text = repr(header).encode("latin1")
    if random.randrange(4) == 0:
        text = change(text, random)[:60_000]
    text += b" " * (-len(text) % 64) + b"\n"
    return content[:8] + struct.pack("<H", len(text)) + text + data


_TENSOR_TYPES = {"F32": "<f4", "F64": "<f8", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I8": "i1", "U8": "u1"}

Tensors = dict[str, tuple[str, list[int], bytes]]
"""Type, shape and values of each tensor."""


def change_safetensors(content: bytes, random: Random, change: Change) -> bytes:
    """Change the header; or a tensor, of whose new shape, type or values the header tells."""
    metadata, tensors = open_safetensors(content)
    if random.randrange(3) == 0:
        (size,) = struct.unpack("<Q", content[:8])
        header = values.changed_json(content[8 : 8 + size].decode(), random).encode("utf-8", "surrogatepass")
        return struct.pack("<Q", len(header)) + header + content[8 + size :]
    name = random.choice(sorted(tensors))
    kind, shape, inner = tensors[name]
    width = np.dtype(_TENSOR_TYPES[kind]).itemsize
    n = len(inner) // width
    match random.randrange(7):
        case 0:
            del tensors[name]
        case 1:
            fewer = random.choice([0, 1, 2, 4, max(0, n - 1), n // 2])
            tensors[name] = (kind, [fewer], inner[: fewer * width])
        case 2:
            tensors[name] = (kind, [2 * n], inner * 2)
        case 3:
            other = random.choice(sorted(_TENSOR_TYPES))
            tensors[name] = (other, shape, bytes(n * np.dtype(_TENSOR_TYPES[other]).itemsize))
        case 4:
            with np.errstate(all="ignore"):
                filled = np.full(n, random.choice(_FILL)).astype(_TENSOR_TYPES[kind])
            tensors[name] = (kind, shape, filled.tobytes())
        case 5:
            other = random.choice([values.odd_text(random), f"{name}x", *random.choices(sorted(tensors), k=2)])
            tensors[other] = tensors[name]
        case _:
            tensors[name] = (kind, random.choice([shape[::-1], [*shape, 1], [1, *shape], [n]]), inner)
    return close_safetensors(metadata, tensors)


def open_safetensors(content: bytes) -> tuple[dict[str, str], Tensors]:
    """The metadata and the tensors of a file."""
    (size,) = struct.unpack("<Q", content[:8])
    header, data = json.loads(content[8 : 8 + size]), content[8 + size :]
    metadata = header.pop("__metadata__", {})
    return metadata, {name: (of["dtype"], of["shape"], data[slice(*of["data_offsets"])]) for name, of in header.items()}


def close_safetensors(metadata: dict[str, str], tensors: Tensors) -> bytes:
    """A file of them."""
    header: dict[str, Any] = {"__metadata__": metadata}
    at = 0
    for name, (kind, shape, inner) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [at, at := at + len(inner)]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(inner for *_, inner in tensors.values())


_OPERATORS = sorted({schema.name for schema in onnx.defs.get_all_schemas()})
_ATTRIBUTES = [
    *("axis", "axes", "pads", "strides", "kernel_shape", "group", "dilations", "to", "mode", "value", "equation"),
    *("seed", "perm", "output_shape", "auto_pad", "transA", "alpha", "dtype", "keepdims", "k", "blocksize"),
]
_ATTRIBUTE_VALUES = [0, -1, 1, 2**31, 2**62, 0.5, [1, 1], [2**20, 2**20], [-1, 0, 3], "x", "SAME_UPPER", "ij,jk->ik"]
_INTEGERS = [0, 1, -1, 2, 3, 7, 18, 64, 1024, 2**20, 2**28, 2**31 - 1]


def change_onnx(content: bytes, random: Random, change: Change) -> bytes:
    """Change an operator, an attribute, a weight, the metadata, or any field of any message."""
    proto = onnx.ModelProto.FromString(content)
    match random.randrange(6):
        case 0:
            random.choice(proto.graph.node).op_type = random.choice(_OPERATORS)
        case 1:
            attribute = onnx.helper.make_attribute(random.choice(_ATTRIBUTES), random.choice(_ATTRIBUTE_VALUES))
            random.choice(proto.graph.node).attribute.append(attribute)
        case 2:
            metadata = random.choice(proto.metadata_props)
            metadata.value = change(metadata.value.encode(), random).decode("utf-8", "replace")
        case 3:
            weight = random.choice(proto.graph.initializer)
            array = numpy_helper.to_array(weight)
            shape = random.choice([array.shape, array.shape, (0,), (), (1, 1), array.shape[::-1]])
            with np.errstate(all="ignore"):
                filled = np.full(shape, random.choice(_FILL)).astype(array.dtype)
            weight.CopyFrom(numpy_helper.from_array(filled, weight.name))
        case _:
            _change_field(random.choice(_messages(proto)), random, change)
    return bytes(proto.SerializeToString())


def _messages(proto: Any) -> list[Any]:
    """A protobuf message, and all within it."""
    found, rest = [], [proto]
    while rest:
        found.append(message := rest.pop())
        for field, value in message.ListFields():
            if field.message_type is not None:
                rest.extend(value if field.is_repeated else [value])
    return found


def _change_field(message: Any, random: Random, change: Change) -> None:
    every = list(message.DESCRIPTOR.fields)
    present = [field for field, _ in message.ListFields()]
    field = random.choice(present if present and random.randrange(4) else every)
    value = getattr(message, field.name)
    if field.message_type is not None and not field.is_repeated:
        message.ClearField(field.name) if random.randrange(2) else value.SetInParent()
    elif not field.is_repeated:
        setattr(message, field.name, _odd_scalar(field, value, random, change))
    elif len(value) and random.randrange(2):
        del value[random.randrange(len(value))]
    elif field.message_type is not None:
        value.add().CopyFrom(random.choice(value))
    else:
        value.append(_odd_scalar(field, random.choice(value) if len(value) else None, random, change))


def _odd_scalar(field: Any, now: Any, random: Random, change: Change) -> Any:
    """Another value of the type of a field."""
    if field.cpp_type == field.CPPTYPE_STRING and field.type != field.TYPE_BYTES:
        text = random.choice([values.odd_text(random), random.choice(_OPERATORS), "z", "image", "label", now or ""])
        return text.encode("utf-8", "replace").decode()
    if field.type == field.TYPE_BYTES:
        return change(now or b"", random)
    if field.cpp_type in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
        return random.choice([0.0, -1.0, 1e30, np.nan, np.inf])
    if field.cpp_type == field.CPPTYPE_INT64:
        return random.choice([*_INTEGERS, 2**31, 2**40, 2**62, -(2**62)])
    return random.choice([0, 1] if field.cpp_type == field.CPPTYPE_BOOL else _INTEGERS)


_CELLS = [
    *(None, 1.5, "x", [1], {"bytes": 5}, b"x", True, -5, 2**62, {"path": "x"}, {"bytes": None}, [{"bytes": b"x"}]),
    *(pa.scalar(2**63, pa.uint64()), pa.scalar(0, pa.timestamp("s")), pa.scalar(1, pa.decimal128(5, 2))),
]


def change_parquet(content: bytes, random: Random, change: Change) -> bytes:
    """Change a column's type, name or values, or the metadata."""
    table = pq.read_table(io.BytesIO(content))
    names = table.column_names
    at = random.randrange(len(names))
    odd = pa.repeat(random.choice(_CELLS), len(table))
    match random.randrange(8):
        case 0:
            table = table.drop_columns([names[at]])
        case 1:
            names[at] = values.odd_text(random).encode("utf-8", "replace").decode()
            table = table.rename_columns(names)
        case 2:
            table = table.append_column(random.choice([*names, "x"]), odd)
        case 3:
            metadata = {key: change(value, random) for key, value in (table.schema.metadata or {}).items()}
            table = table.replace_schema_metadata(metadata)
        case 4:
            rows = table.to_pylist()
            cell = random.choice(rows)["image"]
            cell["bytes"] = change(cell["bytes"], random)
            table = pa.Table.from_pylist(rows, table.schema)
        case 5:
            table = table.slice(0, random.choice([0, 1]))
        case 6:
            table = table.set_column(at, names[at], table.column(at).dictionary_encode())
        case _:
            table = table.set_column(at, names[at], odd)
    made = io.BytesIO()
    pq.write_table(table, made, compression=random.choice(["none", "snappy", "gzip", "zstd"]))
    return made.getvalue()
