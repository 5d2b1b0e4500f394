"""Those who talk to the doors in the tests: event loops, certificates, a stand-in intake, and clients that nobody here wrote."""
