//! Decides what is in the files and how they reach the disk.
pub mod tree;
