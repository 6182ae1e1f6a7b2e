"""Images become what a network sees, and hostile ones are refused with the reason."""
