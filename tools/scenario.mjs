// What only a smoke scenario needs: cookies, with the list of public suffixes, and JSONPath.
export * from 'jsonpath-rfc9535';
export * from 'tough-cookie';
