"""ATTEST: proves that an arm is what it says, before any load (METHOD 3)."""
