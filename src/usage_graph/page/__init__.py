"""The usage page: static files that ask the GraphQL API what they show.

Its source is in ``web/``; ``make page`` builds it into ``static``, which is committed, so that whoever installs the
package needs no Node.js.
"""
