"""Supervised LLM agent sessions for long-running trio services, modelled on OTP."""
