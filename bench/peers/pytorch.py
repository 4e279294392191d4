"""PyTorch's side of the contest: reads a JSON object a line, answers with one.

On its own it measures the same things, on the GPU if there is one:  python3 pytorch.py [--device cuda|cpu]
"""

import argparse
import base64
import json
import os
import sys
import time

import torch
import torch.nn.functional as F

STRIDE, PADDING, CHECKED_STEPS = 2, 1, 3


def array(task, name, device):
    entry = task[name]
    data = bytearray(base64.b64decode(entry["data"]))
    return torch.frombuffer(data, dtype=torch.float32).reshape(entry["shape"]).to(device)


def ae_loss(p, x):
    h = F.relu(F.conv2d(x, p["encoder.0.weight"], stride=STRIDE, padding=PADDING))
    h = F.relu(F.conv2d(h, p["encoder.2.weight"], stride=STRIDE, padding=PADDING)).flatten(1)
    h = F.relu(F.linear(h, p["encoder.5.weight"], p["encoder.5.bias"]))
    z = F.linear(h, p["encoder.7.weight"], p["encoder.7.bias"])
    h = F.relu(F.linear(z, p["decoder.0.weight"], p["decoder.0.bias"]))
    h = F.relu(F.linear(h, p["decoder.2.weight"], p["decoder.2.bias"])).reshape(-1, 32, 7, 7)
    h = F.relu(F.conv_transpose2d(h, p["decoder.5.weight"], stride=STRIDE, padding=PADDING))
    h = F.conv_transpose2d(h, p["decoder.7.weight"], stride=STRIDE, padding=PADDING)
    return F.mse_loss(h, x)


def vae_mlp_loss(p, x):
    x = x.flatten(1)
    h = F.relu(F.linear(x, p["fc1.weight"], p["fc1.bias"]))
    mu = F.linear(h, p["fc21.weight"], p["fc21.bias"])
    logvar = F.linear(h, p["fc22.weight"], p["fc22.bias"])
    z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
    h = F.relu(F.linear(z, p["fc3.weight"], p["fc3.bias"]))
    logits = F.linear(h, p["fc4.weight"], p["fc4.bias"])
    bce = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return (bce + kl) / x.shape[0]


def vae_blog_loss(p, x):
    x = x.flatten(1)

    def layer(name, h):
        return F.linear(h, p[f"{name}.weight"], p[f"{name}.bias"])

    h = F.relu(layer("encoder.2", F.relu(layer("encoder.0", x))))
    mu = torch.tanh(layer("mean", h))
    logvar = torch.log(torch.tanh(layer("std", h)).square() + 1e-8)
    z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
    h = F.relu(layer("decoder.2", F.relu(layer("decoder.0", z))))
    bce = F.binary_cross_entropy_with_logits(layer("decoder.4", h), x, reduction="sum")
    kl = 0.5 * torch.sum(mu.square() + logvar.exp() - logvar)
    return (bce + 5 * kl) / x.shape[0]


LOSSES = {"ae": ae_loss, "vae-mlp": vae_mlp_loss, "vae-blog": vae_blog_loss}


def trainer(kind, parameters, x, lr, betas, loss_of=None):
    loss_of = loss_of or LOSSES[kind]
    for p in parameters.values():
        p.requires_grad_()
    optimizer = torch.optim.Adam(parameters.values(), lr=lr, betas=betas)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(parameters, x)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def contraction(kind, x, w, dy=None):
    def step():
        with torch.no_grad():
            if kind == "matmul":
                return x @ w
            if kind == "conv2d":
                return F.conv2d(x, w, stride=STRIDE, padding=PADDING)
            if kind == "input gradient":
                return torch.nn.grad.conv2d_input(x.shape, w, dy, stride=STRIDE, padding=PADDING)
            return torch.nn.grad.conv2d_weight(x, w.shape, dy, stride=STRIDE, padding=PADDING)

    return step


def finish(device):
    if device.type == "cuda":
        torch.cuda.synchronize()


def prepare(task, device):
    kind = task["kind"]
    if kind in LOSSES:
        parameters = {name: array(task["weights"], name, device) for name in task["weights"]}
        step = trainer(kind, parameters, array(task, "batch", device), task["lr"], task["betas"])
        for _ in range(CHECKED_STEPS):
            result = step()
        return step, float(result)
    names = ["a", "b"] if kind == "matmul" else ["x", "w", "dy"]
    step = contraction(kind, *(array(task, name, device) for name in names))
    return step, float(step().pow(2).mean())


