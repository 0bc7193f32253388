#!/usr/bin/env python3
"""The network of [holography], experiment "condensate", in PyTorch beside nishina, on one core each.

    taskset -c 0 benches/peers/holography.py PATH/nishina [--epochs 200] [--torch-batches 300]

Both train 15 layers on 20000 points in batches of 100, in double precision. Prints CPU seconds per epoch, seconds per seed of 5000
epochs, the ratio, and the share of the arithmetic that the layers need at least. Needs torch (CPU is enough).
"""

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time

LAYERS, POINTS, BATCH, SEED_EPOCHS = 15, 20000, 100, 5000
# Multiplications and additions of a layer and a point: 8 forward, 13 back.
OPERATIONS = 21


def children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def nishina(program, epochs):
    """CPU seconds of a run of one seed."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "x.toml")
        with open(path, "w") as f:
            f.write(f'[holography]\nexperiment = "condensate"\nepochs = {epochs}\n')
        before = children()
        subprocess.run([program, "run", path], cwd=folder, check=True, capture_output=True)
        return children() - before


def torch_seconds(batches):
    """CPU seconds of a batch of the same network, after ten that warm up."""
    import torch

    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(1)
    step = (1 / 15 - 1.0) / LAYERS
    eta = [1.0 + step * n for n in range(LAYERS)]
    h = torch.nn.Parameter(4.0 + 3.0 * torch.randn(LAYERS))
    coupling = torch.nn.Parameter(torch.tensor(0.2))
    radius = torch.nn.Parameter(torch.tensor(0.8))
    weights = torch.tensor([0.01 * e**4 for e in eta[:-1]])
    optimizer = torch.optim.Adam([h, coupling, radius], lr=1e-3)
    x = torch.rand(POINTS, 2) * torch.tensor([0.022, 0.11])
    label = (torch.arange(POINTS) >= POINTS // 2).double()
    root = math.sqrt(3.0)
    e1, e3 = math.exp(-1.0), math.exp(-3.0)

    def loss_of(m, c, label):
        alpha = m * (root / (2 * math.pi)) * radius
        beta = c * (math.pi / root) * radius**3
        cube = 0.5 * coupling * alpha**3
        phi = alpha * e1 + beta * e3 - cube * e3
        pi = -alpha * e1 - 3.0 * beta * e3 + 2.0 * cube * e3
        for n in range(LAYERS):
            phi, pi = phi + step * pi, pi - step * (h[n] * pi + 3.0 * phi - coupling * phi**3)
        y = 1.0 + 0.5 * (torch.tanh(100.0 * (pi - 0.1)) - torch.tanh(100.0 * (pi + 0.1)))
        error = (y - label).abs().mean()
        return error**2 + 0.01 * (4.0 - h[0]) ** 2 + (weights * (h[1:] - h[:-1]) ** 2).sum()

    begun = None
    for k in range(batches + 10):
        if k == 10:
            begun = time.process_time()
        pick = torch.randint(POINTS, (BATCH,))
        optimizer.zero_grad()
        loss_of(x[pick, 0], x[pick, 1], label[pick]).backward()
        optimizer.step()
    return (time.process_time() - begun) / batches


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--torch-batches", type=int, default=300)
    asked = parser.parse_args()
    few = max(asked.epochs // 10, 1)
    ours = (nishina(asked.program, asked.epochs + few) - nishina(asked.program, few)) / asked.epochs
    found = {"nishina_epoch_seconds": ours, "nishina_seed_seconds": SEED_EPOCHS * ours}
    found["operations_per_second"] = OPERATIONS * LAYERS * POINTS / ours
    try:
        theirs = torch_seconds(asked.torch_batches) * POINTS / BATCH
        found |= {"torch_epoch_seconds": theirs, "torch_seed_seconds": SEED_EPOCHS * theirs}
        found["ratio"] = theirs / ours
    except ImportError as e:
        print(f"{e}: the other side is left out", file=sys.stderr)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
