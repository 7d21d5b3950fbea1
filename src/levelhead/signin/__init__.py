"""Signing in with OAuth 2.0 (RFC 6749): who is asked, what is kept, and how a sign-in stays alive."""