def run(step, times, device):
    start = time.perf_counter()
    for _ in range(times):
        step()
    finish(device)
    return (time.perf_counter() - start) * 1000


def serve(device):
    step = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "task" in request:
                step, check = prepare(request["task"], device)
                answer = {"check": check}
            else:
                answer = {"ms": run(step, request["times"], device)}
        except Exception as error:  # the other side decides what to do about it
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(answer), flush=True)


def random_task(kind):
    """Weights as PyTorch initializes them, for measuring alone."""
    layers = {
        "ae": {
            "encoder.0": torch.nn.Conv2d(1, 16, 4, bias=False),
            "encoder.2": torch.nn.Conv2d(16, 32, 4, bias=False),
            "encoder.5": torch.nn.Linear(1568, 128),
            "encoder.7": torch.nn.Linear(128, 5),
            "decoder.0": torch.nn.Linear(5, 128),
            "decoder.2": torch.nn.Linear(128, 1568),
            "decoder.5": torch.nn.ConvTranspose2d(32, 16, 4, bias=False),
            "decoder.7": torch.nn.ConvTranspose2d(16, 1, 4, bias=False),
        },
        "vae-mlp": {
            "fc1": torch.nn.Linear(784, 400),
            "fc21": torch.nn.Linear(400, 20),
            "fc22": torch.nn.Linear(400, 20),
            "fc3": torch.nn.Linear(20, 400),
            "fc4": torch.nn.Linear(400, 784),
        },
    }[kind]
    return {f"{name}.{key}": p.detach() for name, layer in layers.items() for key, p in layer.named_parameters()}


def report(label, ms, flops, images, as_json):
    if as_json:
        row = {"what": label, "ms": float(f"{ms:.4g}")}
        row |= {"GFLOP/s": round(flops / ms / 1e6)} if flops else {"images/s": round(1000 * images / ms)}
        print(json.dumps(row), flush=True)
    else:
        rate = f"{flops / ms / 1e6:.0f} GFLOP/s" if flops else f"{1000 * images / ms:.0f} images/s"
        print(f"{label:42} {ms:10.3f} ms {rate:>18}")


def alone(device, as_json=False, compiled=False, small=False):
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    version = f"PyTorch {torch.__version__} on {name}; TF32 for matrix products: {torch.backends.cuda.matmul.allow_tf32}"
    print(json.dumps({"what": version}) if as_json else version, flush=True)
    steps = []
    for size in (64,) if small else (512, 1024, 4096) if device.type == "cuda" else (512, 1024):
        a, b = (torch.randn(size, size, device=device) for _ in range(2))
        steps.append((f"matmul {size}x{size}x{size}", contraction("matmul", a, b), 2 * size**3, None))
    for kind, batch in (("ae", 512), ("vae-mlp", 128)):
        parameters = {name: p.to(device) for name, p in random_task(kind).items()}
        batch = 16 if small else batch
        x = torch.rand(batch, 1, 28, 28, device=device)
        label = f"{kind} training step, batch {batch}"
        steps.append((label, trainer(kind, parameters, x, 1e-3, (0.9, 0.999)), None, batch))
        if compiled and hasattr(torch, "compile"):
            loss = torch.compile(LOSSES[kind])
            steps.append((f"{label}, compiled", trainer(kind, parameters, x, 1e-3, (0.9, 0.999), loss), None, batch))
    for label, step, flops, images in steps:
        try:
            for _ in range(3):
                step()
            finish(device)
            times = max(1, round((2 if small else 200) / max(run(step, 1, device), 0.01)))
            ms = sorted(run(step, times, device) / times for _ in range(7))[3]
            report(label, ms, flops, images, as_json)
        except Exception as error:  # such as a compiler that is not there: the others go on
            said = f"{type(error).__name__}: {error}".splitlines()[0]
            print(json.dumps({"what": f"{label}: {said}"}) if as_json else f"{label:42} {said}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--serve", action="store_true", help="answer requests on stdin")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--json", action="store_true", help="a JSON object a line")
    parser.add_argument("--compile", action="store_true", help="training steps by torch.compile, too")
    parser.add_argument("--threads", type=int, help="threads on the CPU (default: PyTorch's own choice)")
    parser.add_argument("--small", action="store_true", help="small sizes: to see that it runs")
    arguments = parser.parse_args()
    chosen = torch.device(arguments.device)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    # Full float32, as everybody else here computes: no TF32 in matrix products or convolutions.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    serve(chosen) if arguments.serve else alone(chosen, arguments.json, arguments.compile, arguments.small)
