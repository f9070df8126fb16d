"""Pure decisions about zones: what a feature of a file means, what a zone may be, and who is inside one."""
