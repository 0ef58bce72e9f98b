//! Rows 94 to 115: signals to the supervisor, its own death, and going on afterwards.
