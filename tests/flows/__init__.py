"""What crosses applications: the main job from report to incident, and who may see what on every surface."""
