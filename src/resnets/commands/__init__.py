"""The verbs as commands: read the options, call the function of that name, print its result."""
