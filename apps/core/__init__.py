"""The words of space and time, the error root, ids, and HTTP plumbing. No business."""
