//! Summaries of measurements.
