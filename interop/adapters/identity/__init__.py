"""Who is asking: local users, badges, sessions, clients with tokens, and the audit of all of it; kept through the Record port."""
