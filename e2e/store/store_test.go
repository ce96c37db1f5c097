// Package store_test runs the suite that every session store has to pass against live servers.
package store_test

func authenticationKey() []byte { return []byte("an authentication key of 32 bytes") }
