"""A real TimescaleDB for tests: compiled to WebAssembly, run by the Node.js that the locked dependencies bring.

The package of it is licensed under Apache-2.0 and contains TimescaleDB's community-licensed part (TSL). It is for tests
only: nothing of it is shipped, and no user's data is put into it.
"""
