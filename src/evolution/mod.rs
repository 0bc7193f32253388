//! Decides how parameters move with time: what drives them ([`motion`]), in which steps
//! ([`integrator`], or fits of a [`product`]), under which couplings ([`ramp`]), and whether they
//! follow noise ([`fresh`]).
//!
//! The velocity θ̇ minimises the distance between e^{−iH dt}|ψ(θ)⟩ and |ψ(θ + θ̇ dt)⟩
//! (imaginary time: e^{−H dt}). (G. Carleo, M. Troyer, Science 355, 602 (2017).)

pub mod fresh;
pub mod integrator;
mod inverse;
pub mod motion;
pub mod product;
pub mod ramp;
mod spectrum;
mod tableau;
