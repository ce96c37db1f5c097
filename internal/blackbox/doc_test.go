// Package blackbox_test tests the whole plugin from the outside: against attackers, providers, proxies and restarts,
// and for what the specifications require.
package blackbox_test
