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


def case(function, fn, x, second=True):
    x = torch.tensor(x) if not torch.is_tensor(x) else x.clone()
    x.requires_grad_()
    y = fn(x)
    result = {"function": function, "x": numbers(x), "y": numbers(y)}
    if not y.requires_grad:
        return result
    w = torch.randn(y.shape)
    result["w"] = numbers(w)
    (first,) = torch.autograd.grad((y * w).sum(), x, create_graph=second)
    result["gradient"] = numbers(first)
    if second and first.requires_grad:
        (result_of_second,) = torch.autograd.grad((first * first).sum(), x, allow_unused=True)
        result["second"] = numbers(torch.zeros_like(x) if result_of_second is None else result_of_second)
    return result


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
]

path = Path(__file__).with_name("functions.json")
lines = ",\n".join(json.dumps(one) for one in cases)
path.write_text(f'{{"torch": {json.dumps(torch.__version__)}, "cases": [\n{lines}\n]}}\n')
