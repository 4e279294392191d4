"""Makes namespace.pt, a checkpoint with an argparse.Namespace beside the weights: /usr/bin/python3 -B test/golden/make_checkpoint.py"""

import argparse
from pathlib import Path

import torch

weights = {f"module.{name}": torch.arange(6.0).reshape(2, 3) for name in ("a", "b")}
arguments = argparse.Namespace(lr=1e-3, tags={"x", "y"}, path=Path("data"))
torch.save({"args": arguments, "state_dict": weights, "epoch": 3}, Path(__file__).parent / "namespace.pt")
