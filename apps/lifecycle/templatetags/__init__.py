"""What the lifecycle templates compute."""
