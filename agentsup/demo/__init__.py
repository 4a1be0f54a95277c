"""The demonstration: a dozen supervised sessions ask about a real folder while things break, and a summary checks itself."""
