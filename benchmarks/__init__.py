"""Commands that measure, each beside a limit measured in the same run. The last line is one JSON object."""
