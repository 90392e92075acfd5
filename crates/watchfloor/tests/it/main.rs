//! Whole-program tests: one binary, so that the program is linked once.

mod demo;
mod durability;
mod openapi;
mod pages;
mod program;
mod tidy;
