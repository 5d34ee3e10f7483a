/** The module that bundlers for browsers use in place of this package. */
throw new Error(
    "codat-keys does not run in a browser: an API key must not be in client code. Call Codat from a server.",
);
