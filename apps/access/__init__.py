"""Who may do what to which object: one decision, asked through a few doors. Knows no noun by name."""
