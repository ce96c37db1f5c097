// Package store_test runs the conformance suite of session stores against live servers.
package store_test

func authenticationKey() []byte { return []byte("an authentication key of 32 bytes") }
