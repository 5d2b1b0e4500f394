"""The server as a process: its settings, its log, its certificates, and how its parts are put together and run."""
