"""Makes vq-vae.json, what PyTorch computes for test/vae/models-vq-vae.test.ts: /usr/bin/python3 test/vae/golden/make_vq_vae.py

Two steps of the vector-quantized VAE in float64, without an optimizer: losses, gradients, and the codebook's moving
averages. Weights and images have few digits, so that the file stays small; a tensor is {"shape", "data"}.
"""

import json
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
torch.manual_seed(4)

COMMITMENT, DECAY, CODES, LATENT, HIDDEN, BATCH = 0.25, 0.9, 5, 3, 4, 3


def rand(*shape):
    return (torch.randn(*shape) * 1000).round() / 1000


def dump(value):
    if isinstance(value, torch.Tensor):
        data = value.detach().flatten().tolist()
        return {"shape": list(value.shape), "data": [float(f"{x:.13g}") for x in data]}
    if isinstance(value, dict):
        return {key: dump(item) for key, item in value.items()}
    return [dump(item) for item in value] if isinstance(value, list) else value


class VQVAE(nn.Module):
    def __init__(self):
        super().__init__()
        strided = {"stride": 2, "padding": 1, "bias": False}
        self.encoder = nn.Sequential(
            nn.Conv2d(1, HIDDEN // 2, 4, **strided),
            nn.ReLU(),
            nn.Conv2d(HIDDEN // 2, HIDDEN, 4, **strided),
            nn.ReLU(),
            nn.Conv2d(HIDDEN, LATENT, 1),
        )
        self.codebook = nn.Embedding(CODES, LATENT)
        self.decoder = nn.Sequential(
            nn.Conv2d(LATENT, HIDDEN, 3, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(HIDDEN, HIDDEN // 2, 4, **strided),
            nn.ReLU(),
            nn.ConvTranspose2d(HIDDEN // 2, 1, 4, **strided),
        )

    def step(self, x, averages=None):
        z = self.encoder(x)
        rows = z.detach().permute(0, 2, 3, 1).reshape(-1, LATENT)
        distances = torch.cdist(rows, self.codebook.weight.detach())
        two = distances.topk(2, largest=False).values
        assert (two[:, 1] - two[:, 0]).min() > 1e-3, "a tie"
        indices = distances.argmin(1)
        counts = torch.bincount(indices, minlength=CODES)
        e = self.codebook(indices).view(BATCH, *z.shape[2:], LATENT).permute(0, 3, 1, 2)
        reconstruction = F.mse_loss(self.decoder(z + (e - z).detach()), x)
        quantization = F.mse_loss(z, e.detach())
        loss = reconstruction + COMMITMENT * quantization
        if averages is None:
            loss = loss + F.mse_loss(e, z.detach())
        self.zero_grad(set_to_none=True)
        loss.backward()
        if averages is not None:
            sizes, sums = averages
            sizes.mul_(DECAY).add_(counts, alpha=1 - DECAY)
            sums.mul_(DECAY).index_add_(0, indices, rows, alpha=1 - DECAY)
            self.codebook.weight.data = sums / sizes[:, None]
        return {
            "loss": loss,
            "reconstruction": reconstruction,
            "quantization": quantization,
            "indices": indices,
            "counts": counts,
            "gradients": {name: p.grad for name, p in self.named_parameters() if p.grad is not None},
        }


model = VQVAE()
for tensor in model.parameters():
    tensor.data = rand(*tensor.shape) * 0.5
images = [rand(BATCH, 1, 8, 8) for _ in range(2)]
state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
by_loss = model.step(images[0])

sizes, sums = torch.ones(CODES), model.codebook.weight.detach().clone()
by_ema = [model.step(x, (sizes, sums)) for x in images]
after = {"codebook.weight": model.codebook.weight, "codebook.cluster_size": sizes, "codebook.embed_avg": sums}

assert (by_loss["counts"] > 0).sum() >= 3, "hardly a code is used"
cases = {"state": state, "images": images, "loss": by_loss, "ema": by_ema, "after": after}
path = Path(__file__).with_name("vq-vae.json")
path.write_text(json.dumps({"torch": torch.__version__, **dump(cases)}, separators=(",", ":")) + "\n")
print(f"{path.name}: {path.stat().st_size} bytes; counts {[c['counts'].tolist() for c in [by_loss, *by_ema]]}")
