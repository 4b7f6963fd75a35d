//! Hostile guest: spins for ever
