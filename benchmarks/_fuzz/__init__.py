"""Parts of the fuzz: what to send, to whom, as whom, and what must never come back."""
