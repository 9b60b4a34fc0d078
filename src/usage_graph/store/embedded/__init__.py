"""The embedded PostgreSQL: one that starts and ends with the server, for those who have no database yet.

server       Embedded: start, stop, keep running
attach       the one that another process runs
binaries     where PostgreSQL's programs are
account      the user that they run as
launch       the script that becomes that user and runs them
directory    the data directory and its lock
leftovers    what a killed server left running
cluster      initdb, settings, role and database
sockets      where the socket is, and what guards it
postmaster   one running postgres, bound to our life
"""

from usage_graph.store.embedded.server import Embedded

__all__ = ["Embedded"]
