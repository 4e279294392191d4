"""Makes family.json, what PyTorch computes for the cases of test/vae/models-family.test.ts:

    /usr/bin/python3 -B test/vae/golden/make_family.py

Losses, parts and gradients of small models, in float64, from weights, images and noise that both sides make from a seed
(`numbers` of make.py). Jacobians are those of torch.autograd.functional, cross-entropies and divergences PyTorch's own.
Of a gradient there are its norm and its product with random numbers.
"""

import json
from math import sqrt
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from make import tensor
from torch_models import kl

torch.set_default_dtype(torch.float64)

BATCH, SIDE, HIDDEN, D = 3, 8, 6, 4
MEAN, STD = 0.1307, 0.3081
PIXELS = tensor(90, BATCH, 1, SIDE, SIDE, low=0)
NORMAL = tensor(91, BATCH, 1, SIDE, SIDE, low=-2, high=2)
CHANCE = tensor(92, BATCH, 1, SIDE, SIDE, low=0)


def encoder(network, outputs):
    if network == "mlp":
        front, size = [nn.Flatten()], SIDE * SIDE
    else:
        front = [nn.Conv2d(1, 16, 4, stride=2, padding=1, bias=False), nn.ReLU(), nn.Flatten()]
        size = 16 * (SIDE // 2) ** 2
    return nn.Sequential(*front, nn.Linear(size, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, outputs))


def decoder(network, latent):
    head = [nn.Linear(latent, HIDDEN), nn.ReLU()]
    if network == "mlp":
        return nn.Sequential(*head, nn.Linear(HIDDEN, SIDE * SIDE), nn.Unflatten(1, (1, SIDE, SIDE)))
    half = SIDE // 2
    return nn.Sequential(
        *head,
        nn.Linear(HIDDEN, 16 * half * half),
        nn.ReLU(),
        nn.Unflatten(1, (16, half, half)),
        nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1, bias=False),
    )


class Plain(nn.Module):
    def __init__(self, network, outputs=D, latent=D):
        super().__init__()
        self.encoder, self.decoder = encoder(network, outputs), decoder(network, latent)


class Blog(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(SIDE * SIDE, 512), nn.ReLU(), nn.Linear(512, 64), nn.ReLU())
        self.mean, self.std = nn.Linear(64, D), nn.Linear(64, D)
        self.decoder = nn.Sequential(
            nn.Linear(D, 64), nn.ReLU(), nn.Linear(64, 512), nn.ReLU(), nn.Linear(512, SIDE * SIDE), nn.Sigmoid()
        )


def give(module):
    """Weights from their place in the state, bounded by 1/sqrt(fan in)."""
    for i, value in enumerate(module.state_dict().values()):
        fan_in = value[0].numel() if value.dim() > 1 else 25
        bound = float(torch.tensor(1 / sqrt(fan_in), dtype=torch.float32))
        value.copy_(tensor(100 + i, *value.shape, low=-bound, high=bound))
    return module


normalized = lambda pixels: (pixels - MEAN) / STD


def denoising(noise, level):
    x, clean = PIXELS.clone(), PIXELS
    if noise == "gaussian":
        x = x + level * NORMAL
    elif noise == "masking":
        x[CHANCE < level] = 0
    else:
        x[CHANCE < level] = 1
        x[CHANCE < level / 2] = 0
    model = give(Plain("conv"))
    loss = F.mse_loss(model.decoder(model.encoder(normalized(x))), normalized(clean))
    return model, loss, {"reconstruction": loss}


def sparse(kind, weight, rho):
    model, x = give(Plain("mlp")), normalized(PIXELS)
    z = model.encoder(x)
    z = torch.sigmoid(z) if kind == "kl" else torch.relu(z)
    reconstruction = F.mse_loss(model.decoder(z), x)
    if kind == "kl":
        coin = torch.distributions.Bernoulli
        sparsity = torch.distributions.kl_divergence(coin(torch.tensor(rho)), coin(z.mean(0))).sum()
    else:
        sparsity = z.norm(p=1) / BATCH
    active = (z > (0.5 if kind == "kl" else 0)).double().mean()
    parts = {"reconstruction": reconstruction, "sparsity": sparsity, "active": active}
    return model, reconstruction + weight * sparsity, parts


