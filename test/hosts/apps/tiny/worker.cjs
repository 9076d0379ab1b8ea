// A service that answers nobody: it is there, and its health is what the file says.
setInterval(() => undefined, 60_000);
