"""The wire of Claude Managed Agents."""
