//! Decides the numbers of the Runge–Kutta methods.
//!
//! P. Bogacki, L. F. Shampine, Appl. Math. Lett. 2, 321 (1989); J. R. Dormand, P. J. Prince, J.
//! Comput. Appl. Math. 6, 19 (1980); E. Hairer, S. P. Nørsett, G. Wanner, Solving Ordinary
//! Differential Equations I.

/// The numbers of a method; the slope at the new point follows those of the stages.
pub(super) struct Tableau {
    /// One row of a per stage after the first.
    pub(super) a: &'static [&'static [f64]],
    /// Weights of the step.
    pub(super) b: &'static [f64],
    /// Weights of the error estimate over all slopes; empty for fixed steps.
    pub(super) error: &'static [f64],
    /// Weights of the dense output beyond the cubic.
    pub(super) dense: &'static [f64],
    /// Order of the error estimate in h.
    pub(super) order: f64,
}

/// The method of Heun.
pub(super) const HEUN: Tableau = Tableau {
    a: &[&[1.0]],
    b: &[0.5, 0.5],
    error: &[],
    dense: &[],
    order: 0.0,
};
/// The classical method of fourth order.
pub(super) const RK4: Tableau = Tableau {
    a: &[&[0.5], &[0.0, 0.5], &[0.0, 0.0, 1.0]],
    b: &[1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0],
    error: &[],
    dense: &[],
    order: 0.0,
};
/// The pair of Bogacki and Shampine.
pub(super) const BOGACKI_SHAMPINE: Tableau = Tableau {
    a: &[&[0.5], &[0.0, 0.75]],
    b: &[2.0 / 9.0, 1.0 / 3.0, 4.0 / 9.0],
    error: &[
        2.0 / 9.0 - 7.0 / 24.0,
        1.0 / 3.0 - 1.0 / 4.0,
        4.0 / 9.0 - 1.0 / 3.0,
        -1.0 / 8.0,
    ],
    dense: &[],
    order: 3.0,
};
/// The pair of Dormand and Prince, with its dense output.
pub(super) const DORMAND_PRINCE: Tableau = Tableau {
    a: &[
        &[1.0 / 5.0],
        &[3.0 / 40.0, 9.0 / 40.0],
        &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
        &[
            19372.0 / 6561.0,
            -25360.0 / 2187.0,
            64448.0 / 6561.0,
            -212.0 / 729.0,
        ],
        &[
            9017.0 / 3168.0,
            -355.0 / 33.0,
            46732.0 / 5247.0,
            49.0 / 176.0,
            -5103.0 / 18656.0,
        ],
    ],
    b: &[
        35.0 / 384.0,
        0.0,
        500.0 / 1113.0,
        125.0 / 192.0,
        -2187.0 / 6784.0,
        11.0 / 84.0,
    ],
    error: &[
        71.0 / 57600.0,
        0.0,
        -71.0 / 16695.0,
        71.0 / 1920.0,
        -17253.0 / 339200.0,
        22.0 / 525.0,
        -1.0 / 40.0,
    ],
    dense: &[
        -12715105075.0 / 11282082432.0,
        0.0,
        87487479700.0 / 32700410799.0,
        -10690763975.0 / 1880347072.0,
        701980252875.0 / 199316789632.0,
        -1453857185.0 / 822651844.0,
        69997945.0 / 29380423.0,
    ],
    order: 5.0,
};
