"""Searches a folder for the keys of the client."""

from codat_keys import Client
from codat_keys.scan import Finding, Scanner

with Client() as client:
    scanner = Scanner(client.keys.list())
leaks = 0
for item in scanner.scan_paths(["."]):
    leaks += 1
    if isinstance(item, Finding):
        print(f"{item.place}:{item.line}:{item.column}: {item.encoding}, key {item.key_id}: {item.excerpt}")
    else:
        print(f"{item.place}: not read: {item.reason}")
print("leaks and unread files:", leaks)
