"""Makes graph.json, what PyTorch computes for the two-loss step of test/autograd/graph.test.ts:

    /usr/bin/python3 -B test/autograd/golden/make_graph.py
"""

import json
from pathlib import Path

import torch

torch.set_default_dtype(torch.float64)

X = [[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]]
TRUNK = [[0.2, -0.4], [0.1, 0.3], [-0.5, 0.6]]
HEADS = [[[0.7], [-0.2]], [[-0.3], [0.9]]]


def step(order, retain):
    """One step of SGD on two losses of one trunk, walked one after the other."""
    x = torch.tensor(X)
    trunk = torch.tensor(TRUNK, requires_grad=True)
    heads = [torch.tensor(h, requires_grad=True) for h in HEADS]
    hidden = torch.tanh(x @ trunk)
    losses = [((hidden @ heads[0]) - 1).square().mean(), torch.log1p((hidden @ heads[1]).exp()).sum()]
    first, second = (losses[i] for i in order)
    first.backward(retain_graph=retain)
    refused = False
    try:
        second.backward()
    except RuntimeError:
        refused = True
    gradients = [t.grad.tolist() if t.grad is not None else None for t in [trunk, *heads]]
    return {"losses": [loss.item() for loss in losses], "refused": refused, "gradients": gradients}


cases = [{"order": order, "retain": retain, **step(order, retain)} for order in ([0, 1], [1, 0]) for retain in (False, True)]
path = Path(__file__).parent / "graph.json"
path.write_text(json.dumps({"torch": torch.__version__, "x": X, "trunk": TRUNK, "heads": HEADS, "cases": cases}, indent=1) + "\n")
