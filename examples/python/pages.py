"""Prints what the two usage pages begin with. Run it: python pages.py http://127.0.0.1:8000 [project]"""

import os
import sys

from client import Server, ask
from usage_types import CreditsPage, UsagePage, WindowInput


def main(url: str = "http://127.0.0.1:8000", project: str | None = None) -> None:
    server = Server(url, os.environ.get("USAGE_GRAPH_API_KEY"), project)
    month = WindowInput(last="P30D")

    totals = ask(server, UsagePage, window=month).usage.totals
    print(f"calls {totals.calls}")
    print(f"cost {'unknown' if totals.cost is None else format(totals.cost, 'f')}")

    page = ask(server, CreditsPage, window=month)
    print(f"credits {page.usage.totals.credits:f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
