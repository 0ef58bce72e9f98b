//! Rows 131 to 138: input that is refused before anything starts.
