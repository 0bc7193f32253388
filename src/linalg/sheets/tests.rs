//! Products against their definitions, and bits beside other columns.

use super::*;
use crate::linalg::simd::Simd;

fn sheet(rows: usize, columns: usize, start: f64) -> Sheet {
    let mut sheet = Sheet::new(rows, columns);
    let numbers = sheet.numbers.iter_mut().enumerate();
    numbers.for_each(|(k, x)| *x = (start + 0.7 * k as f64).sin());
    sheet
}

#[test]
fn products_agree_with_the_definition() {
    let x = sheet(40, 24, 0.3);
    let values: Vec<f64> = (0..600).map(|k| (0.1 + 0.9 * k as f64).cos()).collect();
    let runs = [
        Run {
            row: 2,
            weight: 5,
            count: 3,
            row_step: 7,
            weight_step: 50,
        },
        Run::one(30, 300),
    ];
    for simd in Simd::available() {
        for (width, transposed) in [(13, false), (3, false), (8, true), (1, false)] {
            let a = Weights {
                values: &values,
                width: if transposed { 4 } else { width },
                transposed,
            };
            let mut y = sheet(width, 24, 1.0);
            let before = y.clone();
            add_product(
                simd,
                a,
                SheetTerms::all(&runs, 3),
                x.view(),
                24,
                &mut y.numbers,
            );
            for (o, c) in (0..width).flat_map(|o| (0..24).map(move |c| (o, c))) {
                let mut sum = before.get(o, c);
                for run in runs {
                    for t in 0..run.count {
                        for k in 0..3 {
                            let at = match transposed {
                                true => o * 4 + k,
                                false => k * width + o,
                            };
                            let w = values[run.weight + t * run.weight_step + at];
                            sum += w * x.get(run.row + t * run.row_step + k, c);
                        }
                    }
                }
                assert!(
                    (y.get(o, c) - sum).abs() < 1e-13,
                    "{simd:?} {width} {o} {c}"
                );
            }
        }
    }
}

#[test]
fn a_column_has_the_same_bits_beside_any_others() {
    let (whole, part) = (sheet(9, 40, 0.2), 8);
    let values: Vec<f64> = (0..99).map(|k| (0.1 + 0.9 * k as f64).cos()).collect();
    let a = Weights {
        values: &values,
        width: 11,
        transposed: false,
    };
    for simd in Simd::available() {
        let mut y = Sheet::new(11, 40);
        add_product(
            simd,
            a,
            SheetTerms::all(&[Run::one(0, 0)], 9),
            whole.view(),
            40,
            &mut y.numbers,
        );
        for first in [0, 8, 16, 32] {
            let mut x = Sheet::new(9, part);
            (0..9).for_each(|r| {
                x.row_mut(r)
                    .copy_from_slice(&whole.row(r)[first..first + part])
            });
            let mut alone = Sheet::new(11, part);
            add_product(
                simd,
                a,
                SheetTerms::all(&[Run::one(0, 0)], 9),
                x.view(),
                part,
                &mut alone.numbers,
            );
            for r in 0..11 {
                assert_eq!(alone.row(r), &y.row(r)[first..first + part]);
            }
        }
    }
}

#[test]
fn outer_products_agree_with_the_definition() {
    let (x, d) = (sheet(30, 16, 0.5), sheet(30, 16, 0.9));
    let terms = [(0, 3), (10, 4), (20, 21)];
    for simd in Simd::available() {
        let mut g = sheet(42, 16, 0.1);
        let before = g.clone();
        add_outer(simd, (6, 7), &terms, x.view(), d.view(), &mut g.numbers);
        for (k, o, c) in (0..42 * 16).map(|m| (m / 112, m / 16 % 7, m % 16)) {
            let term = |&(a, b): &(usize, usize)| x.get(a + k, c) * d.get(b + o, c);
            let sum = before.get(k * 7 + o, c) + terms.iter().map(term).sum::<f64>();
            assert!((g.get(k * 7 + o, c) - sum).abs() < 1e-13);
        }
    }
}