def contractive(network, weight):
    model, x = give(Plain(network)), normalized(PIXELS)
    reconstruction = F.mse_loss(model.decoder(model.encoder(x)), x)
    rows = [torch.autograd.functional.jacobian(model.encoder, image[None], create_graph=True) for image in x]
    contraction = sum((row**2).sum() for row in rows) / BATCH
    return model, reconstruction + weight * contraction, {"reconstruction": reconstruction, "contraction": contraction}


def blog():
    model, x = give(Blog()), (PIXELS > 0.5).double()
    hidden = model.encoder(x.flatten(1))
    mean, std = torch.tanh(model.mean(hidden)), torch.tanh(model.std(hidden))
    # The guard of ours at 0.
    std = (std**2 + 1e-8).sqrt()
    output = model.decoder(mean + std * tensor(91, BATCH, D, low=-2, high=2))
    reconstruction = F.binary_cross_entropy(output, x.flatten(1), reduction="sum") / BATCH
    published = (mean**2 + std**2 - torch.log(std**2)).sum() / 2 / BATCH
    return model, reconstruction + 5 * published, {"reconstruction": reconstruction, "kl": published}


def beta(beta, gamma, capacity):
    model, x = give(Plain("conv", outputs=2 * D)), PIXELS
    mean, log_sigma = model.encoder(x).chunk(2, dim=1)
    logits = model.decoder(mean + log_sigma.exp() * tensor(91, BATCH, D, low=-2, high=2))
    reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / BATCH
    divergence = kl(mean, log_sigma).sum() / BATCH
    # At epoch 2.5 of 10 a quarter of the capacity is there.
    penalty = gamma * (divergence - capacity / 4).abs() if gamma else beta * divergence
    return model, reconstruction + penalty, {"reconstruction": reconstruction, "kl": divergence}


CASES = [
    *[
        ("denoising-ae", {"noise": noise, "noiseLevel": 0.4}, lambda n=noise: denoising(n, 0.4))
        for noise in ["gaussian", "masking", "salt-and-pepper"]
    ],
    *[
        (
            "sparse-ae",
            {"network": "mlp", "sparsity": kind, "sparsityWeight": 0.3, "rho": 0.1},
            lambda k=kind: sparse(k, 0.3, 0.1),
        )
        for kind in ["l1", "kl"]
    ],
    *[
        ("contractive-ae", {"network": network, "contraction": 0.7}, lambda n=network: contractive(n, 0.7))
        for network in ["conv", "mlp"]
    ],
    ("vae-blog", {}, blog),
    ("beta-vae", {"beta": 4}, lambda: beta(4, 0, 0)),
    ("beta-vae", {"gamma": 3, "capacity": 20}, lambda: beta(0, 3, 20)),
    ("beta-vae", {"gamma": 3, "capacity": 0.1}, lambda: beta(0, 3, 0.1)),
]


def case(name, options, make):
    model, loss, parts = make()
    loss.backward()
    gradients = {
        key: [p.grad.norm().item(), (p.grad * tensor(500 + i, *p.shape)).sum().item()]
        for i, (key, p) in enumerate(model.named_parameters())
    }
    figures = {key: part.item() for key, part in parts.items()}
    options = {"latent": D, "hidden": HIDDEN, **options}
    return {"model": name, "options": options, "loss": loss.item(), "parts": figures, "gradients": gradients}


if __name__ == "__main__":
    cases = ",\n".join(json.dumps(case(*each)) for each in CASES)
    path = Path(__file__).parent / "family.json"
    path.write_text(f'{{"torch": "{torch.__version__}", "cases": [\n{cases}\n]}}\n')
