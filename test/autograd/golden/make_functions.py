"""Makes functions.json, what PyTorch computes for test/autograd/functions.test.ts, in double precision:

    /usr/bin/python3 -B test/autograd/golden/make_functions.py

A case has a function's value y, the gradient of sum(y·w) for some weights w, and that of the gradient's own
sum(gradient²).
"""

import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)

inf, nan = math.inf, math.nan
LINE = [-12.0, -6.0, -3.5, -2.0, -1.0, -0.4, -0.3, -1e-3, 0.0, 1e-3, 0.3, 0.4, 1.0, 2.0, 3.5, 6.0, 12.0]
AWAY_FROM_0 = [x for x in LINE if x != 0]


def numbers(t):
    """JSON has no NaN and no infinities: as text."""
    plain = lambda v: v if math.isfinite(v) else str(v)
    return {"shape": list(t.shape), "data": [plain(v) for v in t.detach().double().flatten().tolist()]}


def case(function, fn, x, first=True, second=True):
    x = torch.tensor(x) if not torch.is_tensor(x) else x.clone()
    # What float32 holds.
    x = x.float().double().requires_grad_(first)
    y = fn(x)
    result = {"function": function, "x": numbers(x), "y": numbers(y)}
    if not y.requires_grad:
        return result
    w = torch.randn(y.shape)
    result["w"] = numbers(w)
    (gradient,) = torch.autograd.grad((y * w).sum(), x, create_graph=second)
    result["gradient"] = numbers(gradient)
    if second and gradient.requires_grad:
        (of_gradient,) = torch.autograd.grad((gradient * gradient).sum(), x, allow_unused=True)
        result["second"] = numbers(torch.zeros_like(x) if of_gradient is None else of_gradient)
    return result


def whole(function, fn, x):
    """A function of integers."""
    return {"function": function, "x": numbers(x), "whole": True, "y": numbers(fn(x))}


ZEROS = [[0.0, 2.0, 3.0], [0.0, 4.0, 0.0], [5.0, 6.0, 7.0]]
SPECIAL = [nan, inf, 1e20, -1e20, 100.0, -100.0]
HALVES = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, -0.3, 0.3, 3.0, 8388609.0, -8388609.0, 1e20, nan, inf, -inf]

cases = [
    case("gelu", F.gelu, LINE),
    case("gelu", F.gelu, SPECIAL, second=False),
    case("gelu tanh", lambda x: F.gelu(x, approximate="tanh"), LINE),
    case("silu", F.silu, LINE),
    case("silu", F.silu, SPECIAL, second=False),
    case("elu", F.elu, AWAY_FROM_0),
    case("elu", F.elu, [0.0, inf, -inf, 1e20, -1e20, 100.0, -100.0], second=False),
    case("elu 0.3", lambda x: F.elu(x, alpha=0.3), AWAY_FROM_0),
    case("elu 0.3", lambda x: F.elu(x, alpha=0.3), [0.0], second=False),
    case("ceil", torch.ceil, HALVES, second=False),
    case("round", torch.round, HALVES, second=False),
    *(case("prod", torch.prod, x) for x in (torch.randn(5), torch.randn(2, 3), torch.tensor(3.0), torch.zeros(0), [2.0, 0.0, 3.0, -1.5])),
    # PyTorch differentiates this gradient no further: it is a constant 0.
    case("prod", torch.prod, [0.0, 2.0, 0.0], second=False),
    *(case("prod 1", lambda x: torch.prod(x, 1), x) for x in (torch.randn(3, 4, 2), torch.zeros(2, 0), ZEROS)),
    case("prod -2 kept", lambda x: torch.prod(x, -2, keepdim=True), torch.randn(3, 4, 2)),
    case("cumsum 0", lambda x: x.cumsum(0), torch.randn(5, 3)),
    case("cumsum -1", lambda x: x.cumsum(-1), torch.randn(2, 3, 4)),
    case("cumsum -1", lambda x: x.cumsum(-1), [[1.0, inf, 2.0, -inf, 3.0], [1.0, 2.0, nan, 3.0, inf]], second=False),
    case("cumsum 0", lambda x: x.cumsum(0), torch.zeros(0, 3)),
    *(case("variance", torch.var, x) for x in (torch.randn(6), torch.randn(2, 3))),
    *(case("variance", lambda x: torch.var(x, dim=0), x, first=False) for x in ([4.0], torch.zeros(0), [1.0, inf])),
    *(case("variance 0", lambda x: torch.var(x, unbiased=False), x) for x in (torch.randn(2, 3), [4.0])),
    *(case("variance 3", lambda x: torch.var(x, dim=0, correction=3), x, first=False) for x in ([1.0, 2.0], [5.0, 5.0])),
    case("variance 1 kept", lambda x: torch.var(x, 1, keepdim=True), torch.randn(3, 4, 2)),
    case("variance 0, 2", lambda x: torch.var(x, (0, 2), unbiased=False), torch.randn(3, 4, 2)),
    case("std", torch.std, torch.randn(2, 3)),
    case("std", torch.std, [5.0, 5.0, 5.0], second=False),
    case("std", lambda x: torch.std(x, dim=0), torch.zeros(0), second=False),
    case("std -1 kept", lambda x: torch.std(x, -1, keepdim=True), torch.randn(3, 4) + 1000),
    case("std 0", lambda x: torch.std(x, unbiased=False), [4.0], second=False),
    *(case("squeeze", torch.squeeze, x) for x in (torch.randn(1, 3, 1, 2), torch.tensor(3.0), torch.randn(1, 1))),
    *(case("squeeze -2", lambda x: x.squeeze(-2), x) for x in (torch.randn(2, 1, 3), torch.randn(2, 4, 3))),
    *(case("unsqueeze 1", lambda x: x.unsqueeze(1), x) for x in (torch.randn(2, 3), torch.randn(2), torch.zeros(0, 2))),
    *(case("unsqueeze -1", lambda x: x.unsqueeze(-1), x) for x in (torch.randn(2, 3), torch.tensor(3.0))),
    *(whole("oneHot 4", lambda x: F.one_hot(x, 4), torch.tensor(x)) for x in ([[1, 0], [3, 3]], 2)),
]

path = Path(__file__).with_name("functions.json")
lines = ",\n".join(json.dumps(one) for one in cases)
path.write_text(f'{{"torch": {json.dumps(torch.__version__)}, "cases": [\n{lines}\n]}}\n')
