#!/usr/bin/env bash
# Makes the pictures of docs/gallery from the inputs in configs/gallery: jobs/gallery.sh
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
source jobs/setup.sh
cargo build --release
program=$root/target/release/nishina
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
for input in "$root"/configs/gallery/*.toml; do "$program" run "$input"; done
"$program" exact "$root/configs/gallery/square.toml" --output square.exact.h5
draw() { "$program" plot "$@" --format png --width 720; }
draw square.h5 square-one-filter.h5 --exact square.exact.h5 --output compared
draw square.h5 --output square
draw kagome.h5 --output kagome
draw quench.h5 --output quench
draw space.h5 --output space
for name in synthetic condensate; do
    "$program" run "$root/configs/holography-$name.toml"
    draw "holography-$name.h5" --output "$name"
done
for length in 8 16 32; do
    "$program" run "$root/configs/classical-binder.toml" --set "lattice.size=[$length,$length]" --set "output.name=L$length"
done
draw L8.h5 L16.h5 L32.h5 --output spins
for length in 10 20 40; do
    "$program" run "$root/configs/classical-self-learning.toml" --set "lattice.size=[$length,$length]" --set "output.name=S$length"
done
draw S10.h5 S20.h5 S40.h5 --output learned
for length in 10 20 30; do
    "$program" run "$root/configs/phases-classify.toml" --set "lattice.size=[$length, $length]" --set "output.name=phases-$length"
done
draw phases-10.h5 phases-20.h5 phases-30.h5 --output phases
configs=$root/configs
for units in 1 2 4 8 16 32; do
    "$program" run "$configs/regression-approximation.toml" --set "regression.widths=[$units]" --set "output.name=units-$units"
done
draw units-*.h5 --output units
"$program" run "$configs/regression-approximation.toml" --set 'regression.outputs=["box"]' --set output.name=box
draw box.h5 --output box
"$program" run "$configs/regression-kepler-network.toml"
"$program" run "$configs/regression-kepler-network.toml" --set regression.steps=0 --set regression.data=data/planets-all.csv \
    --set "regression.load=$work/kepler-network.h5" --set output.name=kepler-beyond
draw kepler-beyond.h5 --output kepler
for units in sigmoid relu; do
    "$program" run "$configs/regression-vanishing.toml" --set "regression.activation=$units" --set "output.name=$units"
done
draw sigmoid.h5 relu.h5 --output gradients
"$program" run "$configs/learn-tfim-8.toml" --set learn.shots=1000 --set learn.test_fraction=0.2 --set output.name=shots-1000
draw shots-1000.h5 --output outcomes
for shots in 100 300 1000 3000 10000 30000 100000; do
    "$program" run "$configs/learn-tfim-8.toml" --set "learn.shots=$shots" --set "output.name=n-$shots"
done
draw n-*.h5 --output numbers
for range in 1 2 3 4 5 6 7 8 10 12; do
    "$program" run "$configs/machine-range-12.toml" --set "ansatz.range=$range" --set "output.name=range-$range"
done
draw range-*.h5 --output ranges
draw range-2.h5 range-3.h5 range-5.h5 range-12.h5 --output cuts
mkdir -p "$root/docs/gallery"
cp compared/energy.png square/spin-correlations.png square/filters.png "$root/docs/gallery/"
cp square/structure-factor.png "$root/docs/gallery/structure-factor-square.png"
cp kagome/structure-factor.png "$root/docs/gallery/structure-factor-kagome.png"
cp kagome/bonds.png "$root/docs/gallery/bonds-kagome.png"
cp quench/evolution.png quench/spin-correlations-zz-of-time.png "$root/docs/gallery/"
cp space/metric.png "$root/docs/gallery/holography-rk4-metric.png"
cp synthetic/metric.png "$root/docs/gallery/holography-synthetic-metric.png"
for name in metric loss potential; do cp "condensate/$name.png" "$root/docs/gallery/holography-$name.png"; done
cp condensate/training-points.png "$root/docs/gallery/holography-points.png"
for name in binder specific-heat; do cp "spins/$name.png" "$root/docs/gallery/classical-$name.png"; done
cp learned/autocorrelation.png "$root/docs/gallery/classical-autocorrelation.png"
for name in output collapse size; do cp "phases/phases-$name.png" "$root/docs/gallery/"; done
cp box/regression-fit.png units/regression-widths.png gradients/regression-gradients.png "$root/docs/gallery/"
cp kepler/regression-fit.png "$root/docs/gallery/regression-kepler.png"
cp outcomes/learning.png outcomes/learned-correlations.png numbers/fidelity-against-outcomes.png "$root/docs/gallery/"
cp ranges/range-against-entropy.png cuts/cuts.png "$root/docs/gallery/"
