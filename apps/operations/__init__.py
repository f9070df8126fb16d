"""What people plan to do where, at what height and when; what stands in the way; who has to agree."""
