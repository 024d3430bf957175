//! Data: tables that are built in, splits, scaling.
