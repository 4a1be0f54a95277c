"""The wire of Bedrock AgentCore's harnesses."""
