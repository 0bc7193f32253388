#!/usr/bin/env python3
"""CPU time of classical updates beside other programs: square Ising model at T = 2.269, one core.

    benches/peers/classical.py target/release/nishina [--size 128]

Needs `pip install peapods mcising`. Times are differences of a long and a short run, so that starts do not count.
"""
import argparse
import json
import pathlib
import resource
import subprocess
import tempfile
import time

TEMPERATURE = 2.269


def nishina(program, size, update, sweeps, samples):
    """CPU seconds of a run, and the mean cluster over N."""
    text = f"""
[lattice]
kind = "square"
size = [{size}, {size}]
[hamiltonian]
kind = "ising"
[sampler]
chains = 2
samples = {samples}
sweeps = {sweeps}
burn_in = 1000
[classical]
temperatures = {TEMPERATURE}
update = "{update}"
[output]
samples = "none"
"""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        (path / "x.toml").write_text(text)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([program, "run", "x.toml"], cwd=path, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        said = subprocess.run([program, "info", "x.h5", "--json"], cwd=path, check=True, capture_output=True).stdout
        size = json.loads(said)["classical"][0]["cluster_size"]
    return after.ru_utime - before.ru_utime, size


def peapods(size, sweeps, **keys):
    """CPU seconds of so many sweeps of one configuration."""
    import numpy
    from peapods import Ising
    model = Ising((size, size), temperatures=numpy.array([TEMPERATURE]))
    clock = time.process_time()
    model.sample(sweeps, warmup_ratio=0.0, sequential=True, **keys)
    return time.process_time() - clock


def mcising(size, sweeps, algorithm):
    """The same; observables every tenth sweep, its smallest effort without configurations."""
    from mcising import Algorithm, LatticeConfig, Simulation, SimulationConfig
    config = SimulationConfig(lattice=LatticeConfig(size=size), algorithm=Algorithm(algorithm), temperatures=(TEMPERATURE,),
                              n_sweeps=sweeps, n_thermalization=1, measurement_interval=100, store_configs=False)
    clock = time.process_time()
    Simulation(config).run()
    return time.process_time() - clock


def slope(run, few, many):
    """Seconds of one more of what is counted."""
    run(few)
    return (run(many) - run(few)) / (many - few)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--size", type=int, default=128)
    asked = parser.parse_args()
    program, size = str(pathlib.Path(asked.program).resolve()), asked.size
    sites = size * size
    ns = 1e9 / sites
    # Two samples of two chains each.
    local = slope(lambda n: nishina(program, size, "metropolis", n, 8)[0] / 8, 1000, 20000) * ns
    print(f"nishina metropolis       {local:8.3f} ns a spin, {1e3 / local:.0f} million spins a second")
    (few, small), (many, large) = [nishina(program, size, "wolff", n, 8) for n in (1000, 5000)]
    seconds = (many - few) / (8 * (5000 * large - 1000 * small))
    print(f"nishina wolff            {seconds * ns:8.3f} ns a site of a cluster")
    seconds = slope(lambda n: nishina(program, size, "swendsen-wang", n, 8)[0] / 8, 500, 2000)
    print(f"nishina swendsen-wang    {seconds * ns:8.3f} ns a site")
    print(f"peapods metropolis       {slope(lambda n: peapods(size, n), 100, 2000) * ns:8.3f} ns a spin")
    both = slope(lambda n: peapods(size, n, cluster_update_interval=1), 100, 1000) * ns
    alone = slope(lambda n: peapods(size, n), 100, 1000) * ns
    print(f"peapods swendsen-wang    {both - alone:8.3f} ns a site")
    for algorithm in ["metropolis", "swendsen_wang"]:
        try:
            seconds = slope(lambda n: mcising(size, n, algorithm), 200, 2000)
            print(f"mcising {algorithm:<16} {seconds * ns:8.3f} ns a spin")
        except (ValueError, TypeError) as error:
            print(f"mcising {algorithm}: {error}")


if __name__ == "__main__":
    main()
