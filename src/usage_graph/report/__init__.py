"""The usage page in the terminal: one GraphQL operation (``client``), the numbers and texts of its answer
(``numbers``, ``text``, ``zone``), and the page they make (``page``)."""
