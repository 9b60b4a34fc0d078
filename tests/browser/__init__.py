"""The usage page in a real browser: Chromium from the npm registry, driven by Playwright."""
