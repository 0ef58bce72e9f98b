//! Rows 48 to 70: time limits, what tasks leave behind, and workers killed from outside.
