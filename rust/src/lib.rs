//! The part of hob that is written in Rust: chat templates (see include/hob_rust.h).
