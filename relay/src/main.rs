//! `trubka-relay`.

fn main() {}
