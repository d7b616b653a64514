//! Tests of flushing.
