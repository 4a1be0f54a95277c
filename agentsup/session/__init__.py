"""The actor that performs what the machine decides, and the addresses users hold."""
