//! Holds the wave function and its distribution to the definitions.
