"""CPU seconds of an optimisation step of deep networks, nishina and NetKet in turn on one core; prints a Markdown table.

    python benches/peers/deep.py [resnet-single gcnn gcnn-window vit made] [--rounds 2] [--core 0] [--nice 0] [--alone]

nishina is timed from outside as in compare.py, NetKet from inside, after two steps that compile. Networks of the two sides have the
same sizes, not the same numbers. Few samples: the times of a step grow with them, but for the solve. --alone leaves NetKet out.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time

import compare
import numpy

J1J2 = """[lattice]
kind = "square"
size = [{length}, {length}]
[hamiltonian]
kind = "j1j2"
j2 = 0.5
sector = {{ total_sz = 0 }}
sign_rule = "marshall"
[ansatz]
{ansatz}
[sampler]
chains = 32
samples = {samples}
[optimize]
steps = 2
method = "kernel-sr"
learning_rate = 0.02
shift = 1e-3
[output]
log_every = 0
"""
RING = """[lattice]
kind = "chain"
size = 40
[hamiltonian]
kind = "ising"
hx = 1.0
[ansatz]
{ansatz}
[sampler]
method = "direct"
samples = {samples}
[optimize]
steps = 2
method = "kernel-sr"
learning_rate = 0.05
shift = 1e-3
[output]
log_every = 0
"""
RESNET = 'kind = "resnet"\nchannels = 12\nblocks = 4\nhead = "lncosh"\nprecision = "{}"'
VIT = 'kind = "vit"\nwidth = 24\nheads = 4\nlayers = 2\nratio = 2\nprecision = "{}"'
GCNN = 'kind = "gcnn"\nfeatures = [4, 4, 4]\nprecision = "{}"'
WINDOW = GCNN + "\nkernel = 3"
MADE = 'kind = "autoregressive"\nfeatures = [4, 4]\npositive = true\nprecision = "{}"'
# Input, wave function, precision, samples, timed steps of nishina and of NetKet.
CASES = {
    "resnet": (J1J2, RESNET, "double", 32, 3, 1),
    "resnet-single": (J1J2, RESNET, "single", 32, 3, 1),
    "gcnn": (J1J2, GCNN, "double", 128, 10, 2),
    "gcnn-single": (J1J2, GCNN, "single", 128, 10, 2),
    "gcnn-window": (J1J2, WINDOW, "double", 128, 10, 2),
    "gcnn-window-single": (J1J2, WINDOW, "single", 128, 10, 2),
    "vit": (J1J2, VIT, "double", 128, 3, 2),
    "vit-single": (J1J2, VIT, "single", 128, 3, 2),
    "made": (RING, MADE, "double", 1024, 10, 3),
    "made-single": (RING, MADE, "single", 1024, 10, 3),
}


def length_of(name):
    """Sites of the square in each direction."""
    return 6 if name.startswith("gcnn") else 10


def ours(name, core, folder):
    """CPU seconds of a step of nishina."""
    text, ansatz, precision, samples, steps, _ = CASES[name]
    with open(os.path.join(folder, "x.toml"), "w") as out:
        out.write(text.format(ansatz=ansatz.format(precision), samples=samples, length=length_of(name)))
    cpu = []
    for count in (1, steps + 1):
        command = [compare.PROGRAM, "run", "x.toml", "--fresh", "--set", f"optimize.steps={count}"]
        cpu.append(compare.pinned(core, command, folder)[2])
    return (cpu[1] - cpu[0]) / steps


def theirs(name, core, folder):
    """CPU seconds of a step of NetKet, and its version."""
    command = [sys.executable, os.path.abspath(__file__), name, "--inside"]
    return json.loads(compare.pinned(core, command, folder)[0].strip().splitlines()[-1])


def group_convolutions(nn, jnp, netket, window):
    """The network of group convolutions, of the layers that NetKet has; a window is a mask."""
    graph = netket.graph.Square(6)
    sites = numpy.arange(36)
    near = ((sites % 6 + 1) % 6 < 3) & ((sites // 6 + 1) % 6 < 3) if window else numpy.ones(36, bool)
    masks = near, near[numpy.asarray(graph.space_group())[:, 0]]

    class Group(nn.Module):
        real: any

        @nn.compact
        def __call__(self, spins):
            kinds = dict(symmetries=graph, features=4, mode="fft", param_dtype=self.real)
            inputs, elements = masks if window else (None, None)
            x = spins.astype(self.real).reshape(-1, 1, 36)
            y = netket.nn.DenseSymm(mask=inputs, **kinds)(x)
            for _ in range(2):
                y = netket.nn.DenseEquivariant(in_features=4, mask=elements, **kinds)(nn.selu(y))
            # Layers over frequencies give real numbers a complex type or not, by the version.
            y = jnp.real(y)
            return netket.jax.logsumexp_cplx(y[:, :2] + 1j * y[:, 2:], axis=(1, 2))

    return Group


def networks(nn, jnp, netket):
    """The other networks in flax."""

    def halves(re, im):
        return jnp.sum(netket.nn.log_cosh(re + 1j * im), axis=-1)

    class Convolutions(nn.Module):
        real: any

        @nn.compact
        def __call__(self, spins):
            def layer(x):
                return nn.Conv(12, (3, 3), padding="CIRCULAR", dtype=self.real, param_dtype=self.real)(x)

            x = layer(spins.reshape(-1, 10, 10, 1).astype(self.real))
            for _ in range(4):
                x = x + layer(nn.gelu(layer(nn.gelu(x))))
            mean = x.mean(axis=(1, 2))
            return halves(mean[:, :6], mean[:, 6:])

    class Patches(nn.Module):
        real: any

        @nn.compact
        def __call__(self, spins):
            kinds = dict(dtype=self.real, param_dtype=self.real)
            x = spins.astype(self.real).reshape(-1, 5, 2, 5, 2).swapaxes(2, 3).reshape(-1, 25, 4)
            x = nn.Dense(24, **kinds)(x)
            away = (jnp.arange(5)[None, :] - jnp.arange(5)[:, None]) % 5
            away = (5 * away[:, None, :, None] + away[None, :, None, :]).reshape(25, 25)
            for k in range(2):
                values = nn.Dense(24, **kinds)(nn.LayerNorm(**kinds)(x)).reshape(-1, 25, 4, 6)
                weights = self.param(f"j{k}", nn.initializers.normal(0.1), (4, 25), self.real)[:, away]
                mixed = jnp.einsum("hqp,wphd->wqhd", weights, values).reshape(-1, 25, 24)
                x = x + nn.Dense(24, **kinds)(mixed)
                inner = nn.gelu(nn.Dense(48, **kinds)(nn.LayerNorm(**kinds)(x)))
                x = x + nn.Dense(24, **kinds)(inner)
            z = nn.LayerNorm(**kinds)(x.sum(axis=1))
            outputs = [nn.LayerNorm(**kinds)(nn.Dense(24, **kinds)(z)) for _ in range(2)]
            return halves(*outputs)

    return Convolutions, Patches


def inside(name):
    """Times steps of NetKet in this process."""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import flax.linen as nn
    import jax
    import jax.numpy as jnp
    import netket
    import optax

    precision, samples, _, steps = CASES[name][2:]
    real = jnp.float64 if precision == "double" else jnp.float32
    if name.startswith("made"):
        space = netket.hilbert.Spin(0.5, 40)
        hamiltonian = netket.operator.Ising(space, netket.graph.Chain(40), h=1.0, J=-1.0)
        network = netket.models.ARNNDense(hilbert=space, layers=3, features=4, param_dtype=real)
        sampler, mode, rate = netket.sampler.ARDirectSampler(space), "real", 0.05
    else:
        length = length_of(name)
        space = netket.hilbert.Spin(0.5, length**2, total_sz=0)
        both = netket.graph.Square(length, max_neighbor_order=2)
        hamiltonian = netket.operator.Heisenberg(space, both, J=[1.0, 0.5], sign_rule=[True, False])
        convolutions, patches = networks(nn, jnp, netket)
        if name.startswith("gcnn"):
            network = group_convolutions(nn, jnp, netket, "window" in name)(real)
        else:
            network = (convolutions if name.startswith("resnet") else patches)(real)
        graph, sweep = netket.graph.Square(length), length**2
        sampler = netket.sampler.MetropolisExchange(space, graph=graph, n_chains=16, sweep_size=sweep)
        mode, rate = "complex", 0.005
    more = {} if name.startswith("made") else dict(n_discard_per_chain=0, chunk_size=4096)
    state = netket.vqs.MCState(sampler, network, n_samples=samples, seed=1, sampler_seed=2, **more)
    ticks = []

    def after_step(_step, _log, _driver):
        jax.block_until_ready(state.parameters)
        ticks.append(time.process_time())
        return True

    rule = dict(diag_shift=1e-3, use_ntk=True, on_the_fly=False, mode=mode)
    driver = netket.driver.VMC_SR(hamiltonian, optax.sgd(rate), variational_state=state, **rule)
    driver.run(steps + 2, out=netket.logging.RuntimeLog(), show_progress=False, callback=after_step)
    taken = [after - before for before, after in zip(ticks[1:], ticks[2:])]
    print(json.dumps(dict(cpu=statistics.median(taken), parameters=int(state.n_parameters))))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(CASES))
    parser.add_argument("--rounds", type=int, default=2, help="each side runs this often, in turn")
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--nice", default="0")
    parser.add_argument("--alone", action="store_true", help="without NetKet")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    for name in options.names:
        if name not in CASES:
            sys.exit(f"{name} is none of {', '.join(CASES)}")
    if options.inside:
        return inside(options.names[0])
    compare.NICE = options.nice
    print("| network | samples | nishina, CPU s a step | NetKet, CPU s a step | ratio |")
    print("| --- | --- | --- | --- | --- |", flush=True)
    for name in options.names:
        left, right = [], []
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(options.rounds):
                left.append(ours(name, options.core, folder))
                if not options.alone:
                    right.append(theirs(name, options.core, folder)["cpu"])
        a, b = statistics.median(left), statistics.median(right) if right else float("nan")
        print(f"| {name} | {CASES[name][3]} | {a:.3g} | {b:.3g} | {b / a:.3g} |", flush=True)


if __name__ == "__main__":
    main()
