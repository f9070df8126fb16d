"""Parts of the zones benchmark: pages and details over HTTP, beside COPY and beside an empty view."""
