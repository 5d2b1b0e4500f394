"""The only writer of the record: takes messages in, plans them, answers them, and keeps what is due; START HERE: ``hospital.Conduct``."""
