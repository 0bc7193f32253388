//! Decides what is in the files and how they reach the disk.

pub mod atomic;
pub mod hdf5;
pub mod output;
pub mod samples;
pub mod seal;
pub mod tree;
