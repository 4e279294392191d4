"""Makes onnx-cases.json.gz, the ONNX standard's own cases for its operators, for test/nn/onnx-cases.test.ts:
/usr/bin/python3 test/nn/golden/make_onnx_cases.py

They come with ONNX (https://github.com/onnx/onnx, onnx/backend/test/data, Apache License 2.0). Debian has them in libonnx-testdata, and
what reads them in python3-onnx. Taken are the cases all of whose operators the test knows, but for those named below.
The file holds {"cases": [{"name", "opset", "nodes", "inputs", "outputs"}], "tensors": [{"type", "shape", "data"}]}, where a
node is [operator, inputs, outputs, attributes], inputs and outputs are lists of [name, number of a tensor], and data is the
base64 of little-endian numbers: of float32, or of int32 for integers and booleans.
"""

import base64
import gzip
import json
import re
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

DATA = Path("/usr/share/libonnx-testdata/data")
HERE = Path(__file__).parent
# A case larger than this says no more than a smaller one.
MOST_BYTES = 12_000

# Operators that are said in functions of ours.
OPERATORS = set(re.findall(r"^  (\w+)(?:\(|:)", re.search(
    r"^export const operators.*?^\};", (HERE.parents[1] / "helpers/onnx-operators.ts").read_text(), re.S | re.M).group(), re.M))

# Cases that no function of Tapegrad expresses, and why.
LEFT_OUT = {
    r"BFLOAT16": "bfloat16",
    r"test_dynamicquantizelinear(_expanded)?$": "a tie that the rounding of float32 makes",
    r"select_last_index": "argmax takes the first of equals",
    r"pow_types_(int|float$)": "powers of integers",
    r"div_uint8": "division of integers",
    r"slice_neg_steps": "steps from 1",
    r"_3d_default|onv3d|ool3d|convtranspose_3d": "three spatial axes",
    r"edge_pad|reflect_pad|operator_pad|ReflectionPad|ReplicationPad": "pads with a constant",
    r"maxpool_with_argmax": "places of maxima",
    r"window\w*_expanded": "a length that is computed",
    r"dropout_(random|default_mask|default_mask_ratio)|training_dropout": "another generator's numbers",
    r"batchnorm_.*training_mode": "running statistics as outputs",
}

TYPES = {
    "float16": np.float32, "float32": np.float32, "float64": np.float32, "bool": np.int32,
    "int8": np.int32, "int16": np.int32, "int32": np.int32, "int64": np.int32,
    "uint8": np.uint32, "uint16": np.uint32, "uint32": np.uint32, "uint64": np.uint32,
}


class Unsuitable(Exception):
    pass


tensors, known = [], {}


def stored(array):
    """A tensor as the file has it."""
    wide = TYPES.get(str(array.dtype))
    if wide is None:
        raise Unsuitable(f"type {array.dtype}")
    with np.errstate(over="ignore"):
        data = array.astype(wide)
    if wide != np.float32 and not np.array_equal(data.astype(array.dtype), array):
        raise Unsuitable("integers beyond 32 bits")
    values = np.ascontiguousarray(data).astype(data.dtype.newbyteorder("<"))
    data = base64.b64encode(values.tobytes()).decode()
    return {"type": str(array.dtype), "shape": list(array.shape), "data": data}


def number_of(array):
    """The number of a tensor in the file; equal ones are there once."""
    entry = stored(array)
    key = json.dumps(entry)
    if key not in known:
        known[key] = len(tensors)
        tensors.append(entry)
    return known[key]


def attribute(a):
    value = onnx.helper.get_attribute_value(a)
    if isinstance(value, onnx.TensorProto):
        return stored(numpy_helper.to_array(value))
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, (list, tuple)):
        return [v.decode() if isinstance(v, bytes) else v for v in value]
    if isinstance(value, (int, float)):
        return value
    raise Unsuitable(f"attribute {a.name}")


def read(path, info):
    if info.type.WhichOneof("value") != "tensor_type":
        raise Unsuitable("no tensor")
    proto = onnx.TensorProto()
    proto.ParseFromString(path.read_bytes())
    return numpy_helper.to_array(proto)


def case_of(folder):
    model = onnx.load(folder / "model.onnx")
    graph = model.graph
    nodes = [[n.op_type, list(n.input), list(n.output), {a.name: attribute(a) for a in n.attribute}] for n in graph.node]
    missing = {n[0] for n in nodes} - OPERATORS
    if missing:
        raise Unsuitable(f"operators: {', '.join(sorted(missing))}")
    files = folder / "test_data_set_0"
    if sum(f.stat().st_size for f in [*files.glob("*.pb"), folder / "model.onnx"]) > MOST_BYTES:
        raise Unsuitable("large")
    constants = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    fed = [i for i in graph.input if i.name not in constants]
    arrays = {i.name: read(files / f"input_{k}.pb", i) for k, i in enumerate(fed)}
    results = {o.name: read(files / f"output_{k}.pb", o) for k, o in enumerate(graph.output)}
    return {
        "name": folder.name.removeprefix("test_"),
        "opset": max(o.version for o in model.opset_import if o.domain in ("", "ai.onnx")),
        "nodes": nodes,
        "inputs": [[name, number_of(a)] for name, a in [*constants.items(), *arrays.items()]],
        "outputs": [[name, number_of(a)] for name, a in results.items()],
    }


cases, left = [], {}
for folder in sorted([*DATA.glob("node/*"), *DATA.glob("pytorch-*/*"), *DATA.glob("simple/*")]):
    why = next((why for pattern, why in LEFT_OUT.items() if re.search(pattern, folder.name)), None)
    try:
        if why:
            raise Unsuitable(why)
        cases.append(case_of(folder))
    except Unsuitable as error:
        left[folder.name] = str(error)

content = json.dumps({"cases": cases, "tensors": tensors}, separators=(",", ":")).encode()
file = HERE / "onnx-cases.json.gz"
file.write_bytes(gzip.compress(content, 9, mtime=0))
print(f"{len(cases)} cases, {len(tensors)} tensors, {file.stat().st_size} bytes; left out {len(left)}:")
for why in sorted(set(left.values())):
    print(f"  {why}: {', '.join(n.removeprefix('test_') for n, w in left.items() if w == why)}")
