"""What any AWS service asks of a client: an address spelled in one way only, a signature, and credentials to make it with."""
