//! Rows 1 to 20: a worker that cannot be started, or does not get as far as its first task.
