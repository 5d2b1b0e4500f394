"""The wards of the demo hospital, as tests tell of them: its orders, its pumps, and the messages that its EHR sends."""
