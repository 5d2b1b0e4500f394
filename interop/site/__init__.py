"""The files of a site, which pharmacists and analysts edit, into a release; every fault with its file, line and column."""
