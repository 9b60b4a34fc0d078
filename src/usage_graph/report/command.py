"""``usage-graph report``: its arguments, and what it does. What it needs is imported when it runs."""

import argparse
from collections.abc import Mapping

from usage_graph.config import load
from usage_graph.flags import add_choice
from usage_graph.window import Bucket, CalendarPeriod


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--endpoint", metavar="URL", help="where the server is (default: http://HOST:PORT as set)")
    window = command.add_mutually_exclusive_group()
    window.add_argument("--last", metavar="DURATION", default="P30D", help="PT24H, P7D, P1M ... (default: %(default)s)")
    add_choice(window, "--period", CalendarPeriod, default=None)
    add_choice(command, "--bucket", Bucket, default=Bucket.AUTO)
    command.add_argument("--timezone", metavar="ZONE", help="IANA name such as Europe/Berlin (default: this machine's)")
    command.add_argument("--project", metavar="NAME", help="whose calls (default: those of no named project)")
    command.add_argument("--json", action="store_true", help="print the data of the GraphQL answer")


def run(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings = load(environ)
    from usage_graph.report.client import Question
    from usage_graph.report.show import show
    from usage_graph.report.zone import local_zone

    question = Question(
        endpoint=given.endpoint or settings.http,
        timezone=given.timezone or local_zone(environ),
        last=given.last,
        period=given.period,
        bucket=given.bucket,
        project=given.project,
        key=settings.api_key,
        certificate=None if given.endpoint else settings.tls_cert,
    )
    show(question, as_json=given.json)
    return 0
