"""NetKet on a square Heisenberg antiferromagnet until the mean of ten steps is within a relative error, as JSON."""

import time

START = time.time()
import argparse
import json
import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
import flax.linen as nn
import netket as nk
import optax


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, required=True, help="in units of sigma.sigma")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shift", type=float, default=0.01)
    parser.add_argument("--length", type=int, default=6, help="of the square lattice")
    parser.add_argument("--symmetry", choices=["translations", "space-group"], default="translations")
    parser.add_argument("--exact", type=float, required=True, help="ground-state energy in units of S.S")
    parser.add_argument("--tolerance", type=float, default=1e-3)
    parser.add_argument("--budget", type=float, default=600.0, help="CPU seconds of the process")
    options = parser.parse_args()
    normal = nn.initializers.normal(0.01)
    graph = nk.graph.Square(options.length, pbc=True)
    space = nk.hilbert.Spin(0.5, graph.n_nodes, total_sz=0)
    hamiltonian = nk.operator.Heisenberg(space, graph)
    sampler = nk.sampler.MetropolisExchange(space, graph=graph, d_max=1, n_chains=16, sweep_size=graph.n_nodes)
    tied = dict(translations=graph.translation_group, **{"space-group": graph.space_group})
    group = tied[options.symmetry]()
    # Hidden units over sites: four filters, each with a unit for every element.
    ansatz = nk.models.RBMSymm(
        symmetries=group,
        alpha=4 * len(group) // graph.n_nodes,
        param_dtype=complex,
        kernel_init=normal,
        hidden_bias_init=normal,
        visible_bias_init=normal,
    )
    state = nk.vqs.MCState(
        sampler, ansatz, n_samples=1024, n_discard_per_chain=0, seed=options.seed, sampler_seed=options.seed + 100
    )
    driver = nk.driver.VMC_SR(
        hamiltonian,
        optax.sgd(options.rate),
        variational_state=state,
        diag_shift=options.shift,
        use_ntk=False,
        on_the_fly=False,
        mode="complex",
    )
    energies = []
    reached = []

    def after_step(step, log, _driver):
        energies.append(float(log["Energy"].mean.real) / 4)
        last = energies[-10:]
        if len(last) == 10 and abs(sum(last) / 10 - options.exact) < options.tolerance * abs(options.exact):
            reached.append(step + 1)
            return False
        return time.process_time() < options.budget

    driver.run(10**6, out=nk.logging.RuntimeLog(), show_progress=False, callback=after_step)
    print(
        json.dumps(
            dict(
                side="netket",
                version=nk.__version__,
                rate=options.rate,
                shift=options.shift,
                seed=options.seed,
                reached=bool(reached),
                steps=len(energies),
                cpu=time.process_time(),
                wall=time.time() - START,
                relative_error=(sum(energies[-10:]) / len(energies[-10:]) - options.exact) / abs(options.exact),
            )
        ),
        flush=True,
    )


if __name__ == "__main__":
    main()
