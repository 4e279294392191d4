"""The models as PyTorch has them, and safetensors files read and written without the package of that name.

As a command, the other side of test/interchange/interchange.test.ts:
    torch_models.py new MODEL SEED WEIGHTS             writes weights as torch.nn initializes them
    torch_models.py run MODEL WEIGHTS IMAGES RESULTS   loads weights by their names, all of them and no others, and writes
                                                       the codes' "mean" and the "reconstruction" of "images" (bytes)
"""

import json
import struct
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

DTYPES = {"F64": "<f8", "F32": "<f4", "U8": "u1"}


def read_safetensors(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        body = file.read()
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        values = np.frombuffer(body[start:end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
        tensors[name] = torch.from_numpy(values.copy())
    return tensors


def write_safetensors(path, tensors, metadata={}):
    names = {np.dtype(code): name for name, code in DTYPES.items()}
    arrays = {name: np.ascontiguousarray(t) for name, t in tensors.items()}
    header, end = {"__metadata__": metadata}, 0
    for name, array in sorted(arrays.items(), key=lambda item: -item[1].itemsize):
        start, end = end, end + array.nbytes
        header[name] = {"dtype": names[array.dtype], "shape": array.shape, "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in list(header)[1:]:
            file.write(arrays[name].tobytes())


def conv_encoder(hidden, outputs):
    return nn.Sequential(
        nn.Conv2d(1, 16, 4, stride=2, padding=1, bias=False),
        nn.ReLU(),
        nn.Conv2d(16, 32, 4, stride=2, padding=1, bias=False),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(1568, hidden),
        nn.ReLU(),
        nn.Linear(hidden, outputs),
    )


def conv_decoder(hidden, latent):
    return nn.Sequential(
        nn.Linear(latent, hidden),
        nn.ReLU(),
        nn.Linear(hidden, 1568),
        nn.ReLU(),
        nn.Unflatten(1, (32, 7, 7)),
        nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1, bias=False),
        nn.ReLU(),
        nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1, bias=False),
    )


def kl(mean, log_sigma):
    """KL of N(mean, sigma^2) from N(0, 1), for every sample and dimension, by torch.distributions."""
    posterior = torch.distributions.Normal(mean, log_sigma.exp())
    prior = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    return torch.distributions.kl_divergence(posterior, prior)


class AE(nn.Module):
    defaults = {"latent": 5, "hidden": 128}

    def __init__(self, latent, hidden):
        super().__init__()
        self.latent = latent
        self.encoder = conv_encoder(hidden, latent)
        self.decoder = conv_decoder(hidden, latent)

    @staticmethod
    def normalize(images):
        return (images / 255 - 0.1307) / 0.3081

    def encode(self, x):
        return self.encoder(x), None

    def decode(self, z):
        return self.decoder(z)

    def losses(self, x, epsilon):
        reconstruction = F.mse_loss(self.decode(self.encode(x)[0]), x)
        return {"loss": reconstruction, "reconstruction": reconstruction}


class VAE(AE):
    defaults = {"latent": 5, "hidden": 100}
    beta = 0.1

    def __init__(self, latent, hidden):
        super().__init__(latent, hidden)
        self.encoder = conv_encoder(hidden, 2 * latent)

    def encode(self, x):
        return self.encoder(x).chunk(2, dim=1)

    def losses(self, x, epsilon):
        mean, log_sigma = self.encode(x)
        reconstruction = F.mse_loss(self.decode(mean + log_sigma.exp() * epsilon), x)
        divergence = kl(mean, log_sigma).mean()
        return {"loss": reconstruction + self.beta * divergence, "reconstruction": reconstruction, "kl": divergence}


class MlpVAE(nn.Module):
    defaults = {"latent": 20, "hidden": 400}

    def __init__(self, latent, hidden):
        super().__init__()
        self.latent = latent
        self.fc1 = nn.Linear(784, hidden)
        self.fc21 = nn.Linear(hidden, latent)
        self.fc22 = nn.Linear(hidden, latent)
        self.fc3 = nn.Linear(latent, hidden)
        self.fc4 = nn.Linear(hidden, 784)

    @staticmethod
    def normalize(images):
        return images / 255

    def encode(self, x):
        hidden = F.relu(self.fc1(x.flatten(1)))
        return self.fc21(hidden), self.fc22(hidden) / 2

    def decode(self, z):
        return self.fc4(F.relu(self.fc3(z))).view(-1, 1, 28, 28)

    def losses(self, x, epsilon):
        mean, log_sigma = self.encode(x)
        logits = self.decode(mean + log_sigma.exp() * epsilon)
        reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
        divergence = kl(mean, log_sigma).sum() / len(x)
        return {"loss": reconstruction + divergence, "reconstruction": reconstruction, "kl": divergence}


MODELS = {"ae": AE, "vae": VAE, "vae-mlp": MlpVAE}


def main(command, name, *arguments):
    model = MODELS[name](**MODELS[name].defaults)
    if command == "new":
        seed, weights = arguments
        torch.manual_seed(int(seed))
        model = MODELS[name](**MODELS[name].defaults)
        write_safetensors(weights, model.state_dict())
    else:
        weights, images, results = arguments
        model.load_state_dict(read_safetensors(weights), strict=True)
        with torch.no_grad():
            mean, _ = model.encode(model.normalize(read_safetensors(images)["images"].float()))
            write_safetensors(results, {"mean": mean, "reconstruction": model.decode(mean)})


if __name__ == "__main__":
    main(*sys.argv[1:])
