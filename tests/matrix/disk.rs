//! Rows 116 to 130: the disk, the environment, and special files.
