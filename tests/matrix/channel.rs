//! Rows 71 to 93: what a worker sends, does not send, and prints.
