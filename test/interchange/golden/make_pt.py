"""Files of torch.save for test/tapegrad/import.test.ts, made by PyTorch 1.13: /usr/bin/python3 test/interchange/golden/make_pt.py.

vae-mlp.pt holds the state_dict of `vae-mlp` with 2 hidden units and 3 latent dimensions, tensors.pt tensors of every
kind and layout inside a checkpoint; what they hold, and what the model computes, is in pt.json.
"""

import json
import torch
from torch import nn

torch.manual_seed(7)
folder = __file__.rpartition("/")[0] or "."


class VaeMlp(nn.Module):
    def __init__(self, hidden, latent):
        super().__init__()
        self.fc1 = nn.Linear(784, hidden)
        self.fc21 = nn.Linear(hidden, latent)
        self.fc22 = nn.Linear(hidden, latent)
        self.fc3 = nn.Linear(latent, hidden)
        self.fc4 = nn.Linear(hidden, 784)

    def forward(self, x):
        mean = self.fc21(torch.relu(self.fc1(x)))
        return mean, self.fc4(torch.relu(self.fc3(mean)))


model = VaeMlp(hidden=2, latent=3)
torch.save(model.state_dict(), f"{folder}/vae-mlp.pt")
mean, logits = model(torch.linspace(0, 1, 784).reshape(1, 784))

base = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4) / 8
tensors = {
    "plain": base,
    "transposed": base.transpose(0, 2),
    "part": base[1, :, 1:3],
    "half": torch.tensor([1.5, -2.25, 65504.0]).half(),
    "bfloat16": torch.tensor([1.5, -2.25, 3e38]).bfloat16(),
    "double": torch.tensor([[1 / 3]], dtype=torch.float64),
    "count": torch.tensor(-(2**40)),
    "bytes": torch.tensor([0, 255], dtype=torch.uint8),
    "truth": torch.tensor([True, False]),
    "parameter": nn.Parameter(torch.tensor([0.25])),
    "empty": torch.zeros(0, 3),
    "expanded": torch.tensor([[0.5], [1.5]]).expand(2, 3),
    "overlapping": base.flatten()[:5].unfold(0, 3, 1),
    "__proto__": torch.tensor([-3], dtype=torch.int8),
    "\ufeffmarked": torch.tensor([-300], dtype=torch.int16),
}
checkpoint = {
    "epoch": 300,
    "loss": -0.5,
    "notes": ["é", None, True, False, (1, 2, 3), 70000, -1, 2**40],
    "model": tensors,
}
torch.save(checkpoint, f"{folder}/tensors.pt")

expected = {
    name: {"shape": list(t.shape), "values": t.detach().double().flatten().tolist()} for name, t in tensors.items()
}
figures = {"mean": mean.flatten().tolist(), "logits": logits.flatten()[:20].tolist()}
with open(f"{folder}/pt.json", "w") as file:
    json.dump({"tensors": expected, "vaeMlp": figures}, file, indent=1)
