"""The pumps' screens for people, and their control for a story. It presses keys, reads what a pump shows, and decides nothing."""
