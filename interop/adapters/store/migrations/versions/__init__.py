"""One module a revision, numbered with four digits; never edited once released."""
