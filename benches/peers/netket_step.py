"""One workload in NetKet: CPU and wall time of a step, proposals per second, start to first step, peak memory, as JSON.

    python netket_step.py W1 --density 1 --steps 8
"""

import time

START = time.time()
import argparse
import json
import os
import resource
import statistics

os.environ.setdefault("JAX_PLATFORMS", "cpu")
import flax.linen as nn
import jax
import netket as nk
import optax


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workload", choices=["W1", "W2dense", "W2symm", "W4"])
    parser.add_argument("--density", type=int, required=True)
    parser.add_argument("--steps", type=int, default=8, help="timed steps, after two that compile")
    parser.add_argument("--sweeps", type=int, default=3, help="timed calls of the sampler")
    parser.add_argument("--solver", choices=["pseudo-inverse", "cholesky"], default="pseudo-inverse", help="of W4")
    return parser.parse_args()


def system(workload, density):
    """Sampler, wave function and Hamiltonian: those of the input of the same name."""
    normal = nn.initializers.normal(0.01)
    common = dict(
        alpha=density, param_dtype=complex, kernel_init=normal, hidden_bias_init=normal, visible_bias_init=normal
    )
    if workload in ("W1", "W4"):
        sites = 40 if workload == "W1" else 20
        graph = nk.graph.Chain(sites, pbc=True)
        space = nk.hilbert.Spin(0.5, sites)
        hamiltonian = nk.operator.Ising(space, graph, h=1.0, J=-1.0)
        sampler = nk.sampler.MetropolisLocal(space, n_chains=16, sweep_size=sites)
        return sampler, nk.models.RBM(**common), hamiltonian
    sites = 100
    graph = nk.graph.Square(10, pbc=True)
    space = nk.hilbert.Spin(0.5, sites, total_sz=0)
    # In units of sigma.sigma, with the Marshall sign rule: four times S.S.
    hamiltonian = nk.operator.Heisenberg(space, graph)
    sampler = nk.sampler.MetropolisExchange(space, graph=graph, d_max=1, n_chains=16, sweep_size=sites)
    if workload == "W2dense":
        return sampler, nk.models.RBM(**common), hamiltonian
    return sampler, nk.models.RBMSymm(symmetries=graph.translation_group(), **common), hamiltonian


def driver(options, hamiltonian, state):
    """What makes the steps: stochastic reconfiguration, or one Euler step of the evolution."""
    if options.workload == "W4":
        metric = nk.optimizer.qgt.QGTJacobianDense(holomorphic=True, diag_shift=1e-4)
        solver = nk.optimizer.solver.pinv_smooth
        if options.solver == "cholesky":
            solver = nk.optimizer.solver.cholesky
        euler = nk.experimental.dynamics.Euler(0.01)
        return nk.experimental.TDVP(hamiltonian, state, euler, qgt=metric, linear_solver=solver)
    rate = 0.05 if options.workload == "W1" else 0.01
    return nk.driver.VMC_SR(
        hamiltonian,
        optax.sgd(rate),
        variational_state=state,
        diag_shift=0.01,
        use_ntk=options.workload != "W2symm",
        on_the_fly=False,
        mode="complex",
    )


def main():
    options = arguments()
    sampler, ansatz, hamiltonian = system(options.workload, options.density)
    state = nk.vqs.MCState(sampler, ansatz, n_samples=1024, n_discard_per_chain=0, seed=1, sampler_seed=2)
    ticks = []

    def after_step(_step, _log, _driver):
        jax.block_until_ready(state.parameters)
        ticks.append((time.time(), time.process_time()))
        return True

    steps = driver(options, hamiltonian, state)
    quiet = dict(out=nk.logging.RuntimeLog(), show_progress=False, callback=after_step)
    if options.workload == "W4":
        steps.run(T=0.01 * (options.steps + 2) - 0.005, **quiet)
    else:
        steps.run(options.steps + 2, **quiet)
    timed = list(zip(ticks[1:], ticks[2:]))

    def sample():
        state.reset()
        jax.block_until_ready(state.samples)

    sample()
    draws = []
    for _ in range(options.sweeps):
        before = time.process_time()
        sample()
        draws.append(time.process_time() - before)
    proposals = state.n_samples * hamiltonian.hilbert.size
    print(
        json.dumps(
            dict(
                side="netket",
                version=nk.__version__,
                workload=options.workload,
                density=options.density,
                parameters=int(state.n_parameters),
                cpu_per_step=statistics.median(b[1] - a[1] for a, b in timed),
                wall_per_step=statistics.median(b[0] - a[0] for a, b in timed),
                proposals_per_cpu_second=proposals / statistics.median(draws),
                wall_to_first_step=ticks[0][0] - START,
                cpu_to_first_step=ticks[0][1],
                peak_megabytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            )
        )
    )


if __name__ == "__main__":
    main()
