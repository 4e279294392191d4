"""Makes nn.json, what PyTorch computes for the cases of test/nn/nn.test.ts: /usr/bin/python3 test/nn/golden/make_nn.py

Everything is float64. Inputs have few digits, so that the file stays small; a tensor is {"shape", "data"}.
"""

import json
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)


def rand(*shape):
    return (torch.randn(shape) * 1000).round() / 1000


def dump(value):
    if isinstance(value, torch.Tensor):
        data = value.detach().flatten().tolist()
        return {"shape": list(value.shape), "data": [float(f"{x:.13g}") for x in data]}
    if isinstance(value, dict):
        return {key: dump(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [dump(item) for item in value]
    return value


def coarse(module):
    """Weights with few digits, in place of the random ones."""
    for tensor in module.parameters():
        tensor.data = rand(*tensor.shape)
    return module


def layer(module, *inputs):
    """Output, and the gradients of sum(output * weights), in training mode."""
    module = coarse(module)
    state = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    inputs = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
    output = module(*inputs)
    weights = rand(*output.shape)
    (output * weights).sum().backward()
    return {
        "state": state,
        "input": inputs[0],
        "output": output,
        "weights": weights,
        "inputGradient": inputs[0].grad,
        "gradients": {name: p.grad for name, p in module.named_parameters()},
        "stateAfter": module.state_dict(),
        "evaluated": module.eval()(*inputs),
    }


def loss(function, x, target, **options):
    x = x.clone().requires_grad_()
    value = function(x, target, **options)
    value.sum().backward()
    return {"input": x, "target": target, "value": value, "gradient": x.grad}


def steps(make, count=10):
    """Losses of a small regression, and its weights afterwards."""
    torch.manual_seed(1)
    model = coarse(nn.Linear(3, 2))
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    x, y = rand(4, 3), rand(4, 2)
    optimizer = make(model.parameters())
    losses = []
    for _ in range(count):
        optimizer.zero_grad()
        value = F.mse_loss(model(x), y)
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return {"state": state, "x": x, "y": y, "losses": losses, "stateAfter": model.state_dict()}


def parted(make, pattern):
    """Three layers, each with a gradient only in the steps that the pattern names."""
    torch.manual_seed(2)
    model = coarse(nn.ModuleList([nn.Linear(2, 1) for _ in range(3)]))
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    x = rand(3, 2)
    optimizer = make(model.parameters())
    for used in pattern:
        optimizer.zero_grad(set_to_none=True)
        sum((model[i](x) ** 2).mean() for i in used).backward()
        optimizer.step()
    return {"state": state, "x": x, "pattern": pattern, "stateAfter": model.state_dict()}


def product(equation, *shapes):
    """einsum, and the gradients of sum(output * weights)."""
    operands = [rand(*shape).requires_grad_() for shape in shapes]
    output = torch.einsum(equation, *operands)
    weights = rand(*output.shape)
    (output * weights).sum().backward()
    gradients = [x.grad for x in operands]
    return {"equation": equation, "operands": operands, "output": output, "weights": weights, "gradients": gradients}


def rates(make, count=14):
    """The learning rates of the first steps."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=0.1)
    scheduler = make(optimizer)
    seen = []
    for _ in range(count):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return seen


def autoencoder(hidden, d):
    encoder = nn.Sequential(
        nn.Conv2d(1, 16, 4, 2, 1, bias=False), nn.ReLU(), nn.Conv2d(16, 32, 4, 2, 1, bias=False), nn.ReLU(),
        nn.Flatten(), nn.Linear(1568, hidden), nn.ReLU(), nn.Linear(hidden, d),
    )
    decoder = nn.Sequential(
        nn.Linear(d, hidden), nn.ReLU(), nn.Linear(hidden, 1568), nn.ReLU(), nn.Unflatten(1, (32, 7, 7)),
        nn.ConvTranspose2d(32, 16, 4, 2, 1, bias=False), nn.ReLU(), nn.ConvTranspose2d(16, 1, 4, 2, 1, bias=False),
    )
    return nn.ModuleDict({"encoder": encoder, "decoder": decoder})


class Named(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm_in = nn.BatchNorm2d(2)
        self.blocks = nn.ModuleList([nn.Linear(2, 3, bias=False), nn.LayerNorm(3)])
        self.codes = nn.Embedding(4, 5)
        self.scale = nn.Parameter(torch.zeros(()))


def bounds(module):
    """The largest magnitude that PyTorch's initialization can draw, for each parameter, by trying."""
    largest = {}
    for _ in range(200):
        module.reset_parameters()
        for name, p in module.named_parameters():
            largest[name] = max(largest.get(name, 0), p.abs().max().item())
    return largest


names = {name: list(t.shape) for name, t in Named().state_dict().items()}
golden = {
    "torch": torch.__version__,
    "layers": {
        "linear": layer(nn.Linear(5, 3), rand(4, 5)),
        "linear3d": layer(nn.Linear(5, 3), rand(2, 3, 5)),
        "conv2d": layer(nn.Conv2d(2, 3, (3, 2), stride=(2, 1), padding=(1, 0)), rand(2, 2, 5, 4)),
        "convTranspose2d": layer(nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1, output_padding=1), rand(2, 2, 3, 4)),
        "batchNorm2d": layer(nn.BatchNorm2d(2), rand(3, 2, 2, 3)),
        "batchNorm2dAverage": layer(nn.BatchNorm2d(2, momentum=None, eps=1e-3, affine=False), rand(3, 2, 2, 3)),
        "batchNorm2dUntracked": layer(nn.BatchNorm2d(2, track_running_stats=False), rand(3, 2, 2, 3)),
        "layerNorm": layer(nn.LayerNorm((3, 4)), rand(2, 3, 4)),
        "embedding": layer(nn.Embedding(5, 3), torch.tensor([[1, 4, 1], [0, 2, 1]])),
        "upsample": layer(nn.Upsample(scale_factor=(2, 3)), rand(2, 2, 2, 3)),
        "leakyReLU": layer(nn.LeakyReLU(0.2), rand(7)),
        "softplus": layer(nn.Softplus(), rand(7)),
        "elu": layer(nn.ELU(0.7), rand(7)),
        "gelu": layer(nn.GELU(), rand(7)),
        "geluTanh": layer(nn.GELU("tanh"), rand(7)),
        "silu": layer(nn.SiLU(), rand(7)),
        "unflatten": layer(nn.Unflatten(1, (2, 3)), rand(2, 6, 2)),
        "sequential": layer(nn.Sequential(nn.Conv2d(1, 2, 2, bias=False), nn.Tanh(), nn.Flatten(), nn.Linear(8, 2), nn.Sigmoid()), rand(2, 1, 3, 3)),
    },
    "losses": {
        "mse": loss(F.mse_loss, rand(3, 4), rand(3, 4)),
        "mseSum": loss(F.mse_loss, rand(3, 4), rand(3, 4), reduction="sum"),
        "mseNone": loss(F.mse_loss, rand(3, 4), rand(3, 4), reduction="none"),
        "l1": loss(F.l1_loss, rand(3, 4), rand(3, 4)),
        "bceWithLogits": loss(F.binary_cross_entropy_with_logits, rand(3, 4) * 10, torch.rand(3, 4).round()),
        "crossEntropy": loss(F.cross_entropy, rand(5, 7), torch.tensor([3, 0, 6, 6, 2])),
        "crossEntropySum": loss(F.cross_entropy, rand(2, 3, 4), torch.randint(3, (2, 4)), reduction="sum"),
        "nll": loss(F.nll_loss, rand(5, 7), torch.tensor([3, 0, 6, 6, 2])),
    },
    "optimizers": {
        "SGD": steps(lambda p: torch.optim.SGD(p, lr=0.1)),
        "SGD, momentum": steps(lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.05)),
        "SGD, Nesterov": steps(lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True)),
        "Adam": steps(lambda p: torch.optim.Adam(p, lr=0.1)),
        "Adam, decay": steps(lambda p: torch.optim.Adam(p, lr=0.05, betas=(0.5, 0.99), eps=1e-6, weight_decay=0.1)),
        "AdamW": steps(lambda p: torch.optim.AdamW(p, lr=0.1)),
        "AdamW, decay": steps(lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.5)),
    },
    "parted": {
        "Adam": parted(lambda p: torch.optim.Adam(p, lr=0.1, weight_decay=0.1), [[0, 2], [0, 2], [1, 2], [0, 1, 2], [1], [0, 2]]),
        "AdamW": parted(lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.1), [[0, 1, 2], [0], [2], [0, 1, 2]]),
        "SGD": parted(lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9), [[0, 1, 2], [1], [0, 2], [1, 2]]),
    },
    "names": {
        "autoencoder": {name: list(t.shape) for name, t in autoencoder(128, 5).state_dict().items()},
        "autoencoderParameters": sum(p.numel() for p in autoencoder(128, 5).parameters()),
        "named": names,
    },
    "bounds": {
        "linear": bounds(nn.Linear(50, 20)),
        "conv2d": bounds(nn.Conv2d(3, 20, 4)),
        "convTranspose2d": bounds(nn.ConvTranspose2d(20, 3, 4)),
    },
}
# From here on added later: what is above draws the same numbers as before.
torch.manual_seed(3)
schedulers = torch.optim.lr_scheduler
golden["layers"].update({
    "conv2dGroups": layer(nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), groups=2), rand(2, 4, 5, 4)),
    "conv2dDepthwise": layer(nn.Conv2d(3, 6, 3, padding=1, groups=3, bias=False), rand(2, 3, 4, 4)),
    "conv2dSame": layer(nn.Conv2d(2, 3, (4, 3), padding="same", dilation=(1, 2)), rand(1, 2, 5, 6)),
    "conv2dSameGroups": layer(nn.Conv2d(2, 2, 2, padding="same", groups=2), rand(1, 2, 3, 4)),
    "conv2dValid": layer(nn.Conv2d(2, 2, 2, stride=2, padding="valid"), rand(1, 2, 5, 4)),
    "convTranspose2dGroups": layer(nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), rand(2, 4, 2, 3)),
    "convTranspose2dDepthwise": layer(nn.ConvTranspose2d(3, 3, 4, stride=2, padding=1, groups=3, bias=False), rand(1, 3, 3, 2)),
    "groupNorm": layer(nn.GroupNorm(2, 6), rand(2, 6, 2, 3)),
    "groupNormPlain": layer(nn.GroupNorm(3, 3, eps=1e-3, affine=False), rand(2, 3, 4)),
    "maxPool2d": layer(nn.MaxPool2d(2), rand(2, 3, 5, 4)),
    "maxPool2dOverlapping": layer(nn.MaxPool2d((3, 2), stride=(2, 1), padding=1), rand(2, 2, 6, 5)),
    "maxPool2dCeil": layer(nn.MaxPool2d(3, stride=2, padding=(1, 0), ceil_mode=True), rand(1, 2, 6, 6)),
    "maxPool2dDilated": layer(nn.MaxPool2d(2, stride=1, dilation=(2, 3), padding=1), rand(1, 2, 6, 7)),
    "maxPool2dTies": layer(nn.MaxPool2d(3, stride=1, padding=1), torch.randint(3, (1, 2, 5, 5)).double()),
    "avgPool2d": layer(nn.AvgPool2d(2), rand(2, 3, 5, 4)),
    "avgPool2dOverlapping": layer(nn.AvgPool2d((3, 2), stride=(2, 1), padding=1), rand(2, 2, 6, 5)),
    "avgPool2dCeil": layer(nn.AvgPool2d(3, stride=2, padding=(1, 0), ceil_mode=True), rand(1, 2, 6, 6)),
    "avgPool2dCeilExcluded": layer(nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True, count_include_pad=False), rand(1, 2, 6, 6)),
    "avgPool2dExcluded": layer(nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False), rand(1, 2, 4, 3)),
})
golden["einsum"] = [
    product("ij,jk->ik", [3, 4], [4, 2]),
    product("ij,jk", [3, 4], [4, 2]),
    product("bij,bkj->bik", [2, 3, 4], [2, 5, 4]),
    product("bhid,bhjd->bhij", [2, 3, 4, 2], [2, 3, 5, 2]),
    product("bij,kj->kib", [2, 3, 4], [5, 4]),
    product("i,j->ij", [3], [4]),
    product("i,i->", [5], [5]),
    product("ij,ij->j", [3, 4], [3, 4]),
    product("ijk,jl->il", [2, 3, 4], [3, 5]),
    product("ij,kl->jl", [2, 3], [4, 5]),
    product("ba,bc", [3, 4], [3, 2]),
    product("abcd,cdb->a", [2, 3, 2, 4], [2, 4, 3]),
    product("ii,ij->ij", [3, 3], [3, 2]),
    product("iji,j->i", [3, 2, 3], [2]),
    product("...ij,...jk->...ik", [2, 1, 3, 4], [5, 4, 2]),
    product("...i,ij->...j", [2, 3, 4], [4, 5]),
    product("i...,i->...", [3, 2, 4], [3]),
    product("bchw,oc->bohw", [2, 3, 2, 2], [4, 3]),
    product("ij->ji", [2, 3]),
    product("ii->i", [4, 4]),
    product("ijj", [2, 3, 3]),
]
golden["schedules"] = {
    "stepLR": rates(lambda o: schedulers.StepLR(o, step_size=3, gamma=0.5)),
    "multiStepLR": rates(lambda o: schedulers.MultiStepLR(o, milestones=[2, 5, 5, 9], gamma=0.3)),
    "exponentialLR": rates(lambda o: schedulers.ExponentialLR(o, gamma=0.9)),
    "cosineAnnealingLR": rates(lambda o: schedulers.CosineAnnealingLR(o, T_max=5, eta_min=0.01)),
    "linearLR": rates(lambda o: schedulers.LinearLR(o, start_factor=0.25, end_factor=0.75, total_iters=6)),
    "constantLR": rates(lambda o: schedulers.ConstantLR(o, factor=0.5, total_iters=4)),
    "lambdaLR": rates(lambda o: schedulers.LambdaLR(o, lambda t: 1 / (1 + t))),
    "sequentialLR": rates(lambda o: schedulers.SequentialLR(o, [
        schedulers.LinearLR(o, start_factor=0.2, total_iters=4), schedulers.ExponentialLR(o, gamma=0.8),
    ], milestones=[4])),
}

path = Path(__file__).with_name("nn.json")
path.write_text("{\n" + ",\n".join(f'"{key}": {json.dumps(dump(value))}' for key, value in golden.items()) + "\n}\n")
